"""`rag keys` and `rag users`."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from api.cli.common import AsJson, DataDir, check_name, plain, print_json, print_table, running, system_user
from store.types import Key, Role

keys_app = typer.Typer(help="API keys for the server.", no_args_is_help=True)
users_app = typer.Typer(help="Who has keys for the server.", no_args_is_help=True)


@keys_app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What the key may do; each may what those before it may.")],
    user: Annotated[str | None, typer.Option(help="Whose key; default: you.")] = None,
    expires_at: Annotated[
        datetime | None, typer.Option(help="When it stops being good (UTC); default: when it is revoked.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; its secret is shown now and never again."""
    from api.audit import by_command
    from api.schemas.access import NewKeyView
    from store import access

    name = user if user is not None else system_user()
    check_name(name, "user")
    with running(data_dir) as application, application.database.transaction() as session:
        view = NewKeyView.of(access.create_key(session, name, role, expires_at))
        by_command(session, "key.create", str(view.id), {"user": name, "role": role})
    if as_json:
        print_json(view)
    else:
        print(f"{view.key}\n\nThe key of {view.user} ({view.role}). Keep it safe: it is not shown again.")


@keys_app.command("list")
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


@keys_app.command("revoke")
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


@users_app.command("list")
def list_users(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all users with the roles of their valid keys, and how many keys were revoked."""
    from store import access

    with running(data_dir) as application, application.database.transaction() as session:
        names = access.list_users(session)
        keys = access.list_keys(session)
    users: list[dict[str, Any]] = []
    for name in names:
        valid = [key for key in keys if key.user == name and _valid(key)]
        users.append(
            {
                "name": name,
                "roles": sorted({key.role for key in valid}),
                "keys": len(valid),
                "revoked_keys": sum(key.user == name and key.revoked_at is not None for key in keys),
            }
        )
    if as_json:
        print_json({"users": users})
    else:
        rows = [
            [user["name"], ", ".join(user["roles"]), user["keys"], user["revoked_keys"]] for user in users
        ]
        print_table(["name", "roles", "keys", "revoked"], rows)


def _valid(key: Key) -> bool:
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return key.revoked_at is None and not expired
