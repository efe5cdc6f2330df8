from datetime import timedelta

import pytest
from sqlalchemy import update

from store import limits
from store.errors import LimitReachedError
from store.limits import Limited, Standing
from store.postgres import Database
from store.tables import AllowanceRow


def take(database: Database, amount: int = 1, subject: str = "ada", limit: int = 6) -> Standing | int:
    """What is left, or after how many seconds it can be tried again."""
    try:
        with database.transaction() as session:
            return limits.take(session, subject, Limited.ANSWERS, limit, amount)
    except LimitReachedError as error:
        return error.wait_s


def pass_time(database: Database, hours: float) -> None:
    with database.transaction() as session:
        session.execute(update(AllowanceRow).values(at=AllowanceRow.at - timedelta(hours=hours)))


def test_allowance_is_used_up_and_fills_again(database: Database) -> None:
    taken = [take(database) for _ in range(6)]
    assert [standing.left for standing in taken if isinstance(standing, Standing)] == [5, 4, 3, 2, 1, 0]
    assert isinstance(taken[0], Standing)
    assert taken[0].limit == 6
    assert 14_300 <= taken[0].full_in_s <= 14_400  # one sixth of a day
    wait_s = take(database)
    assert isinstance(wait_s, int)
    assert 14_200 <= wait_s <= 14_400
    pass_time(database, 8)
    assert [isinstance(take(database), Standing) for _ in range(3)] == [True, True, False]
    pass_time(database, 240)
    assert [isinstance(take(database), Standing) for _ in range(7)] == [True] * 6 + [False]


def test_each_subject_has_its_own(database: Database) -> None:
    assert isinstance(take(database, limit=1), Standing)
    assert isinstance(take(database, limit=1), int)
    assert isinstance(take(database, subject="eve", limit=1), Standing)


def test_what_is_charged_afterwards_may_go_below_nothing(database: Database) -> None:
    assert isinstance(take(database, 0), Standing)
    with database.transaction() as session:
        limits.charge(session, "ada", Limited.ANSWERS, 6, 11)
    wait_s = take(database, 0)
    assert isinstance(wait_s, int)
    assert 86_000 <= wait_s <= 86_400  # six sixths of a day, from -5 to 1
    pass_time(database, 24)
    assert isinstance(take(database, 0), Standing)


def test_error_says_what_is_limited(database: Database) -> None:
    with database.transaction() as session:
        limits.take(session, "ada", Limited.REQUESTS, 1)
    with (
        pytest.raises(LimitReachedError, match="limit of 1 requests per minute"),
        database.transaction() as s,
    ):
        limits.take(s, "ada", Limited.REQUESTS, 1)
