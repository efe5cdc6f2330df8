"""`rag keys`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, DataDir, check_name, plain, print_json, print_table, running, system_user
from store.types import Role, Verb

app = typer.Typer(help="API keys for the server.", no_args_is_help=True)


@app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do; each may what those before it may.")],
    user: Annotated[str | None, typer.Option(help="Whose key; default: you.")] = None,
    expires_at: Annotated[
        datetime | None, typer.Option(help="When it stops being good (UTC); default: when it is revoked.")
    ] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Hold it to this corpus; may be repeated.")
    ] = None,
    verb: Annotated[
        list[Verb] | None, typer.Option(help="Hold it to this; may be repeated. Default: all of its role.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is shown now and never again."""
    from api.audit import by_command
    from api.schemas.access import NewKeyView
    from store import access, corpora

    name = user if user is not None else system_user()
    check_name(name, "user")
    with running(data_dir) as application, application.database.transaction() as session:
        held = [corpora.get(session, each).id for each in corpus] if corpus else None
        new = access.create_key(session, name, role, expires_at, corpora=held, verbs=verb or None)
        view = NewKeyView.of(new)
        by_command(session, "key.create", str(view.id), {"user": name, "role": role})
    if as_json:
        print_json(view)
    else:
        print(f"{view.key}\n\nThe key of {view.user} ({view.role}). Keep it safe: it is not shown again.")


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all keys, revoked ones too; never their secrets."""
    from api.schemas.access import KeyView
    from store import access

    with running(data_dir) as application, application.database.transaction() as session:
        keys = access.list_keys(session)
    if as_json:
        print_json({"keys": [plain(KeyView.model_validate(key)) for key in keys]})
    else:
        rows = [
            [key.id, key.user, key.role, key.prefix + "…", key.created_at, key.expires_at, key.revoked_at]
            for key in keys
        ]
        print_table(["id", "user", "role", "key", "made", "expires", "revoked"], rows)


@app.command("rotate")
def rotate(
    key_id: Annotated[UUID, typer.Argument(metavar="ID", help="The key's id, as `rag keys list` shows it.")],
    overlap_s: Annotated[
        float, typer.Option(min=0, help="For how many seconds the secret that it had stays good.")
    ] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret; it is shown now and never again."""
    from api.audit import by_command
    from api.schemas.access import NewKeyView
    from store import access

    with running(data_dir) as application, application.database.transaction() as session:
        view = NewKeyView.of(access.rotate_key(session, key_id, overlap_s))
        by_command(session, "key.rotate", str(key_id), {"user": view.user})
    if as_json:
        print_json(view)
    else:
        print(f"{view.key}\n\nThe new key of {view.user}. Keep it safe: it is not shown again.")


@app.command("revoke")
def revoke(
    key_id: Annotated[UUID, typer.Argument(metavar="ID", help="The key's id, as `rag keys list` shows it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key useless from now on."""
    from api.audit import by_command
    from api.schemas.access import KeyView
    from store import access

    with running(data_dir) as application, application.database.transaction() as session:
        key = access.revoke_key(session, key_id)
        by_command(session, "key.revoke", str(key_id), {"user": key.user})
    if as_json:
        print_json(KeyView.model_validate(key))
    else:
        print(f"The key {key.prefix}… of {key.user} is revoked.")
