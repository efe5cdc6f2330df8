"""Users: persons and programs that ask, ingest, review or administer."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from store.errors import NameTakenError, UnknownUserError
from store.positions import Batch, oldest_first
from store.tables import GroupRow, MemberRow, UserRow, among
from store.types import NO_LIMITS, Limits, Role, User

LIMITS = ("requests_per_minute", "answers_per_day", "ingested_bytes_per_day")
CHANGEABLE = ("display_name", "email", "role", *LIMITS)
"""What `change` takes besides `disabled`."""


def ensure(session: Session, name: str) -> UUID:
    """The id of the user of this name, made now without a role if there is none."""
    session.execute(
        insert(UserRow).values(id=uuid4(), name=name).on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(select(UserRow.id).where(UserRow.name == name)).one()


def create(
    session: Session,
    name: str,
    *,
    role: Role | None = None,
    display_name: str | None = None,
    email: str | None = None,
    limits: Limits = NO_LIMITS,
) -> User:
    """Make a user.

    Raises:
        NameTakenError: There is one of this name.
    """
    made = session.execute(
        insert(UserRow)
        .values(id=uuid4(), name=name, role=role, display_name=display_name, email=email, **vars(limits))
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(UserRow.id)
    ).scalar_one_or_none()
    if made is None:
        raise NameTakenError("user", name)
    return get(session, made)


def get(session: Session, user_id: UUID) -> User:
    """The user with this id.

    Raises:
        UnknownUserError: There is none.
    """
    row = session.execute(_users().where(UserRow.id == user_id)).one_or_none()
    if row is None:
        raise UnknownUserError(user_id)
    return user_of(row)


def named(session: Session, name: str) -> User:
    """The user of this name.

    Raises:
        UnknownUserError: There is none.
    """
    row = session.execute(_users().where(UserRow.name == name)).one_or_none()
    if row is None:
        raise UnknownUserError(name)
    return user_of(row)


def ids_of(session: Session, names: Sequence[str]) -> dict[str, UUID]:
    """The ids of the users of these names.

    Raises:
        UnknownUserError: One of them is not there; the error names it.
    """
    rows = session.execute(select(UserRow.name, UserRow.id).where(among(UserRow.name, list(names))))
    found = {row.name: row.id for row in rows}
    for name in names:
        if name not in found:
            raise UnknownUserError(name)
    return found


def list_all(session: Session) -> list[User]:
    """All users by name, disabled ones included."""
    return [user_of(row) for row in session.execute(_users().order_by(UserRow.name))]


def page(session: Session, *, after: str | None, limit: int, group: UUID | None = None) -> Batch[User]:
    """The next `limit` users, oldest first; `group` None takes all, else only its members.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _users().add_columns(UserRow.created_at, UserRow.id)
    if group is not None:
        inside = select(MemberRow.user_id).where(MemberRow.group_id == group)
        statement = statement.where(UserRow.id.in_(inside))
    rows = oldest_first(session, statement, UserRow.created_at, UserRow.id, after=after, limit=limit)
    return Batch([user_of(row) for row in rows.items], rows.next)


def change(session: Session, user_id: UUID, changes: Mapping[str, Any]) -> User:
    """Change some of `display_name`, `email`, `role`, `disabled` and the limits; what is not named stays.

    A disabled user's keys are refused from the next request on, and work again when it is enabled.

    Raises:
        UnknownUserError: There is no such user.
    """
    values = {name: changes[name] for name in CHANGEABLE if name in changes}
    if "disabled" in changes:
        values["disabled_at"] = (
            func.coalesce(UserRow.disabled_at, func.now()) if changes["disabled"] else None
        )
    if values:
        session.execute(
            update(UserRow)
            .where(UserRow.id == user_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
    return get(session, user_id)


def columns() -> list[Any]:
    """What `user_of` needs of a user, to be read beside other columns."""
    groups = (
        select(func.array_agg(aggregate_order_by(GroupRow.name, GroupRow.name)))
        .join(MemberRow, MemberRow.group_id == GroupRow.id)
        .where(MemberRow.user_id == UserRow.id)
        .correlate(UserRow)
        .scalar_subquery()
    )
    read = {
        "id": UserRow.id,
        "name": UserRow.name,
        "display_name": UserRow.display_name,
        "email": UserRow.email,
        "role": UserRow.role,
        "disabled_at": UserRow.disabled_at,
        "created_at": UserRow.created_at,
        "groups": groups,
        **{name: getattr(UserRow, name) for name in LIMITS},
    }
    return [column.label(f"user_{name}") for name, column in read.items()]


def user_of(row: Row[*tuple[Any, ...]]) -> User:
    """The user whose `columns` a row has."""
    return User(
        row.user_id,
        row.user_name,
        row.user_display_name,
        row.user_email,
        None if row.user_role is None else Role(row.user_role),
        row.user_disabled_at,
        row.user_created_at,
        tuple(row.user_groups or ()),
        Limits(row.user_requests_per_minute, row.user_answers_per_day, row.user_ingested_bytes_per_day),
    )


def _users() -> Select[*tuple[Any, ...]]:
    return select(*columns())
