"""The database: connections, transactions, migrations."""

import select as waiting
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from store.errors import DatabaseFullError, DatabaseUnavailableError, NewerTablesError, StoreError
from store.sealing import IN_SESSION, MasterKey, Sealer
from store.statement import EACH_ALONE

if TYPE_CHECKING:
    from store.embedded import EmbeddedServer

OLDEST_VERSION = 16
"""Filters use pg_input_is_valid, which came with it."""

MIGRATION_LOCK = 0x47524F554E440000
"""Key of the advisory lock that lets one process at a time migrate; the bytes spell GROUND."""


class Database:
    """A PostgreSQL database with our tables and a pool of connections; thread-safe, not to be forked."""

    def __init__(self, engine: Engine, server: "EmbeddedServer | None" = None):
        self.engine = engine
        # A pool of its own: to change a connection's ways and back takes longer than many a statement.
        self._autocommitting = _engine(engine.url, "AUTOCOMMIT", kept=16, more=0)
        self._server = server
        self._sealer: Sealer | None = None

    @property
    def url(self) -> str:
        """The database's address, password included."""
        return self.engine.url.render_as_string(hide_password=False)

    @property
    def folder(self) -> Path | None:
        """Where the files of the embedded server are; None of a server that is not ours."""
        return None if self._server is None else self._server.folder

    @property
    def sealer(self) -> Sealer | None:
        """What seals the log; None where it is kept as it is."""
        return self._sealer

    def seal_with(self, master: MasterKey) -> Sealer:
        """Seal from now on what is written to the log, and open what was sealed with this key."""
        self._sealer = Sealer(master, self.transaction)
        return self._sealer

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or undone when the block raises.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached, or went away in the middle.
            DatabaseFullError: It has no room left; nothing was stored.
        """
        carried = {IN_SESSION: self._sealer}
        with (
            self._reached(),
            Session(self.engine, expire_on_commit=False, info=carried) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def each_alone(self) -> Iterator[Session]:
        """A session in which each statement is a transaction of its own, done when it returns.

        It is for a few reads that need not agree, or for what is one statement: it goes to the server once
        for each, and not for the beginning and the end besides.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached, or went away in the middle.
        """
        carried = {IN_SESSION: self._sealer, EACH_ALONE: self._autocommitting}
        with self._reached(), Session(self._autocommitting, expire_on_commit=False, info=carried) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A read-only session in which every statement sees the database as it was at the first.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached, or went away in the middle.
        """
        with self.transaction() as session:
            session.connection(
                execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            )
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare connection in one transaction, for what is not a repository's business.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached, or went away in the middle.
        """
        with self._reached(), self.engine.begin() as connection:
            yield connection

    def try_lock(self, key: int) -> "SessionLock | None":
        """Take the advisory lock `key` until it is released or this process dies; None: another has it.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        with self._reached():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = False
            try:
                taken = bool(connection.scalar(select(func.pg_try_advisory_lock(key))))
                if taken:
                    connection.detach()  # the lock is as long as the connection, which no one else may get
                    return SessionLock(connection)
            finally:
                if not taken:
                    connection.close()
        return None

    def check(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailableError: There is none.
        """
        with self.connection() as connection:
            connection.execute(text("SELECT 1"))

    def start_again(self) -> bool:
        """Start the embedded server if it has ended; tell whether it had. A server of yours is let alone.

        Raises:
            DatabaseUnavailableError: It does not start.
        """
        return self._server is not None and self._server.start_again()

    def close(self) -> None:
        """Close all connections; stop the embedded server if no other process uses it."""
        self._autocommitting.dispose()
        self.engine.dispose()
        if self._server is not None:
            self._server.close()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise DatabaseUnavailableError(where, "all connections of this process are in use") from error
        except (DBAPIError, psycopg.Error) as error:
            lost, full = _is_connection_lost(error), _is_full(error)
            if not lost and not full:
                raise
            where = self.engine.url.render_as_string(hide_password=True)
            cause = error.orig if isinstance(error, DBAPIError) else error
            reason = (str(cause).strip() or "the connection was lost").splitlines()[0].removesuffix(".")
            if full:
                raise DatabaseFullError(where, reason) from error
            if self._server is not None:
                raise DatabaseUnavailableError(where, reason, self._server.mend) from error
            raise DatabaseUnavailableError(where, reason) from error


class SessionLock:
    """An advisory lock that PostgreSQL drops when this process lets go of it or dies."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def release(self) -> None:
        """Let others have it; whoever waits for it sees it free when this returns."""
        with suppress(DBAPIError):  # the connection may be gone, and the lock with it
            self._connection.execute(select(func.pg_advisory_unlock_all()))
        self._connection.close()


def open_database(url: str | None, data_dir: Path) -> Database:
    """Connect to the database at `url`; None starts (or joins) the embedded server in `data_dir`.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        StoreError: `url` is not a PostgreSQL address, or the database there does not suit.
    """
    if url is not None:
        database = Database(_engine(_address(url)))
    else:
        from store.embedded import EmbeddedServer

        server = EmbeddedServer(data_dir)
        database = Database(_engine(_address(server.url)), server)
    try:
        with database.connection() as connection:
            encoding = connection.scalar(text("SHOW server_encoding"))
            version = connection.scalar(text("SHOW server_version_num"))
        check_suitable(str(encoding), int(version or 0))
    except BaseException:
        database.close()
        raise
    return database


def check_suitable(encoding: str, version_number: int) -> None:
    """Refuse a server that some text or some filter would fail on later.

    Args:
        encoding: PostgreSQL's `server_encoding`.
        version_number: PostgreSQL's `server_version_num`, such as 160004.

    Raises:
        StoreError: The encoding is not UTF8, or the version is too old.
    """
    if encoding != "UTF8":
        raise StoreError(
            f"The database's encoding is {encoding}, which cannot hold every text. Make another with "
            "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0, and point RAG_DATABASE_URL at it."
        )
    if version_number < OLDEST_VERSION * 10_000:
        raise StoreError(
            f"The server runs PostgreSQL {version_number // 10_000}; it must be {OLDEST_VERSION} or newer. "
            "Upgrade it, or point RAG_DATABASE_URL at another."
        )


def plan_each_time(session: Session) -> None:
    """Let PostgreSQL plan each statement of this transaction for its values, however often it ran before.

    A connection's plan of a statement is made without them after some runs. For a filter of the log, which
    can let through one response or a million, that plan can be very wrong.
    """
    session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


def migrate(database: Database) -> None:
    """Bring the tables up to date. Several processes may call this at once: one works, the others wait."""
    from alembic import command

    with database.connection() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def pending_migrations(database: Database) -> bool:
    """Whether `migrate` has something to do.

    Raises:
        NewerTablesError: A newer program has changed the tables.
    """
    with database.connection() as connection:
        current = set(MigrationContext.configure(connection).get_current_heads())
    known = ScriptDirectory.from_config(migration_config())
    if current == set(known.get_heads()):
        return False
    if unknown := current - {revision.revision for revision in known.walk_revisions()}:
        raise NewerTablesError(sorted(unknown))
    return True


def migration_config() -> Config:
    """Alembic's configuration, made in code so that it works from an installed package too."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config


def _address(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The address may hold a password: it stays out of the message.
        raise StoreError(
            "The database URL cannot be read. Write it as postgresql://user:password@host/name."
        ) from None
    if parsed.drivername not in ("postgresql", "postgresql+psycopg", "postgres"):
        raise StoreError(
            f"The database URL starts with {parsed.drivername}://, but only PostgreSQL serves. "
            "Write it as postgresql://user:password@host/name."
        )
    return parsed.set(drivername="postgresql+psycopg")


def _engine(
    address: URL, isolation_level: IsolationLevel = "READ COMMITTED", *, kept: int = 10, more: int = 20
) -> Engine:
    """An engine that keeps so many connections, and makes so many more for as long as they are needed."""
    engine = create_engine(
        address,
        isolation_level=isolation_level,
        hide_parameters=True,  # errors of statements would quote texts
        pool_size=kept,
        max_overflow=more,
        pool_use_lifo=True,  # the server's process that has just worked is the quickest
        # Dates without a zone in metadata and filters are read as UTC, wherever the server stands.
        # Without an encoding, a database in SQL_ASCII would hand out bytes before it can be refused.
        connect_args={"options": "-c timezone=utc", "connect_timeout": 10, "client_encoding": "utf8"},
    )
    event.listen(engine, "checkout", _look_at)
    return engine


def _look_at(connection: psycopg.Connection, record: Any, taken: Any) -> None:
    """See to it that the server has not closed a connection while it lay in the pool.

    There is nothing to be read on a good one, which is seen without a word to the server. Only where there is
    something is it asked for a sign of life.

    Raises:
        DisconnectionError: It has; the pool makes another.
    """
    poll = waiting.poll()
    try:
        poll.register(connection.pgconn.socket, waiting.POLLIN)
        if poll.poll(0):
            connection.execute("SELECT 1")
            connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError("the server closed the connection") from error


def _is_full(error: DBAPIError | psycopg.Error) -> bool:
    """Tell a disk or memory that is used up from a statement that is wrong, by SQLSTATE."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg.Error) and cause.sqlstate in ("53100", "53200")


def _is_connection_lost(error: DBAPIError | psycopg.Error) -> bool:
    """Tell a database that is away from a statement that is wrong, by SQLSTATE (PostgreSQL's appendix A)."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause: BaseException | None = error.orig
    else:
        cause = error
    if not isinstance(cause, psycopg.OperationalError):
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(("08", "28", "3D", "57P", "53300"))
