import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from store import logins, passwords, users
from store.errors import InvalidLoginError, LockedOutError, WeakPasswordError
from store.postgres import Database
from store.tables import FailureRow, LoginRow, PasswordRow

PASSWORD = "seven brass kettles hum"
HOUR = timedelta(hours=1)


@pytest.fixture
def ada(session: Session) -> UUID:
    return users.ensure(session, "ada")


def test_password_is_kept_as_a_hash_and_compared(database: Database) -> None:
    with database.transaction() as session:
        ada = users.ensure(session, "ada")
        users.ensure(session, "eve")
        passwords.change(session, ada, "ada", "another one, at first")
        passwords.change(session, ada, "ada", PASSWORD)
        stored = session.scalars(select(PasswordRow.hash)).one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored
    assert passwords.matches(database, "ada", PASSWORD)
    assert not passwords.matches(database, "ada", PASSWORD + " ")
    assert not passwords.matches(database, "eve", PASSWORD)
    assert not passwords.matches(database, "nobody", PASSWORD)


def test_unknown_user_costs_a_hash_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    monkeypatch.setattr(passwords, "_verify", lambda hash, password: bool(verified.append(hash)))
    passwords.matches(database, "nobody", PASSWORD)
    assert verified[0].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize(
    ("password", "word"),
    [("short", "5 characters"), ("ada-lovelace1", "name"), ("abababababab", "repeats"), ("x" * 1001, "1001")],
)
def test_weak_password_is_refused(password: str, word: str) -> None:
    with pytest.raises(WeakPasswordError, match=word):
        passwords.check_strength("ada-lovelace", password)


def test_login_is_found_by_its_secret_until_it_ends(session: Session, ada: UUID) -> None:
    first, second, third = (logins.begin(session, ada, HOUR) for _ in range(3))
    stored = session.scalars(select(LoginRow.hash)).all()
    assert first.secret not in stored
    found = logins.find(session, first.secret)
    assert (found.user.name, found.expires_at) == ("ada", first.expires_at)
    logins.end(session, found.id)
    kept = logins.find(session, second.secret)
    assert logins.end_all(session, ada, but=kept.id) == 1
    assert logins.find(session, second.secret).id == kept.id
    for secret in (first.secret, third.secret, "unknown", ""):
        with pytest.raises(InvalidLoginError):
            logins.find(session, secret)


def test_login_is_over_after_its_time_and_for_disabled_users(session: Session, ada: UUID) -> None:
    over = logins.begin(session, ada, timedelta(seconds=-1))
    good = logins.begin(session, ada, HOUR)
    with pytest.raises(InvalidLoginError):
        logins.find(session, over.secret)
    users.change(session, ada, {"disabled": True})
    with pytest.raises(InvalidLoginError):
        logins.find(session, good.secret)


def wait_s(database: Database, free: int) -> int | None:
    try:
        with database.transaction() as session:
            logins.attempt(session, "user ada", free)
    except LockedOutError as error:
        return error.wait_s
    return None


def pass_time(database: Database, seconds: float) -> None:
    with database.transaction() as session:
        session.execute(update(FailureRow).values(last_at=FailureRow.last_at - timedelta(seconds=seconds)))


def test_wait_doubles_after_the_free_failures(database: Database) -> None:
    assert [wait_s(database, 3) for _ in range(3)] == [None] * 3
    for expected in (2, 4, 8):
        left = wait_s(database, 3)
        assert left is not None
        assert expected - 1 <= left <= expected
        pass_time(database, expected)
        assert wait_s(database, 3) is None
    with database.transaction() as session:
        session.execute(update(FailureRow).values(failures=10_000))
    assert 890 <= (wait_s(database, 3) or 0) <= 900


def test_success_and_a_day_forget_failures(database: Database) -> None:
    for forget in (lambda session: logins.succeed(session, "user ada"), None):
        assert [wait_s(database, 2) is None for _ in range(3)] == [True, True, False]
        if forget is None:
            pass_time(database, 90_000)
            continue
        with database.transaction() as session:
            forget(session)
    assert wait_s(database, 2) is None
    with database.transaction() as session:
        assert session.scalars(select(FailureRow.failures)).all() == [1]
        logins.take_back(session, "user ada")
        assert session.scalars(select(FailureRow.failures)).all() == [0]


def test_many_attempts_at_once_are_all_counted(database: Database) -> None:
    refused: list[int] = []

    def attempt() -> None:
        left = wait_s(database, 3)
        if left is not None:
            refused.append(left)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5


def test_subjects_are_not_kept_as_they_are(database: Database) -> None:
    wait_s(database, 3)
    with database.transaction() as session:
        assert "ada" not in str(session.execute(text("SELECT subject FROM login_failures")).all())
