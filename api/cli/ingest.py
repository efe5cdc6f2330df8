"""`rag ingest`."""

import json
import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.access_lists import ReaderNames, readers_of
from api.cli.common import (
    AsJson,
    CorpusName,
    DataDir,
    check_name,
    print_json,
    running,
    system_user,
)
from api.cli.exits import CommandError, ExitCode
from api.cli.progress import print_forecast, print_report, saying_how_to_go_on, showing
from store.types import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ingest.options import IngestOptions
    from ingest.report import Report


def ingest(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders (to the bottom), addresses of databases, pydoc:MODULE or pydoc:stdlib.",
        ),
    ],
    corpus: CorpusName,
    prune: Annotated[bool, typer.Option("--prune", help="Remove documents that are gone from PATH.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; tell what would happen, how long and how large.")
    ] = False,
    text_field: Annotated[str | None, typer.Option(help="Field of JSONL and CSV with the text.")] = None,
    id_field: Annotated[str | None, typer.Option(help="Field that identifies a record.")] = None,
    title_field: Annotated[str | None, typer.Option(help="Field with the title.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of files that are not UTF-8.")] = None,
    query: Annotated[
        str | None, typer.Option(help="What to ask of PATHs that are databases, in SQL.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Metadata for every document; may be given several times."),
    ] = None,
    origin: Annotated[
        Origin, typer.Option(help="Who wrote the documents: people, or programs.")
    ] = Origin.HUMAN,
    readers: ReaderNames = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring documents into a corpus, which is made if there is none of this name.

    Text, Markdown, HTML, PDF, office, e-mail and many other files are read. Documents that have not changed
    since the last time cost next to nothing. Exit code 1 says that some could not be ingested; all others
    were.
    """
    check_name(corpus, "corpus")
    from ingest.inputs import find_inputs
    from ingest.options import IngestOptions
    from ingest.readers import ReadOptions

    reading = ReadOptions(
        text_field=text_field, id_field=id_field, title_field=title_field, encoding=encoding, query=query
    )
    options = IngestOptions(
        read=reading,
        metadata=_parse_metadata(metadata or []),
        origin=origin,
        prune=prune,
        readers=readers_of(readers),
    )
    find_inputs(paths, query)  # before the seconds that loading takes
    if dry_run:
        _forecast(paths, corpus, data_dir=data_dir, options=options, as_json=as_json)
        return
    report = _ingest(paths, corpus, data_dir=data_dir, options=options, as_json=as_json)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    if report.documents.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _ingest(
    paths: list[str],
    corpus_name: str,
    *,
    data_dir: DataDir,
    options: "IngestOptions",
    as_json: bool,
) -> "Report":
    with running(data_dir) as application:
        from api.anonymizer import anonymizer_of
        from api.audit import by_command
        from api.bulk import limits_of
        from api.encoders import CorpusEncoder
        from api.reading import with_settings
        from ingest.jobs import ingest as run
        from store import groups, users

        with application.database.transaction() as session:
            if options.readers is not None:  # a misspelt name is told before anything is read
                users.ids_of(session, options.readers.users)
                groups.ids_of(session, options.readers.groups)
            corpus = application.corpus_to_fill(session, corpus_name)
            by_command(session, "ingest", corpus_name, {"paths": len(paths)})
        encoder = CorpusEncoder(application, corpus)
        anonymizer = anonymizer_of(application, corpus)
        reading = with_settings(options.read, application.settings)
        with saying_how_to_go_on(), showing(as_json) as progress:
            return run(
                paths,
                corpus,
                database=application.database,
                embed=encoder.encode,
                tokens=encoder.token_offsets,
                options=replace(options, read=reading, chunk_size=encoder.chunk_size()),
                limits=limits_of(application.settings),
                progress=progress,
                user=system_user(),
                anonymizer=anonymizer,
            )


def _forecast(
    paths: list[str],
    corpus_name: str,
    *,
    data_dir: DataDir,
    options: "IngestOptions",
    as_json: bool,
) -> None:
    """Tell what an ingestion would do; a corpus that does not exist is not made for it."""
    with running(data_dir) as application, showing(as_json) as progress:
        from api.anonymizer import anonymizer_of
        from api.bulk import limits_of
        from api.reading import with_settings
        from ingest.dry_run import forecast
        from store import corpora
        from store.errors import UnknownCorpusError

        def embed(texts: "Sequence[str]") -> "NDArray[np.float32]":
            return application.encoder.encode(texts)  # loaded only where it has to be tried

        corpus = None
        with suppress(UnknownCorpusError), application.database.transaction() as session:
            corpus = corpora.get(session, corpus_name)
        found = forecast(
            paths,
            corpus,
            database=application.database,
            embed=embed,
            options=replace(options, read=with_settings(options.read, application.settings)),
            limits=limits_of(application.settings),
            progress=progress,
            anonymizer=None if corpus is None else anonymizer_of(application, corpus),
        )
    if as_json:
        print_json(found.to_json())
    else:
        print_forecast(found)


def _parse_metadata(pairs: list[str]) -> dict[str, Any]:
    """`key=value` pairs; a value that is a JSON number, true or false is one, anything else is text."""
    metadata: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise CommandError(f"--metadata {pair!r} is not KEY=VALUE. Write e.g. --metadata year=2024")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        is_plain = isinstance(parsed, bool | int) or (isinstance(parsed, float) and math.isfinite(parsed))
        metadata[key.strip()] = parsed if is_plain else value
    return metadata
