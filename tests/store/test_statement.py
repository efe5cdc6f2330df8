"""Statements that are sent past SQLAlchemy's execution."""

import pytest
from sqlalchemy import bindparam, literal, select, text

from store import corpora
from store.errors import DatabaseUnavailableError
from store.postgres import Database
from store.statement import Statement
from store.tables import CorpusRow

NAMED = Statement(
    lambda: select(
        CorpusRow.id, CorpusRow.settings, CorpusRow.created_at, literal("a%b").label("given")
    ).where(CorpusRow.name == bindparam("name"))
)
END = Statement(lambda: text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_rows_are_as_sqlalchemy_gives_them(database: Database) -> None:
    with database.transaction() as session:
        made = corpora.create(session, "a", "mini", "r1", 4)
        row = NAMED.first(session, {"name": "a"})
        assert row is not None
        assert (row.id, row.settings, row.created_at) == (made.id, made.settings, made.created_at)
        assert row.given == "a%b"
        assert NAMED.rows(session, {"name": "b'; --"}) == []


def test_it_is_part_of_its_transaction(database: Database) -> None:
    write = Statement(lambda: text("UPDATE corpora SET encoder = :encoder WHERE name = :name RETURNING id"))
    with database.transaction() as session:
        corpora.create(session, "a", "mini", "r1", 4)
    with pytest.raises(RuntimeError), database.transaction() as session:
        assert len(write.rows(session, {"encoder": "other", "name": "a"})) == 1
        raise RuntimeError
    with database.each_alone() as session:
        assert corpora.get(session, "a").encoder == "mini"
        write.rows(session, {"encoder": "other", "name": "a"})
    with database.transaction() as session:
        assert corpora.get(session, "a").encoder == "other"


def test_connection_lost_in_it_is_unavailable_and_the_next_one_works(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for opened in (database.transaction, database.each_alone):
        with pytest.raises(DatabaseUnavailableError), opened() as session:
            END.rows(session, {})
        with opened() as session:
            assert NAMED.rows(session, {"name": "a"}) == []
    assert not caplog.records


def test_alone_it_leaves_its_connection_and_shares_the_one_that_the_session_has(database: Database) -> None:
    pid = Statement(lambda: text("SELECT pg_backend_pid() AS pid"))
    with database.each_alone() as session:
        first = pid.rows(session, {})[0].pid
        assert not session.in_transaction()
        held = session.scalar(text("SELECT pg_backend_pid()"))
        assert first == held == pid.rows(session, {})[0].pid
        with database.each_alone() as other:
            assert pid.rows(other, {})[0].pid != held
