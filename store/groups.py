"""Groups of users, which are given rights together."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import NameTakenError, UnknownGroupError
from store.positions import Batch, oldest_first
from store.tables import GroupRow, MemberRow, among
from store.types import Group


def create(session: Session, name: str, description: str | None = None) -> Group:
    """Make a group without members.

    Raises:
        NameTakenError: There is one of this name.
    """
    made = session.execute(
        insert(GroupRow)
        .values(id=uuid4(), name=name, description=description)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(GroupRow.id)
    ).scalar_one_or_none()
    if made is None:
        raise NameTakenError("group", name)
    return get(session, made)


def get(session: Session, group_id: UUID) -> Group:
    """The group with this id.

    Raises:
        UnknownGroupError: There is none.
    """
    row = session.execute(_groups().where(GroupRow.id == group_id)).one_or_none()
    if row is None:
        raise UnknownGroupError(group_id)
    return _group(row)


def named(session: Session, name: str) -> Group:
    """The group of this name.

    Raises:
        UnknownGroupError: There is none.
    """
    row = session.execute(_groups().where(GroupRow.name == name)).one_or_none()
    if row is None:
        raise UnknownGroupError(name)
    return _group(row)


def ids_of(session: Session, names: Sequence[str]) -> dict[str, UUID]:
    """The ids of the groups of these names.

    Raises:
        UnknownGroupError: One of them is not there; the error names it.
    """
    rows = session.execute(select(GroupRow.name, GroupRow.id).where(among(GroupRow.name, list(names))))
    found = {row.name: row.id for row in rows}
    for name in names:
        if name not in found:
            raise UnknownGroupError(name)
    return found


def page(session: Session, *, after: str | None, limit: int) -> Batch[Group]:
    """The next `limit` groups, oldest first.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    rows = oldest_first(session, _groups(), GroupRow.created_at, GroupRow.id, after=after, limit=limit)
    return Batch([_group(row) for row in rows.items], rows.next)


def change(session: Session, group_id: UUID, changes: Mapping[str, Any]) -> Group:
    """Change its `name` or `description`; what is not named stays.

    Raises:
        UnknownGroupError: There is no such group.
        NameTakenError: Another group has the name.
    """
    values = {name: changes[name] for name in ("name", "description") if name in changes}
    if "name" in values:
        other = session.scalar(select(GroupRow.id).where(GroupRow.name == values["name"]))
        if other not in (None, group_id):
            raise NameTakenError("group", values["name"])
    if values:
        session.execute(
            update(GroupRow)
            .where(GroupRow.id == group_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
    return get(session, group_id)


def delete(session: Session, group_id: UUID) -> None:
    """Delete a group, and with it what its members may do through it.

    Raises:
        UnknownGroupError: There is no such group.
    """
    get(session, group_id)
    session.execute(sql_delete(GroupRow).where(GroupRow.id == group_id))


def add_member(session: Session, group_id: UUID, user_id: UUID) -> None:
    """Put a user into a group; one that is in it already stays. Both have to be there."""
    session.execute(insert(MemberRow).values(group_id=group_id, user_id=user_id).on_conflict_do_nothing())


def remove_member(session: Session, group_id: UUID, user_id: UUID) -> None:
    """Take a user out of a group; one that is not in it is no error."""
    session.execute(sql_delete(MemberRow).where(MemberRow.group_id == group_id, MemberRow.user_id == user_id))


def _groups() -> Select[*tuple[Any, ...]]:
    members = select(func.count()).where(MemberRow.group_id == GroupRow.id).scalar_subquery()
    return select(
        GroupRow.id, GroupRow.name, GroupRow.description, GroupRow.created_at, members.label("members")
    )


def _group(row: Row[*tuple[Any, ...]]) -> Group:
    return Group(row.id, row.name, row.description, row.members, row.created_at)
