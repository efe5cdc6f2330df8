"""Who may call: the API keys of users."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import Session

from store import corpora, users
from store.errors import InvalidKeyError, KeyScopeError, UnknownKeyError
from store.positions import Batch, oldest_first
from store.statement import Statement
from store.tables import CorpusRow, KeyRow, UserRow
from store.types import Corpus, Key, Role, User, Verb
from store.visibility import Reader, corpus_visible

SECRET_BYTES = 32
PREFIX_CHARACTERS = 10
USE_NOTED_EVERY = timedelta(minutes=1)
"""How often it is noted that a key is used: more would be a write for each request."""


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

    corpora: frozenset[int] | None
    """The ids of the corpora that the key is held to; None: none in particular."""
    corpus: Corpus | None = None
    """The corpus that was asked for with it; None where it may not be known of."""

    @property
    def role(self) -> Role:
        """What the key may do: its own role, or its user's if that is less."""
        return self.key.role if self.user.role is None else lesser(self.key.role, self.user.role)


def lesser(one: Role, other: Role) -> Role:
    """The role of these two that may less."""
    return min(one, other, key=tuple(Role).index)


def create_key(
    session: Session,
    user: str,
    role: Role,
    expires_at: datetime | None = None,
    *,
    corpora: Sequence[int] | None = None,
    verbs: Sequence[Verb] | None = None,
) -> NewKey:
    """Make an API key for a user, who is made too if unknown.

    Args:
        session: of the transaction that makes it.
        user: the user's name.
        role: what it may do at most.
        expires_at: when it stops being good; None lets it be good for ever.
        corpora: the ids of those that it is held to; None: all that the user may read.
        verbs: what it is held to; None: all that its role allows.

    Raises:
        KeyScopeError: The user's own role does not allow as much, or the key is to administer though it is
            held to corpora.
    """
    if corpora is not None and verbs is not None and Verb.ADMINISTER in verbs:
        raise KeyScopeError("A key that is held to corpora cannot administer. Leave out one of the two.")
    secret = _new_secret()
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
            corpora=None if corpora is None else sorted(corpora),
            verbs=None if verbs is None else sorted(verbs),
        )
    )
    return NewKey(_key(session.execute(_keys().where(KeyRow.id == key_id)).one()), secret)


def authenticate(session: Session, secret: str, corpus: str | None = None) -> Authenticated:
    """The key whose secret this is, and its user; with them the corpus of a name, which saves a way there.

    Raises:
        InvalidKeyError: There is none, it was revoked, its time is over (by the database's clock), or its
            user is disabled.
    """
    given = {"hash": _hash(secret)}
    statement = _GOOD_KEY if corpus is None else _GOOD_KEY_AND_CORPUS
    row = statement.first(session, given if corpus is None else {**given, "corpus": corpus})
    if row is None:
        raise InvalidKeyError
    if row.is_stale:
        session.execute(
            update(KeyRow)
            .where(KeyRow.id == row.id)
            .values(last_used_at=func.now())
            .execution_options(synchronize_session=False)
        )
    held = None if row.corpora is None else frozenset(row.corpora)
    known = None if corpus is None else corpora.beside(row)
    if known is not None and held is not None and known.id not in held:
        known = None
    return Authenticated(_key(row), users.user_of(row), held, known)


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
    rows = oldest_first(session, statement, KeyRow.created_at, KeyRow.id, after=after, limit=limit)
    return Batch([_key(row) for row in rows.items], rows.next)


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


def rotate_key(session: Session, key_id: UUID, overlap_s: float) -> NewKey:
    """Give a key another secret; the one that it had stays good for so long, to be replaced where it is used.

    Raises:
        UnknownKeyError: There is no such key.
        KeyScopeError: It is revoked or its time is over: make a new one.
    """
    secret = _new_secret()
    rotated = session.scalar(
        update(KeyRow)
        .where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None), _unexpired())
        .values(
            previous_hash=KeyRow.hash,
            previous_expires_at=func.now() + timedelta(seconds=overlap_s),
            hash=_hash(secret),
            prefix=secret[:PREFIX_CHARACTERS],
        )
        .returning(KeyRow.id)
        .execution_options(synchronize_session=False)
    )
    row = session.execute(_keys().where(KeyRow.id == key_id)).one_or_none()
    if row is None:
        raise UnknownKeyError(key_id)
    if rotated is None:
        raise KeyScopeError(f"Key {key_id} is revoked or expired: it gets no other secret. Make a new key.")
    return NewKey(_key(row), secret)


def _new_secret() -> str:
    return "gw_" + secrets.token_urlsafe(SECRET_BYTES)


def _unexpired() -> ColumnElement[bool]:
    return or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > func.now())


def _hash(secret: str) -> str:
    # A fast hash without salt is right here: the secret has 256 random bits, so nobody can guess through
    # it, and equal secrets do not occur. It lets a key be found by its hash, with no comparison whose time
    # tells anything.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _good_key() -> Select[*tuple[Any, ...]]:
    """The key of a hash, if it is good now, and its user; each request asks for one."""
    hashed = bindparam("hash", type_=KeyRow.hash.type)
    still_good = KeyRow.previous_expires_at > func.now()
    is_stale = func.coalesce(KeyRow.last_used_at < func.now() - USE_NOTED_EVERY, True)
    return (
        _keys()
        .add_columns(*users.columns(), KeyRow.corpora, is_stale.label("is_stale"))
        .where(
            or_(KeyRow.hash == hashed, and_(KeyRow.previous_hash == hashed, still_good)),
            KeyRow.revoked_at.is_(None),
            _unexpired(),
            UserRow.disabled_at.is_(None),
        )
    )


def _good_key_and_corpus() -> Select[*tuple[Any, ...]]:
    """The same, and the corpus of a name if the user may know of it."""
    # As text: a column would bring its table into each subselect, and with it the users of all keys.
    reader = Reader(cast(UUID, literal_column("keys.user_id", KeyRow.user_id.type)))
    wanted = and_(CorpusRow.name == bindparam("corpus"), corpus_visible(reader))
    return _good_key().add_columns(*corpora.columns_beside()).outerjoin(CorpusRow, wanted)


_GOOD_KEY = Statement(_good_key)
_GOOD_KEY_AND_CORPUS = Statement(_good_key_and_corpus)


def _keys() -> Select[*tuple[Any, ...]]:
    none = literal([], ARRAY(Text()))
    names = (
        select(func.array_agg(aggregate_order_by(CorpusRow.name, CorpusRow.name)))
        .where(CorpusRow.id == any_(KeyRow.corpora))
        .correlate(KeyRow)
        .scalar_subquery()
    )
    return select(
        KeyRow.id,
        UserRow.name,
        KeyRow.role,
        KeyRow.prefix,
        KeyRow.created_at,
        KeyRow.revoked_at,
        KeyRow.expires_at,
        case((KeyRow.corpora.is_not(None), func.coalesce(names, none))).label("held_to"),
        KeyRow.verbs,
        KeyRow.last_used_at,
        KeyRow.previous_expires_at,
    ).join(UserRow, UserRow.id == KeyRow.user_id)


def _key(row: Row[*tuple[Any, ...]]) -> Key:
    return Key(
        id=row.id,
        user=row.name,
        role=Role(row.role),
        prefix=row.prefix,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        corpora=None if row.held_to is None else tuple(row.held_to),
        verbs=None if row.verbs is None else tuple(Verb(verb) for verb in row.verbs),
        last_used_at=row.last_used_at,
        old_until=row.previous_expires_at,
    )
