"""What the commands share: their common options, opening the application, printing."""

import getpass
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.exits import CommandError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from api.build import Application
    from store.types import Corpus

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Where the embedded database and the indexes are kept; default: RAG_DATA_DIR.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
CorpusName = Annotated[str, typer.Option("--corpus", metavar="NAME", help="Which corpus.")]
OnlyCorpus = Annotated[
    str | None,
    typer.Option("--corpus", metavar="NAME", help="Which corpus; needed when there are several."),
]


@contextmanager
def running(data_dir: Path | None, *, log_level: str = "WARNING", **given: Any) -> Iterator["Application"]:
    """The application for the time of a command; `given` are settings from the command line.

    Raises:
        SettingsError: A setting cannot be used.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        PendingMigrationsError: Your database's tables are not up to date.
    """
    from api.build import opened
    from api.logs import configure_logging
    from api.settings import load_settings

    settings = load_settings(data_dir=data_dir, **given)
    configure_logging(settings.log_level or log_level, settings.log_format)
    with opened(settings) as application:
        yield application


def choose_corpus(session: "Session", name: str | None) -> "Corpus":
    """The corpus of this name; without a name the only one that there is.

    Raises:
        UnknownCorpusError: There is no corpus of this name.
        CommandError: There is none at all, or more than one to choose from.
    """
    from store import corpora

    if name is not None:
        return corpora.get(session, name)
    found = [summary.corpus for summary in corpora.list_all(session)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError("There is no corpus yet. Make one: rag ingest PATH... --corpus NAME")
    names = ", ".join(corpus.name for corpus in found)
    raise CommandError(f"There is more than one corpus. Choose with --corpus: {names}")


def check_name(name: str, of: str) -> None:
    """See to it that a name can be one; `of` says what it is the name of.

    Raises:
        CommandError: It cannot.
    """
    from pydantic import TypeAdapter, ValidationError

    from api.schemas.fields import Name

    try:
        TypeAdapter[str](Name).validate_python(name)
    except ValidationError:
        raise CommandError(
            f"{name[:100]!r} cannot be the name of a {of}. Take 1 to 200 characters on one line, "
            "without spaces at the ends."
        ) from None


def parse_filters(text: str | None) -> dict[str, Any]:
    """The metadata filters given as JSON on the command line.

    Raises:
        CommandError: They are no JSON object.
    """
    if text is None:
        return {}
    try:
        filters = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--filters {text!r} is not JSON: {error}. Write e.g. {FILTER_EXAMPLE}") from None
    if not isinstance(filters, dict):
        raise CommandError(f"--filters {text!r} is not an object. Write e.g. {FILTER_EXAMPLE}")
    return filters


FILTER_EXAMPLE = """--filters '{"language": "en"}'"""


def system_user() -> str:
    """Who runs the command, as the log of responses names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid-{os.getuid()}"


def print_json(value: "BaseModel | Mapping[str, Any]") -> None:
    """Print a value as one line of JSON."""
    print(json.dumps(plain(value), ensure_ascii=False, default=str), flush=True)


def plain(value: "BaseModel | Mapping[str, Any]") -> Mapping[str, Any]:
    """A value in JSON's types."""
    return value if isinstance(value, Mapping) else value.model_dump(mode="json")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows in aligned columns, numbers to the right."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in [titles, *cells]) for column in range(len(titles))]
    for number, row in enumerate([titles, *cells]):
        shown = [
            text.rjust(width) if number and isinstance(rows[number - 1][column], int) else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(shown).rstrip())


def shorten(text: str, characters: int) -> str:
    """A text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def note(text: str) -> None:
    """Tell the person at the terminal something that is not the command's result."""
    print(text, file=sys.stderr, flush=True)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M"))
    return str(value)
