"""Rows of a table or a query of any SQL database, read through a cursor that holds few at a time.

A password is part of the address that is given, and of nothing else: not of sources, problems or logs.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ingest.clean import normalise_line
from ingest.errors import DatabaseSourceError
from ingest.readers.bytes import UnfitTextError
from ingest.readers.database import DatabaseQuery
from ingest.readers.document import ProblemKind, Reading, ReadOptions
from ingest.readers.records import RecordFile
from ingest.readers.rows import COUNTER, Row, read_records

MEDIA_TYPE = "application/sql"

_FILES = ("sqlite", "duckdb")  # whose databases are files
_ROWS_AT_ONCE = 500


def database_query(url: str, query: str | None) -> DatabaseQuery:
    """Returns the query of a database.

    Raises:
        DatabaseSourceError: there is no query, the address is none, or its driver is not installed.
    """
    if not query or not query.strip():
        raise DatabaseSourceError(
            _place(url), "no query was given; add one: --query 'SELECT id, text FROM …'"
        )
    try:
        make_url(url).get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        reason = "this is no address that SQLAlchemy knows; write it as postgresql://user@host/database"
        raise DatabaseSourceError(_place(url), reason) from None
    query = query.strip().rstrip(";")
    return DatabaseQuery(url, query, _source(url, query), Path(make_url(url).database or "database").stem)


def read_database(wanted: DatabaseQuery, options: ReadOptions) -> Reading:
    """Gives a document per row, its columns named by `--id-field`, `--text-field` and `--title-field`."""
    records = RecordFile(wanted.source, wanted.name, MEDIA_TYPE, options, counter=COUNTER)
    try:
        with _connected(wanted) as connection:
            result = _run(connection, wanted)
            records.text_field(result.keys())
            yield from read_records(records, _rows(result))
    except UnfitTextError as error:
        yield error.problem(wanted.source)
    except (SQLAlchemyError, ImportError) as error:
        yield _failed(error, wanted).problem(wanted.source)


def _source(given: str, query: str) -> str:
    url = make_url(given)
    place = url.database or ""
    if url.get_backend_name() in _FILES and place not in ("", ":memory:"):
        place = str(Path(place).absolute())
    shown = URL.create(url.get_backend_name(), host=url.host, port=url.port, database=place)
    mark = hashlib.sha256(" ".join(query.split()).encode()).hexdigest()[:12]
    return f"{shown.render_as_string(hide_password=True)}?query={mark}"


@contextmanager
def _connected(wanted: DatabaseQuery) -> Iterator[Connection]:
    engine = _engine(wanted)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _engine(wanted: DatabaseQuery) -> Engine:
    return create_engine(wanted.url, poolclass=NullPool, hide_parameters=True)


def _run(connection: Connection, wanted: DatabaseQuery) -> CursorResult[tuple[object, ...]]:
    """Runs the query, read-only where the database knows such transactions."""
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(postgresql_readonly=True)
    statement = text(wanted.query.replace(":", "\\:"))  # a colon is no parameter
    return connection.execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE).execute(statement)


def _rows(result: CursorResult[tuple[object, ...]]) -> Iterator[Row]:
    for number, row in enumerate(result.mappings(), start=1):
        yield Row(number, {str(name): value for name, value in row.items()})


def _failed(error: Exception, wanted: DatabaseQuery) -> UnfitTextError:
    """Returns what to report; messages of drivers may repeat the password, so it is cut out of them."""
    said = normalise_line(str(getattr(error, "orig", None) or error), 300)
    password = make_url(wanted.url).password
    if password:
        said = said.replace(str(password), "***")
    return UnfitTextError(
        ProblemKind.UNREADABLE, f"the query failed ({said}); check the address, the rights and the query"
    )


def _place(url: str) -> str:
    """Returns the address without user and password."""
    return re.sub(r"//[^/@]*@", "//", url)
