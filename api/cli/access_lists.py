"""`rag corpora access` and `rag documents readers`."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, DataDir, print_json, print_table, running
from api.cli.exits import CommandError
from store.types import Level, Readers

GROUP = "group:"
USER = "user:"
NOTHING = "none"

ReaderNames = Annotated[
    list[str] | None,
    typer.Option(
        "--readers",
        metavar="NAME",
        help="Who may see the documents: user:NAME or group:NAME; may be given several times.",
    ),
]


def readers_of(names: Sequence[str] | None) -> Readers | None:
    """The list that is given on the command line; None where nothing is.

    Raises:
        CommandError: A name is neither a user's nor a group's.
    """
    if not names:
        return None
    for name in names:
        if not name.startswith((USER, GROUP)):
            raise CommandError(f"{name!r} says not of what it is the name. Write user:{name} or group:{name}")
    users = tuple(name.removeprefix(USER) for name in names if name.startswith(USER))
    return Readers(users, tuple(name.removeprefix(GROUP) for name in names if name.startswith(GROUP)))


def access(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The corpus's name.")],
    restricted: Annotated[
        bool | None,
        typer.Option("--restrict/--open", help="For those only that it is granted to, or for all."),
    ] = None,
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHO=LEVEL",
            help="Such as user:ada=manage or group:legal=read; levels: read, write, manage, none.",
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who may do what with a corpus, after changing it."""
    from api.audit import by_command
    from api.schemas.documents import AccessView
    from store import access_lists, corpora
    from store.access_lists import CorpusAccess

    with running(data_dir) as application, application.database.transaction() as session:
        corpus_id = corpora.get(session, name).id
        shown = access_lists.corpus_access(session, corpus_id)
        if restricted is not None or grant:
            users, groups = dict(shown.users), dict(shown.groups)
            for each in grant or ():
                _apply(each, users, groups)
            wanted = CorpusAccess(shown.restricted if restricted is None else restricted, users, groups)
            shown = access_lists.set_corpus_access(session, corpus_id, wanted)
            by_command(
                session, "corpus.access", name, {"restricted": shown.restricted, "grants": grant or []}
            )
    if as_json:
        print_json(AccessView.model_validate(shown))
        return
    print(f"The corpus {name} is {'for those named here' if shown.restricted else 'open to all users'}.")
    rows = [[USER + who, level] for who, level in shown.users.items()]
    print_table(["who", "level"], rows + [[GROUP + who, level] for who, level in shown.groups.items()])


def readers(
    document_id: Annotated[UUID, typer.Argument(metavar="ID", help="The document's id.")],
    names: ReaderNames = None,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="Take its list away: all see it that may read its corpus.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who may see a document, after changing it; nothing is embedded again."""
    from api.audit import by_command
    from api.schemas.documents import ReadersView
    from store import access_lists, documents

    wanted = readers_of(names)
    if wanted is not None and everybody:
        raise CommandError("A document is for everybody, or for those on a list. Leave out one of the two.")
    with running(data_dir) as application, application.database.transaction() as session:
        documents.get(session, document_id)
        if wanted is not None or everybody:
            access_lists.set_document_readers(session, document_id, wanted)
            by_command(session, "document.access", str(document_id), {"readers": names})
        shown = access_lists.document_readers(session, document_id)
    if as_json:
        print_json(ReadersView.of(shown))
    elif shown is None:
        print("All see it that may read its corpus.")
    else:
        print_table(
            ["reader"], [[USER + who] for who in shown.users] + [[GROUP + who] for who in shown.groups]
        )


def _apply(grant: str, users: dict[str, Level], groups: dict[str, Level]) -> None:
    """Change a list as one option of the command line says.

    Raises:
        CommandError: It says nothing that can be understood.
    """
    who, _, level = grant.rpartition("=")
    named = users if who.startswith(USER) else groups
    if not who.startswith((USER, GROUP)) or level not in (*Level, NOTHING):
        levels = ", ".join([*Level, NOTHING])
        raise CommandError(f"{grant!r} is no grant. Write e.g. group:legal=read; the levels are {levels}")
    name = who.partition(":")[2]
    if level == NOTHING:
        named.pop(name, None)
    else:
        named[name] = Level(level)
