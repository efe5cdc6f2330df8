"""Statements that nearly every request sends, past SQLAlchemy's execution.

That costs a request more than PostgreSQL does. What a statement says still comes from SQLAlchemy's tables and
conditions; its text is made of them once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.orm import Session
from sqlalchemy.sql import ClauseElement


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
        connection = session.connection()
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        text, fixed = self._compiled.text, self._compiled.fixed
        try:
            with driver.cursor(row_factory=namedtuple_row) as cursor:
                return cursor.execute(text, {**fixed, **given}, prepare=True).fetchall()
        except psycopg.OperationalError as error:
            if driver.closed:
                connection.invalidate(error)  # the pool is not to hand it out again
            raise

    def first(self, session: Session, given: Mapping[str, Any]) -> Any | None:
        """Send it in a session; gives its first row, None where it has none.

        Raises:
            psycopg.Error: PostgreSQL refuses it, or went away.
        """
        return next(iter(self.rows(session, given)), None)
