"""Fixtures of the whole suite: one embedded PostgreSQL per run, an empty migrated database per test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from store.postgres import Database, migrate, open_database
from store.tables import Base

# Threads of torch that spin while they wait slow each other down where tests share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


END_OTHER_CONNECTIONS = text(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _emptying_statement() -> str:
    """A statement that deletes all rows of ours and lets every sequence begin again."""
    lines = []
    for table in reversed(Base.metadata.sorted_tables):
        lines.append(f"IF EXISTS (SELECT FROM {table.name}) THEN DELETE FROM {table.name}; END IF;")
        lines += [
            f"PERFORM setval(pg_get_serial_sequence('{table.name}', '{column.name}'), 1, false);"
            for column in table.columns
            if column.identity is not None
        ]
    return f"DO $$ BEGIN {' '.join(lines)} END $$"


class TestDatabases:
    """Hands out migrated databases without rows: emptied ones while there are, else copies of a template.

    Emptying takes 3 milliseconds; a copy takes 100 to 400, and a migration longer still.
    """

    __test__ = False

    def __init__(self, server: Database):
        self._server = server
        self._administration = create_engine(
            self._url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        self._numbers = count(1)
        self._emptied: list[str] = []
        self._emptying: dict[str, Engine] = {}
        self._empty = text(_emptying_statement())
        # A test database may vanish when the machine does.
        self._execute("ALTER SYSTEM SET fsync = off")
        self._execute("SELECT pg_reload_conf()")
        self.create_empty("template_migrated")
        migrated = open_database(self._url("template_migrated"), Path())
        migrate(migrated)
        migrated.close()

    def create(self) -> str:
        """A migrated database without rows; returns its URL."""
        if self._emptied:
            return self._emptied.pop()
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template_migrated STRATEGY wal_log")
        return self._url(name)

    def create_empty(self, name: str) -> str:
        """A database without tables; returns its URL."""
        self._execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def give_back(self, url: str) -> None:
        """Empty a database for the next test, whatever connections this one left open."""
        if url not in self._emptying:
            # Its connection is kept: what costs is to connect and to read the catalogue of all tables.
            self._emptying[url] = create_engine(url, pool_size=1, pool_pre_ping=True)
        with self._emptying[url].begin() as connection:
            connection.execute(END_OTHER_CONNECTIONS)
            # Without this the audit log refuses to be emptied.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(self._empty)
        self._emptied.append(url)

    def close(self) -> None:
        for engine in self._emptying.values():
            engine.dispose()
        self._administration.dispose()

    def _url(self, name: str) -> str:
        return make_url(self._server.url).set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with self._administration.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_disks() -> Iterator[None]:
    """What tests write may vanish when the machine does; a process that is killed loses nothing by it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for an embedded server.

    Not in pytest's own temporary folder: another pytest that starts meanwhile makes that impassable again
    for the system user whom the server runs as when we are root.
    """
    with TemporaryDirectory(prefix="groundwork-") as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def databases() -> Iterator[TestDatabases]:
    with server_folder() as folder:
        server = open_database(None, folder)
        databases = TestDatabases(server)
        yield databases
        databases.close()
        server.close()


@pytest.fixture
def database(databases: TestDatabases, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database of the test's own; `database.url` opens it from another process."""
    url = databases.create()
    database = open_database(url, tmp_path)
    yield database
    database.close()
    databases.give_back(url)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session whose work is committed when the test ends well."""
    with database.transaction() as session:
        yield session
