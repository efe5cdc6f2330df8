import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.exc import ProgrammingError

from store import corpora
from store.errors import DatabaseFullError, DatabaseUnavailableError, StoreError
from store.postgres import (
    Database,
    check_suitable,
    migrate,
    migration_config,
    open_database,
    pending_migrations,
)
from store.tables import CorpusRow
from tests.conftest import TestDatabases

ROOT = Path(__file__).parents[2]


def names(database: Database) -> list[str]:
    with database.transaction() as session:
        return [summary.corpus.name for summary in corpora.list_all(session)]


def test_transaction_commits_at_the_end(database: Database) -> None:
    with database.transaction() as session:
        corpora.create(session, "a", "mini", "r1", 4)
    assert names(database) == ["a"]


def test_transaction_is_undone_when_its_block_raises(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as session:
        corpora.create(session, "a", "mini", "r1", 4)
        raise RuntimeError
    assert names(database) == []


def test_snapshot_refuses_to_write_and_leaves_the_connection_clean(database: Database) -> None:
    with pytest.raises(Exception, match="read-only"), database.snapshot() as session:
        corpora.create(session, "a", "mini", "r1", 4)
    with database.transaction() as session:
        corpora.create(session, "a", "mini", "r1", 4)
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"


def test_reading_sees_what_was_committed_between_two_statements(database: Database) -> None:
    with database.each_alone() as session:
        count = select(func.count()).select_from(CorpusRow)
        assert session.scalar(count) == 0
        with database.transaction() as other:
            corpora.create(other, "a", "e", "r", 3)
        assert session.scalar(count) == 1
    assert names(database) == ["a"]


def test_reading_leaves_connections_that_keep_transactions(database: Database) -> None:
    for _ in range(3):
        with database.each_alone() as session:
            session.execute(select(1))
        with pytest.raises(KeyError), database.transaction() as session:
            corpora.create(session, "undone", "e", "r", 3)
            raise KeyError
    assert names(database) == []


def test_absent_server_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1/db.*RAG_DATABASE_URL") as raised:
        open_database("postgresql://user:hidden@127.0.0.1:1/db", tmp_path)
    assert "hidden" not in str(raised.value)


def test_absent_database_is_unavailable(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match='"nowhere" does not exist'):
        url = make_url(database.url).set(database="nowhere")
        open_database(url.render_as_string(hide_password=False), tmp_path)


@pytest.mark.parametrize("url", ["mysql://user:hidden@host/db", "user:hidden@host"])
def test_url_of_something_else_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"postgresql://user:password@host/name") as raised:
        open_database(url, tmp_path)
    assert "hidden" not in str(raised.value)


def test_database_in_another_encoding_is_refused(database: Database, tmp_path: Path) -> None:
    options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE in_ascii {options}"))
    url = make_url(database.url).set(database="in_ascii").render_as_string(hide_password=False)
    with pytest.raises(StoreError, match=r"SQL_ASCII.*ENCODING 'UTF8' TEMPLATE template0"):
        open_database(url, tmp_path)


def test_server_that_is_too_old_is_refused() -> None:
    check_suitable("UTF8", 160000)
    with pytest.raises(StoreError, match="PostgreSQL 15; it must be 16 or newer"):
        check_suitable("UTF8", 150012)


def test_connection_lost_in_the_middle_is_unavailable_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError), database.transaction() as session:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    database.check()


def test_connection_lost_between_transactions_goes_unnoticed(database: Database) -> None:
    database.check()
    other = open_database(database.url, Path())
    with other.transaction() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.close()
    database.check()


def test_wrong_statement_is_not_a_lost_connection(database: Database) -> None:
    with pytest.raises(ProgrammingError), database.transaction() as session:
        session.execute(text("SELECT nothing"))


def test_migrating_twice_at_once_works(databases: TestDatabases, tmp_path: Path) -> None:
    database = open_database(databases.create_empty("migrated_twice"), tmp_path)
    assert pending_migrations(database)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate, [database, database]))
    assert not pending_migrations(database)
    assert names(database) == []
    database.close()


def test_tables_and_migrations_agree(database: Database) -> None:
    with database.connection() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.check(config)


def test_migrations_can_be_undone(database: Database) -> None:
    with database.connection() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert pending_migrations(database)
    migrate(database)
    assert names(database) == []


def test_alembic_command_line_migrates_the_database_of_the_environment(databases: TestDatabases) -> None:
    url = databases.create_empty("migrated_by_alembic").replace("postgresql+psycopg:", "postgresql:")
    for arguments in (["upgrade", "head"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=ROOT,
            env={**os.environ, "RAG_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_full_disk_of_the_database_says_so(database: Database) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
    with (
        pytest.raises(DatabaseFullError, match=r"no room left: No space left on device.*Make room"),
        database.transaction() as session,
    ):
        session.execute(text(full))


def test_connections_that_are_all_in_use_are_an_unavailable_database(database: Database) -> None:
    engine = create_engine(database.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    small = Database(engine)
    with small.connection(), pytest.raises(DatabaseUnavailableError, match="in use"), small.connection():
        pass
    small.close()
