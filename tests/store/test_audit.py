import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store import audit
from store.audit import Act, ActFilter, Anchor, Break
from store.errors import InvalidCursorError
from store.postgres import Database

DETAILS = {"role": "reader", "days": 1.50, "nested": {"ä": [1, None, True]}}


@pytest.fixture
def chain(database: Database) -> list[Act]:
    """Five acts, each in a transaction of its own."""
    for number in range(1, 6):
        with database.transaction() as session:
            audit.record(session, "ada" if number % 2 else "eve", "key.create", f"key {number}", DETAILS)
    with database.transaction() as session:
        return list(audit.acts(session, ActFilter()))


def tamper(database: Database, *statements: str) -> None:
    """What somebody does who has the database's superuser."""
    with database.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(text(statement))


def breaks(database: Database, *anchors: Anchor) -> list[tuple[int, str]]:
    with database.transaction() as session:
        found = audit.verify(session, anchors).breaks
    return [(each.number, each.reason) for each in found]


def test_hash_is_that_of_the_hash_before_and_the_row(chain: list[Act]) -> None:
    second = chain[1]
    content = [2, second.at.isoformat(timespec="microseconds"), "eve", "key.create", "key 2", DETAILS]
    form = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    assert second.previous == chain[0].hash
    assert second.hash == hashlib.sha256(bytes.fromhex(chain[0].hash) + form).hexdigest()
    assert chain[0].previous == "0" * 64


def test_untouched_chain_is_whole(database: Database, chain: list[Act]) -> None:
    with database.transaction() as session:
        verdict = audit.verify(session, [Anchor(5, chain[4].hash), Anchor(2, chain[1].hash)])
    assert (verdict.rows, verdict.end, verdict.anchors) == (5, Anchor(5, chain[4].hash), 2)
    assert verdict.breaks == ()


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit WHERE number = 5", "TRUNCATE audit"]
)
def test_change_is_refused(database: Database, chain: list[Act], statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))
    assert breaks(database) == []


@pytest.mark.parametrize(
    "change",
    ["actor = 'eve'", "object = 'x'", "details = '{}'", "at = at + interval '1 microsecond'", "action = 'y'"],
)
def test_changed_row_is_found(database: Database, chain: list[Act], change: str) -> None:
    tamper(database, f"UPDATE audit SET {change} WHERE number = 3")
    assert [number for number, _ in breaks(database)] == [3]


def test_changed_row_with_a_hash_that_fits_breaks_the_next(database: Database, chain: list[Act]) -> None:
    forged = Act(**(vars(chain[2]) | {"actor": "nobody"}))
    tamper(database, f"UPDATE audit SET actor = 'nobody', hash = '{audit.hash_of(forged)}' WHERE number = 3")
    assert [number for number, _ in breaks(database)] == [4]


def test_missing_rows_are_found(database: Database, chain: list[Act]) -> None:
    tamper(database, "DELETE FROM audit WHERE number IN (2, 3)")
    assert breaks(database) == [(4, "comes after row 1: 2 to 3 missing")]


def test_rows_that_changed_places_are_found(database: Database, chain: list[Act]) -> None:
    tamper(
        database,
        "UPDATE audit SET number = 9 WHERE number = 2",
        "UPDATE audit SET number = 2 WHERE number = 3",
        "UPDATE audit SET number = 3 WHERE number = 9",
    )
    assert {number for number, _ in breaks(database)} == {2, 3, 4}


def test_tail_that_was_cut_is_found_with_an_anchor_only(database: Database, chain: list[Act]) -> None:
    tamper(database, "DELETE FROM audit WHERE number > 3")
    assert breaks(database) == []
    assert [number for number, _ in breaks(database, Anchor(5, chain[4].hash))] == [5]


def test_chain_that_was_written_anew_is_found_with_an_anchor(database: Database, chain: list[Act]) -> None:
    tamper(database, "DELETE FROM audit")
    for _ in range(5):
        with database.transaction() as session:
            audit.record(session, "ada", "key.create", "another key")
    assert breaks(database) == []
    assert breaks(database, Anchor(2, chain[1].hash)) == [(2, "is another row than the anchor file says")]


def test_act_that_is_undone_leaves_no_row_and_no_gap(database: Database, chain: list[Act]) -> None:
    with pytest.raises(KeyError), database.transaction() as session:
        audit.record(session, "ada", "key.create", "key 6")
        raise KeyError
    with database.transaction() as session:
        audit.record(session, "ada", "key.create", "key 7")
    assert breaks(database) == []


def test_writers_at_once_make_one_chain(database: Database) -> None:
    def write() -> None:
        for number in range(10):
            with database.transaction() as session:
                audit.record(session, threading.current_thread().name, "key.create", str(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.transaction() as session:
        verdict = audit.verify(session)
    assert (verdict.rows, verdict.breaks) == (40, ())


def test_filters_narrow_the_list(session: Session, database: Database, chain: list[Act]) -> None:
    audit.record(session, "ada", "key", "x")
    audit.record(session, "ada", "keyring.create", "x")

    def listed(**wanted: str | datetime) -> list[int]:
        found = audit.page(session, ActFilter(**wanted), after=None, limit=50).items  # type: ignore[arg-type]
        return [act.number for act in found]

    assert listed(actor="eve") == [4, 2]
    assert listed(action="key") == [6, 5, 4, 3, 2, 1]
    assert listed(action="key.create", actor="ada") == [5, 3, 1]
    assert listed(since=chain[3].at, until=chain[4].at) == [4]
    assert listed(until=datetime.now(UTC) - timedelta(hours=1)) == []


def test_pages_follow_each_other(session: Session, chain: list[Act]) -> None:
    first = audit.page(session, ActFilter(), after=None, limit=3)
    rest = audit.page(session, ActFilter(), after=first.next, limit=3)
    assert [act.number for act in [*first.items, *rest.items]] == [5, 4, 3, 2, 1]
    assert rest.next is None
    with pytest.raises(InvalidCursorError):
        audit.page(session, ActFilter(), after="x", limit=3)


def test_at_most_a_hundred_breaks_are_listed(database: Database) -> None:
    with database.transaction() as session:
        for number in range(120):
            audit.record(session, "ada", "key.create", str(number))
    tamper(database, "UPDATE audit SET object = 'x'")
    with database.transaction() as session:
        found = audit.verify(session).breaks
    assert len(found) == 100
    assert found[0] == Break(1, "was changed: its hash is not that of its content")
