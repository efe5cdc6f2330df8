"""Logins: that somebody showed their password in a browser, until they log out or time is over.

Whoever fails too often has to wait, longer each time: as one user from anywhere, and from one address as
anybody. An attempt is counted before the password is looked at, so that many at once gain nothing.
"""

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store import users
from store.errors import InvalidLoginError, LockedOutError
from store.tables import FailureRow, LoginRow, UserRow
from store.types import User

SECRET_BYTES = 32
FREE_OF_USER = 5
"""How often it may fail to log in as somebody before there is a wait."""
FREE_OF_ADDRESS = 50
"""How often it may fail from one address, behind which there may be many people."""
LONGEST_WAIT_S = 900
FORGOTTEN_AFTER = timedelta(days=1)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True)
class NewLogin:
    """A login that was just made; the only time that its secret can be seen."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True)
class Login:
    """Somebody who is logged in."""

    id: UUID
    user: User
    expires_at: datetime


def begin(session: Session, user_id: UUID, lifetime: timedelta) -> NewLogin:
    """Log a user in, who has shown who they are; logins that are long over are forgotten."""
    session.execute(delete(LoginRow).where(LoginRow.expires_at < func.now() - FORGOTTEN_AFTER))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    statement = insert(LoginRow).values(user_id=user_id, hash=_hash(secret), expires_at=func.now() + lifetime)
    return NewLogin(secret, session.scalars(statement.returning(LoginRow.expires_at)).one())


def find(session: Session, secret: str) -> Login:
    """The login whose secret this is.

    Raises:
        InvalidLoginError: There is none, it was ended, its time is over, or its user is disabled.
    """
    row = session.execute(
        select(LoginRow.id, LoginRow.expires_at, *users.columns())
        .join(UserRow, UserRow.id == LoginRow.user_id)
        .where(
            LoginRow.hash == _hash(secret),
            LoginRow.ended_at.is_(None),
            LoginRow.expires_at > func.now(),
            UserRow.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise InvalidLoginError
    return Login(row.id, users.user_of(row), row.expires_at)


def end(session: Session, login_id: UUID) -> None:
    """Log out."""
    _end(session, LoginRow.id == login_id)


def end_all(session: Session, user_id: UUID, *, but: UUID | None = None) -> int:
    """Log a user out everywhere, but for one login; returns how many were ended."""
    which = LoginRow.user_id == user_id
    return _end(session, which if but is None else which & (LoginRow.id != but))


def attempt(session: Session, subject: str, free: int) -> None:
    """Count an attempt as failed until `succeed` takes it back; commit it before the password is looked at.

    `subject` says as whom, or from where; `free` is how many may fail before there is a wait.

    Raises:
        LockedOutError: It failed too often, and the wait is not over; this attempt is not counted.
    """
    now = func.clock_timestamp()
    session.execute(delete(FailureRow).where(FailureRow.last_at < now - FORGOTTEN_AFTER))
    key = _hash(subject)
    counted = session.scalar(
        insert(FailureRow)
        .values(subject=key, failures=1, last_at=now)
        .on_conflict_do_update(
            index_elements=["subject"],
            set_={"failures": FailureRow.failures + 1, "last_at": now},
            where=FailureRow.last_at + _wait(free) <= now,
        )
        .returning(FailureRow.failures)
    )
    if counted is None:
        left = func.extract("epoch", FailureRow.last_at + _wait(free) - now)
        wait_s = session.scalar(select(left).where(FailureRow.subject == key))
        raise LockedOutError(max(1, math.ceil(wait_s or 1)))


def succeed(session: Session, subject: str) -> None:
    """Forget the failures of a subject."""
    key = _hash(subject)
    session.execute(delete(FailureRow).where(FailureRow.subject == key))


def take_back(session: Session, subject: str) -> None:
    """Count an attempt no longer as failed; those before it stay counted."""
    key = _hash(subject)
    session.execute(
        update(FailureRow)
        .where(FailureRow.subject == key, FailureRow.failures > 0)
        .values(failures=FailureRow.failures - 1)
        .execution_options(synchronize_session=False)
    )


def _wait(free: int) -> ColumnElement[timedelta]:
    """How long to wait after a failure: 2 s after the last that is free, then twice as long each time."""
    doublings = func.least(FailureRow.failures - free + 1, _MOST_DOUBLINGS)
    seconds = func.least(func.power(2, doublings), LONGEST_WAIT_S)
    wait: ColumnElement[timedelta] = case(
        (FailureRow.failures < free, func.make_interval()),
        else_=func.make_interval(0, 0, 0, 0, 0, 0, seconds),
    )
    return wait


def _end(session: Session, which: ColumnElement[bool]) -> int:
    ended = session.execute(
        update(LoginRow)
        .where(which, LoginRow.ended_at.is_(None))
        .values(ended_at=func.now())
        .returning(LoginRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def _hash(text: str) -> str:
    # As with API keys, a fast hash is right for secrets of 256 random bits; names it only makes equally long.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
