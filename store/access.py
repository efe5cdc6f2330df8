"""Who may call: the API keys of users."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from store import users
from store.errors import InvalidKeyError, KeyScopeError, UnknownKeyError
from store.positions import Batch, parse_position, position
from store.tables import KeyRow, UserRow
from store.types import Key, Role, User

SECRET_BYTES = 32
PREFIX_CHARACTERS = 10


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; the only time that its secret can be seen."""

    key: Key
    secret: str


@dataclass(frozen=True)
class Authenticated:
    """A key that was recognised by its secret, and whose it is."""

    key: Key
    user: User

    @property
    def role(self) -> Role:
        """What the key may do: its own role, or its user's if that is less."""
        return self.key.role if self.user.role is None else lesser(self.key.role, self.user.role)


def lesser(one: Role, other: Role) -> Role:
    """The role of these two that may less."""
    return min(one, other, key=tuple(Role).index)


def create_key(session: Session, user: str, role: Role, expires_at: datetime | None = None) -> NewKey:
    """Make an API key for a user, who is made too if unknown; `expires_at` None lets it be good for ever.

    Raises:
        KeyScopeError: The user's own role does not allow as much.
    """
    secret = "gw_" + secrets.token_urlsafe(SECRET_BYTES)
    key_id = uuid4()
    owner = users.get(session, users.ensure(session, user))
    if owner.role is not None and lesser(role, owner.role) != role:
        raise KeyScopeError(
            f"{user!r} is a {owner.role}, so no key of this user can have the role {role}. Make a key of a "
            f"lesser role, or change the user's: rag users change {user} --role {role}"
        )
    session.execute(
        insert(KeyRow).values(
            id=key_id,
            user_id=owner.id,
            role=role,
            prefix=secret[:PREFIX_CHARACTERS],
            hash=_hash(secret),
            expires_at=expires_at,
        )
    )
    return NewKey(_key(session.execute(_keys().where(KeyRow.id == key_id)).one()), secret)


def authenticate(session: Session, secret: str) -> Authenticated:
    """The key whose secret this is, and its user.

    Raises:
        InvalidKeyError: There is none, it was revoked, its time is over (by the database's clock), or its
            user is disabled.
    """
    unexpired = or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > func.now())
    row = session.execute(
        _keys()
        .add_columns(KeyRow.user_id)
        .where(
            KeyRow.hash == _hash(secret),
            KeyRow.revoked_at.is_(None),
            unexpired,
            UserRow.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise InvalidKeyError
    return Authenticated(_key(row), users.get(session, row.user_id))


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
