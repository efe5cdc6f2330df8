"""`rag groups`."""

from typing import Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, check_name, plain, print_json, print_table, running
from store.types import Group

app = typer.Typer(help="Groups of users, which are given rights together.", no_args_is_help=True)

GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
UserName = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]

AT_ONCE = 500


@app.command("list")
def list_groups(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all groups with how many members they have."""
    from api.schemas.users import GroupView
    from store import groups

    found: list[Group] = []
    after = None
    with running(data_dir) as application, application.database.transaction() as session:
        while True:
            batch = groups.page(session, after=after, limit=AT_ONCE)
            found += batch.items
            if batch.next is None:
                break
            after = batch.next
    if as_json:
        print_json({"groups": [plain(GroupView.model_validate(group)) for group in found]})
    else:
        rows = [[group.name, group.members, group.description or ""] for group in found]
        print_table(["name", "members", "description"], rows)


@app.command("create")
def create(
    name: GroupName,
    description: Annotated[str | None, typer.Option(help="Who belongs to it.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a group without members."""
    from api.audit import by_command
    from api.schemas.users import GroupView
    from store import groups

    check_name(name, "group")
    with running(data_dir) as application, application.database.transaction() as session:
        group = groups.create(session, name, description)
        by_command(session, "group.create", name)
    if as_json:
        print_json(GroupView.model_validate(group))
    else:
        print(f"The group {group.name} is there now; put users in: rag groups add {group.name} USER")


@app.command("delete")
def delete(name: GroupName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Delete a group, and with it what its members may do through it."""
    from api.audit import by_command
    from store import groups

    with running(data_dir) as application, application.database.transaction() as session:
        groups.delete(session, groups.named(session, name).id)
        by_command(session, "group.delete", name)
    if as_json:
        print_json({"deleted": name})
    else:
        print(f"The group {name} is deleted.")


@app.command("members")
def members(name: GroupName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the users in a group."""
    from api.schemas.users import UserView
    from store import groups, users

    with running(data_dir) as application, application.database.transaction() as session:
        groups.named(session, name)
        found = [user for user in users.list_all(session) if name in user.groups]
    if as_json:
        print_json({"users": [plain(UserView.of(user)) for user in found]})
    else:
        print_table(["name", "role"], [[user.name, user.role] for user in found])


@app.command("add")
def add(name: GroupName, user: UserName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Put a user into a group."""
    _set_member(name, user, data_dir, as_json=as_json, inside=True)


@app.command("remove")
def remove(name: GroupName, user: UserName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take a user out of a group."""
    _set_member(name, user, data_dir, as_json=as_json, inside=False)


def _set_member(group: str, user: str, data_dir: Any, *, as_json: bool, inside: bool) -> None:
    from api.audit import by_command
    from api.schemas.users import UserView
    from store import groups, users

    with running(data_dir) as application, application.database.transaction() as session:
        ids = groups.named(session, group).id, users.named(session, user).id
        (groups.add_member if inside else groups.remove_member)(session, *ids)
        by_command(session, "group.add" if inside else "group.remove", group, {"user": user})
        changed = users.get(session, ids[1])
    if as_json:
        print_json(UserView.of(changed))
    else:
        print(f"The groups of {user}: {', '.join(changed.groups) or 'none'}.")
