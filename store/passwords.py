"""Passwords: only their hashes are kept (Argon2id, RFC 9106, with the parameters of argon2-cffi)."""

import threading
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import WeakPasswordError
from store.postgres import Database
from store.tables import PasswordRow, UserRow

MIN_CHARACTERS = 12
MAX_CHARACTERS = 1_000

# A hash takes 64 MiB of memory: no more than two at once, however many try to log in.
_AT_ONCE = threading.BoundedSemaphore(2)

# The hash of a password that nobody has, so that unknown users take as long as known ones.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$FAMU2ov69yFbPCfxCXFYFw$d0GwGnbPwA9AwPrwQgymEEMKrCLqy2Ks14VraIXtZEE"


def check_strength(user: str, password: str) -> None:
    """See to it that a password can be one.

    Raises:
        WeakPasswordError: It is too short, too long, or the user's name.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise WeakPasswordError(
            f"The password has {len(password)} characters; it needs {MIN_CHARACTERS} to {MAX_CHARACTERS:,}. "
            "Several words that do not belong together are easy to remember."
        )
    if user.casefold() in password.casefold() and len(password) < len(user) + MIN_CHARACTERS:
        raise WeakPasswordError("The password is little more than the user's name. Choose another.")
    if len(set(password)) < MIN_CHARACTERS // 2:
        raise WeakPasswordError("The password repeats few characters. Choose another.")


def change(session: Session, user_id: UUID, user: str, password: str) -> None:
    """Give a user a password, in place of the one before.

    Raises:
        WeakPasswordError: It is too short, too long, or easy to guess.
    """
    check_strength(user, password)
    hash = _hash(password)
    session.execute(
        insert(PasswordRow)
        .values(user_id=user_id, hash=hash)
        .on_conflict_do_update(index_elements=["user_id"], set_={"hash": hash, "changed_at": func.now()})
    )


def matches(database: Database, user: str, password: str) -> bool:
    """Whether this is the user's password; for a user who has none, or is unknown, it takes as long.

    Nothing of the database is held while the hash is computed.
    """
    statement = select(PasswordRow.hash).join(UserRow, UserRow.id == PasswordRow.user_id)
    with database.transaction() as session:
        stored = session.scalar(statement.where(UserRow.name == user))
    return _verify(stored or _NOBODYS, password) and stored is not None


def _hash(password: str) -> str:
    from argon2 import PasswordHasher

    with _AT_ONCE:
        return PasswordHasher().hash(password.encode("utf-8", "surrogatepass"))


def _verify(hash: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    with _AT_ONCE:
        try:
            return PasswordHasher().verify(hash, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
