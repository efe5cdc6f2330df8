"""Sealing what is in the log already, sealing it anew, and changing what is sealed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, func, not_, or_, select, text, true, update
from sqlalchemy.orm import Session

from store.postgres import Database
from store.sealed_log import (
    FeedbackContent,
    ResponseContent,
    correction_columns,
    feedback_columns,
    open_correction,
    open_feedback,
    open_response,
    open_score,
    open_title,
    response_columns,
    score_columns,
    title_columns,
)
from store.sealed_text import MARK
from store.tables import (
    CorrectionRow,
    DataKeyRow,
    FeedbackRow,
    ResponseCitationRow,
    ResponseRow,
    ScoreDefinitionRow,
    ScoreRow,
    SessionRow,
)

ROWS_AT_ONCE = 100
TABLES = (ResponseRow, ResponseCitationRow, FeedbackRow, CorrectionRow, ScoreRow, SessionRow)

Change = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives what the content of a row becomes, in JSON's types."""


@dataclass(frozen=True)
class Counts:
    """How many rows of the log are sealed, and how many are not."""

    sealed: int
    plain: int


def counts(session: Session) -> dict[str, Counts]:
    """How many rows of which table are sealed, and how many that say something are not."""
    found = {}
    for log in _LOGS:
        sealed = func.count().filter(log.sealed)
        statement = select(sealed, func.count() - sealed).where(log.says_something)
        found[log.name] = Counts(*session.execute(statement).one())
    return found


def seal_all(database: Database, *, again: bool = False) -> dict[str, int]:
    """Seal all rows of the log that are not; with `again` also those of older data keys, with the newest.

    Returns how many rows of which table. It can be broken off and begun anew.
    """
    with database.transaction() as session:
        keys = select(DataKeyRow.id).where(DataKeyRow.purpose == "rows")
        newest = session.scalar(keys.order_by(DataKeyRow.created_at.desc()).limit(1))
    done = {}
    for log in _LOGS:
        which = and_(log.says_something, not_(log.sealed))
        if again and newest is not None:
            which = and_(log.says_something, or_(not_(log.sealed), not_(log.sealed_with(newest))))
        count, full = 0, True
        while full:
            with database.transaction() as session:
                rows = log.rows(session, which, None)
                for row in rows:
                    log.write(session, row, log.read(session, row))
            count, full = count + len(rows), len(rows) == ROWS_AT_ONCE
        done[log.name] = count
    return done


def change_sealed(session: Session, change: Change, *, write: bool) -> dict[str, int]:
    """Change the content of sealed rows; returns how many of which table it changes.

    Without `write` rows are counted only.
    """
    done: dict[str, int] = {}
    for log in _LOGS:
        for row in _each(session, log, log.sealed):
            before = log.read(session, row)
            after = change(before)
            if after != before:
                done[log.name] = done.get(log.name, 0) + 1
                if write:
                    log.write(session, row, after)
    return done


def compact(database: Database) -> None:
    """Let PostgreSQL write the tables of the log anew, without the rows as they were before they were sealed.

    Nobody else can use them meanwhile.
    """
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in TABLES:
            connection.execute(text(f"VACUUM FULL {table.__tablename__}"))


@dataclass(frozen=True)
class _Log:
    """A table of the log: how its rows are read and written, their content in JSON's types."""

    table: type[ResponseRow] | type[FeedbackRow] | type[CorrectionRow] | type[ScoreRow] | type[SessionRow]
    columns: tuple[Any, ...]
    says_something: ColumnElement[bool]
    sealed: ColumnElement[bool]
    sealed_with: Callable[[UUID], ColumnElement[bool]]
    read: Callable[[Session, Row[*tuple[Any, ...]]], dict[str, Any]]
    write: Callable[[Session, Row[*tuple[Any, ...]], dict[str, Any]], None]

    @property
    def name(self) -> str:
        return self.table.__tablename__

    def rows(
        self, session: Session, which: ColumnElement[bool], after: UUID | None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """The next rows in the order of their ids, which nobody else changes until the transaction ends."""
        statement = select(*self.columns).where(which).order_by(self.table.id).limit(ROWS_AT_ONCE)
        if after is not None:
            statement = statement.where(self.table.id > after)
        return session.execute(statement.with_for_update()).all()


def _each(session: Session, log: _Log, which: ColumnElement[bool]) -> Iterator[Row[*tuple[Any, ...]]]:
    after = None
    while rows := log.rows(session, which, after):
        yield from rows
        after = rows[-1].id


def _read_response(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    content = open_response(session, row)
    if content is None:
        quotes = session.scalars(
            select(ResponseCitationRow.quote)
            .where(ResponseCitationRow.response_id == row.id)
            .order_by(ResponseCitationRow.ordinal)
        )
        content = ResponseContent(row.question, row.answer, row.body, row.parameters, tuple(quotes))
    return content.to_json()


def _write_response(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = response_columns(session, row.id, ResponseContent.of(content))
    session.execute(update(ResponseRow).where(ResponseRow.id == row.id).values(**columns))
    session.execute(
        update(ResponseCitationRow).where(ResponseCitationRow.response_id == row.id).values(quote="")
    )


def _read_feedback(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return vars(open_feedback(session, row))


def _write_feedback(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = feedback_columns(session, row.response_id, row.user_id, FeedbackContent(**content))
    session.execute(update(FeedbackRow).where(FeedbackRow.id == row.id).values(**columns))


def _write_correction(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = correction_columns(session, row.id, content)
    session.execute(update(CorrectionRow).where(CorrectionRow.id == row.id).values(**columns))


def _read_score(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return open_score(session, row.id, {"comment": row.comment, "label": row.text})


def _write_score(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    said = {name: text for name, text in content.items() if text is not None}
    columns = score_columns(session, row.id, said)
    session.execute(update(ScoreRow).where(ScoreRow.id == row.id).values(**columns))


def _read_session(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {"title": open_title(session, row.id, row.title)}


def _write_session(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = title_columns(session, row.id, content["title"])
    session.execute(update(SessionRow).where(SessionRow.id == row.id).values(**columns))


def _by_column(column: Any) -> dict[str, Any]:
    """How the rows are told apart whose texts are sealed in their columns, by one that all of them have.

    Of a score that is the text before the comment: whoever writes one seals both.
    """
    return {
        "sealed": column.startswith(MARK, autoescape=True),
        "sealed_with": lambda key: column.startswith(f"{MARK}{key}:", autoescape=True),
    }


_KIND = (
    select(ScoreDefinitionRow.kind)
    .where(ScoreDefinitionRow.id == ScoreRow.definition_id)
    .correlate(ScoreRow)
    .scalar_subquery()
)
_TEXT = case((_KIND == "text", ScoreRow.label))
"""The label of a score, if it is free text."""

_LOGS = (
    _Log(
        table=ResponseRow,
        columns=(
            ResponseRow.id,
            ResponseRow.question,
            ResponseRow.answer,
            ResponseRow.body,
            ResponseRow.parameters,
            ResponseRow.sealed,
            ResponseRow.data_key_id,
        ),
        says_something=true(),
        sealed=ResponseRow.sealed.is_not(None),
        sealed_with=lambda key: ResponseRow.data_key_id == key,
        read=_read_response,
        write=_write_response,
    ),
    _Log(
        table=FeedbackRow,
        columns=(
            FeedbackRow.id,
            FeedbackRow.response_id,
            FeedbackRow.user_id,
            FeedbackRow.comment,
            FeedbackRow.correction,
            FeedbackRow.sealed,
            FeedbackRow.data_key_id,
        ),
        says_something=or_(FeedbackRow.comment.is_not(None), FeedbackRow.correction.is_not(None)),
        sealed=FeedbackRow.sealed.is_not(None),
        sealed_with=lambda key: FeedbackRow.data_key_id == key,
        read=_read_feedback,
        write=_write_feedback,
    ),
    _Log(
        table=CorrectionRow,
        columns=(CorrectionRow.id, CorrectionRow.answer, CorrectionRow.comment, CorrectionRow.spans),
        says_something=true(),
        **_by_column(CorrectionRow.answer),
        read=open_correction,
        write=_write_correction,
    ),
    _Log(
        table=ScoreRow,
        columns=(ScoreRow.id, ScoreRow.comment, _TEXT.label("text")),
        says_something=func.coalesce(_TEXT, ScoreRow.comment).is_not(None),
        **_by_column(func.coalesce(_TEXT, ScoreRow.comment)),
        read=_read_score,
        write=_write_score,
    ),
    _Log(
        table=SessionRow,
        columns=(SessionRow.id, SessionRow.title),
        says_something=SessionRow.title.is_not(None),
        **_by_column(SessionRow.title),
        read=_read_session,
        write=_write_session,
    ),
)
