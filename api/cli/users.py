"""`rag users`."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, check_name, note, plain, print_json, print_table, running
from store.types import Key, Role, User

app = typer.Typer(help="Who may use the server.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
OwnRole = Annotated[
    Role | None, typer.Option("--role", help="What bounds all keys of the user; default: each its own.")
]
DisplayName = Annotated[str | None, typer.Option("--display-name", help="How people call the user.")]
Email = Annotated[str | None, typer.Option("--email", help="Where the user can be written to.")]


@app.command("list")
def list_users(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all users with the roles of their valid keys, and how many keys were revoked."""
    from api.schemas.users import UserView
    from store import access, users

    with running(data_dir) as application, application.database.transaction() as session:
        found = users.list_all(session)
        keys = access.list_keys(session)
    listed: list[dict[str, Any]] = []
    for user in found:
        own = [key for key in keys if key.user == user.name]
        valid = [key for key in own if user.disabled_at is None and _valid(key)]
        listed.append(
            {
                **plain(UserView.of(user)),
                "roles": sorted({key.role for key in valid}),
                "keys": len(valid),
                "revoked_keys": sum(key.revoked_at is not None for key in own),
            }
        )
    if as_json:
        print_json({"users": listed})
    else:
        rows = [
            [
                user["name"],
                user["role"],
                ", ".join(user["groups"]),
                ", ".join(user["roles"]),
                user["keys"],
                user["revoked_keys"],
                "disabled" if user["disabled"] else "",
            ]
            for user in listed
        ]
        print_table(["name", "role", "groups", "roles of keys", "keys", "revoked", ""], rows)


@app.command("create")
def create(
    name: UserName,
    role: OwnRole = None,
    display_name: DisplayName = None,
    email: Email = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a user, without any key."""
    from api.audit import by_command
    from store import users

    check_name(name, "user")
    with running(data_dir) as application, application.database.transaction() as session:
        user = users.create(session, name, role=role, display_name=display_name, email=email)
        by_command(session, "user.create", name, {"role": role})
    _tell(user, "is there now", as_json=as_json)


@app.command("change")
def change(
    name: UserName,
    role: OwnRole = None,
    display_name: DisplayName = None,
    email: Email = None,
    no_role: Annotated[bool, typer.Option("--no-role", help="Let each key have its own role.")] = False,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="Of all its keys together.")] = None,
    answers_per_day: Annotated[int | None, typer.Option(min=1, help="Questions that it may ask.")] = None,
    ingested_bytes_per_day: Annotated[int | None, typer.Option(min=1, help="Bytes that it may send.")] = None,
    no_limits: Annotated[
        bool, typer.Option("--no-limits", help="Hold it to the server's limits again.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and nothing else."""
    from store.users import LIMITS

    given = {
        "role": role,
        "display_name": display_name,
        "email": email,
        "requests_per_minute": requests_per_minute,
        "answers_per_day": answers_per_day,
        "ingested_bytes_per_day": ingested_bytes_per_day,
    }
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if no_role:
        changes["role"] = None
    if no_limits:
        changes = dict.fromkeys(LIMITS) | changes
    _tell(_change(name, changes, data_dir), "is changed", as_json=as_json)


@app.command("disable")
def disable(name: UserName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Refuse all keys of a user from now on, until the user is enabled again."""
    _tell(_change(name, {"disabled": True}, data_dir), "is disabled", as_json=as_json)


@app.command("enable")
def enable(name: UserName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a disabled user's keys be good again."""
    _tell(_change(name, {"disabled": False}, data_dir), "is enabled", as_json=as_json)


@app.command("password")
def password(
    name: UserName,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make one and show it, now and never again.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a user a password to log in with in a browser; who is logged in as the user is logged out."""
    import secrets

    from api.audit import by_command
    from store import logins, passwords, users

    given = secrets.token_urlsafe(16) if generate else None
    with running(data_dir) as application:
        with application.database.transaction() as session:
            user = users.named(session, name)
        typed = given or typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        with application.database.transaction() as session:
            passwords.change(session, user.id, name, typed)
            ended = logins.end_all(session, user.id)
            by_command(session, "user.password", name)
    if as_json:
        print_json({"user": name, "password": given, "ended_logins": ended})
        return
    print(given or f"The user {name} has another password.")
    if user.role is None:
        note(f"A login allows nothing until the user has a role: rag users change {name} --role ROLE")


@app.command("logout")
def logout(name: UserName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Log a user out of all browsers; API keys stay."""
    from api.audit import by_command
    from store import logins, users

    with running(data_dir) as application, application.database.transaction() as session:
        ended = logins.end_all(session, users.named(session, name).id)
        by_command(session, "logout", name, {"everywhere": True})
    if as_json:
        print_json({"user": name, "ended_logins": ended})
    else:
        print(f"The user {name} is logged out ({ended} logins).")


def _change(name: str, changes: dict[str, Any], data_dir: Any) -> User:
    from api.audit import by_command
    from store import users

    with running(data_dir) as application, application.database.transaction() as session:
        user = users.change(session, users.named(session, name).id, changes)
        by_command(session, "user.change", name, changes)
    return user


def _tell(user: User, what: str, *, as_json: bool) -> None:
    from api.schemas.users import UserView

    if as_json:
        print_json(UserView.of(user))
    else:
        bound = f"as {user.role}" if user.role else "with the role of each key"
        print(f"The user {user.name} {what}, {bound}.")


def _valid(key: Key) -> bool:
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return key.revoked_at is None and not expired
