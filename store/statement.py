"""Statements that nearly every request sends, past SQLAlchemy's execution.

That costs a request more than PostgreSQL does. What a statement says still comes from SQLAlchemy's tables and
conditions; its text is made of them once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Engine, Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement

EACH_ALONE = "each alone"
"""Where a session in which each statement is done when it returns has its engine, in `info`."""


@dataclass(frozen=True)
class _Compiled:
    text: str
    fixed: Mapping[str, Any]
    """Parameters that are the same each time."""


class Statement:
    """A statement whose text is made at its first use; each connection prepares it once."""

    def __init__(self, make: Callable[[], Executable]) -> None:
        """`make` gives what SQLAlchemy would execute, with `bindparam` for all that differs each time.

        Values go to psycopg as they are: JSON as text.
        """
        self._make = make

    @cached_property
    def _compiled(self) -> _Compiled:
        made = self._make()
        assert isinstance(made, ClauseElement)
        compiled = made.compile(dialect=PGDialect_psycopg())  # type: ignore[no-untyped-call]
        return _Compiled(str(compiled), compiled.params)

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[Any]:
        """Send it in a session; gives its rows, whose columns are attributes as those of SQLAlchemy's rows.

        Raises:
            psycopg.Error: PostgreSQL refuses it, or went away.
        """
        text, fixed = self._compiled.text, self._compiled.fixed
        with _driver_of(session) as driver, driver.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(text, {**fixed, **given}, prepare=True).fetchall()

    def first(self, session: Session, given: Mapping[str, Any]) -> Any | None:
        """Send it in a session; gives its first row, None where it has none.

        Raises:
            psycopg.Error: PostgreSQL refuses it, or went away.
        """
        return next(iter(self.rows(session, given)), None)


@contextmanager
def _driver_of(session: Session) -> Iterator["psycopg.Connection[Any]"]:
    """The connection that a session's next statement is sent on.

    Where each is alone it comes straight from the pool: a session's own way there takes longer than some
    statements.
    """
    engine: Engine | None = session.info.get(EACH_ALONE)
    pooled = engine.raw_connection() if engine is not None and not session.in_transaction() else None
    driver = (pooled or session.connection().connection).driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        yield driver
    except psycopg.OperationalError as error:
        if driver.closed:
            (pooled or session.connection()).invalidate(error)  # the pool is not to hand it out again
        raise
    finally:
        if pooled is not None:
            pooled.close()
