"""The `rag` command: its subcommands, and what becomes of errors."""

import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

import typer

from api.cli import (
    access_lists,
    ask,
    audit,
    backup,
    corpora,
    documents,
    duplicates,
    encryption,
    evaluate,
    groups,
    index,
    ingest,
    jobs,
    keys,
    mcp,
    models,
    privacy,
    questioner,
    responses,
    retrieval,
    scoring,
    serve,
    settings,
    synthesize,
    users,
)
from api.cli.exits import ExitCode, error_line, exit_code_of
from api.threads import prepare_torch

EPILOG = (
    "Exit codes: 0 done; 1 some documents failed; 2 bad input; 3 the database cannot be reached; "
    "70 a mistake of ours. Settings: docs/settings.md."
)

app = typer.Typer(
    name="rag",
    help="Answers from your own documents, with the exact characters that each answer came from.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _register() -> None:
    """Put the subjects' commands together, in the order in which `rag --help` lists them."""
    app.command("serve")(serve.serve)
    app.command("migrate")(serve.migrate)
    app.command("ingest")(ingest.ingest)
    app.command("ask")(ask.ask)
    app.command("search")(ask.search)
    app.command("mcp")(mcp.mcp)
    app.command("train", cls=models.ListsInARow)(models.train)
    app.command("calibrate", cls=models.ListsInARow)(models.calibrate)
    app.command("fit-pruning", cls=models.ListsInARow)(models.fit_pruning)
    app.command("average")(models.average)
    app.command("record-data", cls=models.ListsInARow)(models.record_data)
    app.command("train-questioner", cls=models.ListsInARow)(questioner.train_questioner)
    app.command("train-scorer", cls=models.ListsInARow)(scoring.train_scorer)
    app.command("rescore")(scoring.rescore)
    app.command("evaluate", cls=models.ListsInARow)(evaluate.evaluate)
    app.add_typer(synthesize.app, name="synthesize")
    app.add_typer(corpora.app, name="corpora")
    app.add_typer(documents.app, name="documents")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(duplicates.app, name="duplicates")
    app.add_typer(responses.app, name="responses")
    app.add_typer(index.app, name="index")
    app.add_typer(retrieval.app, name="retrieval")
    corpora.app.command("access")(access_lists.access)
    documents.app.command("readers")(access_lists.readers)
    app.add_typer(keys.app, name="keys")
    app.add_typer(users.app, name="users")
    app.add_typer(groups.app, name="groups")
    app.add_typer(privacy.vault_app, name="vault")
    app.command("forget")(privacy.forget)
    app.add_typer(audit.app, name="audit")
    app.add_typer(encryption.app, name="encryption")
    app.command("settings")(settings.settings)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore)


_register()


def main() -> NoReturn:
    """Run the command line on the program's arguments and exit."""
    signal.signal(signal.SIGTERM, _stop)
    prepare_torch()
    try:
        app(prog_name="rag")
    except Exception as error:
        code = exit_code_of(error)
        if code == ExitCode.INTERNAL:
            traceback.print_exc()
        print(f"rag: {error_line(error)}", file=sys.stderr)
        _exit(code)
    except SystemExit as done:
        _exit(done.code)
    _exit(0)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    # An exit in order: the embedded database and the indexes are closed on the way.
    raise SystemExit(128 + number)


def _exit(code: Any) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
