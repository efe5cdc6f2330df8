"""`rag corpora`."""

import json
from typing import Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, check_name, plain, print_json, print_table, running
from api.cli.exits import CommandError

app = typer.Typer(help="Corpora: named sets of documents.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The corpus's name.")]


@app.command("list")
def list_corpora(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all corpora, with how much is in each."""
    from api.schemas.documents import CorpusView
    from store import corpora

    with running(data_dir) as application, application.database.transaction() as session:
        views = [CorpusView.of(summary) for summary in corpora.list_all(session)]
    if as_json:
        print_json({"corpora": [plain(view) for view in views]})
    else:
        rows = [[view.name, view.documents, view.chunks, view.encoder, view.created_at] for view in views]
        print_table(["name", "documents", "chunks", "encoder", "made"], rows)


@app.command("create")
def create(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make an empty corpus; `rag ingest` makes one by itself."""
    from api.audit import by_command
    from api.schemas.documents import CorpusView
    from store import corpora
    from store.types import CorpusSummary

    check_name(name, "corpus")
    with running(data_dir) as application:
        encoder = application.encoder
        with application.database.transaction() as session:
            corpus = corpora.create(session, name, encoder.name, encoder.revision, encoder.dimension)
            by_command(session, "corpus.create", name)
    if as_json:
        print_json(CorpusView.of(CorpusSummary(corpus, documents=0, chunks=0)))
    else:
        print(f"Made corpus {corpus.name}, for the encoder {corpus.encoder}.")


@app.command("settings")
def settings(
    name: Name,
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What to change, such as near_duplicates.threshold=0.9; KEY= brings back the default.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how documents are brought into a corpus, after changing it; docs/ingestion.md explains all."""
    from api import corpus_settings
    from api.audit import by_command
    from ingest.corpus_settings import CorpusSettings
    from store import corpora

    wanted = _parse_changes(changes or [])
    with running(data_dir) as application, application.database.transaction() as session:
        corpus = corpora.get(session, name)
        if wanted:
            corpus = corpus_settings.change(session, name, wanted)
            by_command(session, "corpus.settings", name, {"changes": wanted})
    shown = {**corpus.settings, **CorpusSettings.of(corpus.settings).model_dump(mode="json")}
    if as_json:
        print_json({"corpus": name, "settings": shown})
        return
    rows = [
        [
            f"{subject}.{key}",
            json.dumps(value),
            "chosen" if key in corpus.settings.get(subject, {}) else "default",
        ]
        for subject, chosen in shown.items()
        for key, value in chosen.items()
    ]
    print_table(["setting", "value", ""], rows)


def _parse_changes(pairs: list[str]) -> dict[str, dict[str, Any]]:
    """`subject.key=value` pairs by subject; a value that is JSON is what it says, anything else is text."""
    changes: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        subject, dot, name = key.strip().partition(".")
        if not equals or not dot or not name:
            raise CommandError(f"{pair!r} is not SUBJECT.KEY=VALUE. Write e.g. near_duplicates.threshold=0.9")
        try:
            parsed = json.loads(value) if value else None
        except ValueError:
            parsed = value
        changes.setdefault(subject, {})[name] = parsed
    return changes


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a corpus and its documents for good; what was asked and answered stays in the log."""
    from api.audit import by_command
    from store import corpora

    with running(data_dir) as application:
        with application.database.transaction() as session:
            corpora.get(session, name)
        if not yes and not typer.confirm(f"Delete corpus {name} with all its documents for good?", err=True):
            raise CommandError("Nothing was deleted.")
        with application.database.transaction() as session:
            corpus = corpora.get(session, name)
            corpora.delete(session, name)
            by_command(session, "corpus.delete", name)
        application.indexes.discard(corpus)
    if as_json:
        print_json({"deleted": name})
    else:
        print(f"Deleted corpus {name}.")
