"""Who may call: users and their API keys."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import InvalidKeyError, UnknownKeyError
from store.positions import Batch, parse_position, position
from store.tables import KeyRow, UserRow
from store.types import Key, Role

SECRET_BYTES = 32
PREFIX_CHARACTERS = 10


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; the only time that its secret can be seen."""

    key: Key
    secret: str


def ensure_user(session: Session, name: str) -> UUID:
    """The id of the user of this name, made now if there is none; two callers at once get the same."""
    session.execute(
        insert(UserRow).values(id=uuid4(), name=name).on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(select(UserRow.id).where(UserRow.name == name)).one()


def create_key(session: Session, user: str, role: Role, expires_at: datetime | None = None) -> NewKey:
    """Make an API key for a user, who is made too if unknown; `expires_at` None lets it be good for ever."""
    secret = "gw_" + secrets.token_urlsafe(SECRET_BYTES)
    key_id = uuid4()
    session.execute(
        insert(KeyRow).values(
            id=key_id,
            user_id=ensure_user(session, user),
            role=role,
            prefix=secret[:PREFIX_CHARACTERS],
            hash=_hash(secret),
            expires_at=expires_at,
        )
    )
    return NewKey(_key(session.execute(_keys().where(KeyRow.id == key_id)).one()), secret)


def authenticate(session: Session, secret: str) -> Key:
    """The key whose secret this is.

    Raises:
        InvalidKeyError: There is none, it was revoked, or its time is over (by the database's clock).
    """
    unexpired = or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > func.now())
    row = session.execute(
        _keys().where(KeyRow.hash == _hash(secret), KeyRow.revoked_at.is_(None), unexpired)
    ).one_or_none()
    if row is None:
        raise InvalidKeyError
    return _key(row)


def list_users(session: Session) -> list[str]:
    """The names of all users, those without keys included, in order."""
    return list(session.scalars(select(UserRow.name).order_by(UserRow.name)))


def list_keys(session: Session) -> list[Key]:
    """All keys, revoked ones included, oldest first."""
    return [_key(row) for row in session.execute(_keys().order_by(KeyRow.created_at, KeyRow.id))]


def page_of_keys(session: Session, *, after: str | None, limit: int, user: str | None = None) -> Batch[Key]:
    """The next `limit` keys, revoked ones included, oldest first; `user` None takes everybody's.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _keys()
    if user is not None:
        statement = statement.where(UserRow.name == user)
    if after is not None:
        moment, key_id = parse_position(after)
        statement = statement.where(tuple_(KeyRow.created_at, KeyRow.id) > (moment, key_id))
    rows = session.execute(statement.order_by(KeyRow.created_at, KeyRow.id).limit(limit + 1)).all()
    keys = [_key(row) for row in rows[:limit]]
    return Batch(keys, position(keys[-1].created_at, keys[-1].id) if len(rows) > limit else None)


def revoke_key(session: Session, key_id: UUID) -> Key:
    """Make a key useless from now on; one revoked earlier keeps its time.

    Raises:
        UnknownKeyError: There is no such key.
    """
    session.execute(
        update(KeyRow)
        .where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .execution_options(synchronize_session=False)
    )
    row = session.execute(_keys().where(KeyRow.id == key_id)).one_or_none()
    if row is None:
        raise UnknownKeyError(key_id)
    return _key(row)


def _hash(secret: str) -> str:
    # A fast hash without salt is right here: the secret has 256 random bits, so nobody can guess through
    # it, and equal secrets do not occur. It lets a key be found by its hash, with no comparison whose time
    # tells anything.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _keys() -> Select[*tuple[Any, ...]]:
    return select(
        KeyRow.id,
        UserRow.name,
        KeyRow.role,
        KeyRow.prefix,
        KeyRow.created_at,
        KeyRow.revoked_at,
        KeyRow.expires_at,
    ).join(UserRow, UserRow.id == KeyRow.user_id)


def _key(row: Row[*tuple[Any, ...]]) -> Key:
    return Key(row.id, row.name, Role(row.role), row.prefix, row.created_at, row.revoked_at, row.expires_at)
