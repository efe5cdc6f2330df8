"""`rag ingest`."""

import json
import math
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import (
    AsJson,
    CorpusName,
    DataDir,
    check_name,
    note,
    print_json,
    running,
    shorten,
    system_user,
)
from api.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.options import IngestOptions
    from ingest.report import Progress, Report

SHOWN_PROBLEMS = 20
NOTE_INTERVAL_S = 10.0


def ingest(
    *,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders (to the bottom), pydoc:MODULE, or pydoc:stdlib for all of Python's own.",
        ),
    ],
    corpus: CorpusName,
    prune: Annotated[bool, typer.Option("--prune", help="Remove documents that are gone from PATH.")] = False,
    text_field: Annotated[str | None, typer.Option(help="Field of JSONL and CSV with the text.")] = None,
    id_field: Annotated[str | None, typer.Option(help="Field that identifies a record.")] = None,
    title_field: Annotated[str | None, typer.Option(help="Field with the title.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of files that are not UTF-8.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Metadata for every document; may be given several times."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring documents into a corpus, which is made if there is none of this name.

    txt, md, html, jsonl and csv files are read, also packed as .gz. Documents that have not changed since the
    last time cost next to nothing. Exit code 1 says that some could not be ingested; all others were.
    """
    check_name(corpus, "corpus")
    from ingest.inputs import find_inputs
    from ingest.options import IngestOptions
    from ingest.readers import ReadOptions

    reading = ReadOptions(
        text_field=text_field, id_field=id_field, title_field=title_field, encoding=encoding
    )
    options = IngestOptions(read=reading, metadata=_parse_metadata(metadata or []), prune=prune)
    find_inputs(paths)  # before the seconds that loading takes
    report = _ingest(paths, corpus, data_dir=data_dir, options=options, as_json=as_json)
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
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
        from api.encoders import CorpusEncoder
        from ingest.jobs import ingest as run

        with application.database.transaction() as session:
            corpus = application.corpus_to_fill(session, corpus_name)
        encoder = CorpusEncoder(application, corpus)
        with _progress(as_json) as progress:
            return run(
                paths,
                corpus,
                database=application.database,
                embed=encoder.encode,
                tokens=encoder.token_offsets,
                options=replace(options, chunk_size=encoder.chunk_size()),
                progress=progress,
                user=system_user(),
            )


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


@contextmanager
def _progress(as_json: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """What shows the progress: a bar at a terminal, else a line now and then; nothing beside JSON."""
    if as_json:
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Notes().show


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = [
        TextColumn("Ingesting"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
    ]
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("ingest", total=None, told="reading …")

        def show(progress: "Progress") -> None:
            total = progress.bytes_total or None
            bar.update(task, total=total, completed=progress.bytes_read, told=told(progress))

        yield show


class _Notes:
    """A line of progress now and then."""

    def __init__(self) -> None:
        self._noted_at = time.monotonic()

    def show(self, progress: "Progress") -> None:
        """Note the progress unless that was done just now."""
        if time.monotonic() - self._noted_at >= NOTE_INTERVAL_S:
            self._noted_at = time.monotonic()
            share = progress.bytes_read / progress.bytes_total if progress.bytes_total else 0.0
            note(f"{share:4.0%}  {told(progress)}")


def told(progress: "Progress") -> str:
    """The progress in words: how many documents, how fast, how long it will still take."""
    words = [f"{progress.documents:,} documents"]
    if progress.failed:
        words.append(f"{progress.failed:,} failed")
    if progress.seconds > 0:
        words.append(f"{progress.documents / progress.seconds:,.1f}/s")
    if progress.bytes_read:
        left = progress.seconds * (progress.bytes_total - progress.bytes_read) / progress.bytes_read
        words.append(f"{int(left) // 60}:{int(left) % 60:02} left")
    return ", ".join(words)


def _print_report(report: "Report") -> None:
    counts = report.documents
    told_counts = {
        "new or changed": counts.done,
        "unchanged": counts.unchanged,
        "duplicates": counts.duplicate,
        "near duplicates": counts.near_duplicate,
        "quarantined": counts.quarantined,
        "removed": counts.removed,
        "failed": counts.failed,
        "files of other kinds": report.skipped,
    }
    shown = ", ".join(f"{count:,} {name}" for name, count in told_counts.items() if count)
    print(f"Documents: {shown or 'none'}. {report.chunks:,} new chunks in {report.seconds:.1f} s.")
    for problem in report.problems[:SHOWN_PROBLEMS]:
        line = f" line {problem.line}" if problem.line else ""
        note(f"{problem.source}{line}: {shorten(problem.reason, 300)}")
    more = sum(report.problem_counts.values()) - SHOWN_PROBLEMS
    if more > 0:
        note(f"… and {more:,} more; --json lists them.")
