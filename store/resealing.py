"""Sealing what is in the log already, sealing it anew, and changing what is sealed."""

from collections.abc import Callable, Sequence
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
    among,
)

ROWS_AT_ONCE = 100
BLOCKS_AT_ONCE = 32
"""Of a table on disk, some hundred rows."""
TABLES = (ResponseRow, ResponseCitationRow, FeedbackRow, CorrectionRow, ScoreRow, SessionRow)

Content = dict[str, Any]
Rows = Sequence[Row[*tuple[Any, ...]]]
Change = Callable[[Content], Content]
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
        done[log.name] = _seal(database, log, which)
    return done


def _seal(database: Database, log: "_Log", which: ColumnElement[bool]) -> int:
    """Seal what is to be from the first block to the last, and again as long as any rows are found."""
    count = 0
    while sealed := _seal_once(database, log, which):
        count += sealed
    return count


def _seal_once(database: Database, log: "_Log", which: ColumnElement[bool]) -> int:
    count, block = 0, 0
    while True:
        with database.transaction() as session:
            if block >= log.blocks(session):
                return count
            if rows := log.rows_in_blocks(session, which, block):
                log.write(session, rows, log.read(session, rows))
        count, block = count + len(rows), block + BLOCKS_AT_ONCE


def change_sealed(session: Session, change: Change, *, write: bool) -> dict[str, int]:
    """Change the content of sealed rows; returns how many of which table it changes.

    Without `write` rows are counted only.
    """
    done: dict[str, int] = {}
    for log in _LOGS:
        after = None
        while rows := log.rows(session, log.sealed, after):
            before = log.read(session, rows)
            changed = [
                (row, content)
                for row, content, was in zip(rows, map(change, before), before, strict=True)
                if content != was
            ]
            if changed:
                done[log.name] = done.get(log.name, 0) + len(changed)
                if write:
                    log.write(session, [row for row, _ in changed], [content for _, content in changed])
            after = rows[-1].id
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
    read: Callable[[Session, Rows], list[Content]]
    columns_of: Callable[[Session, Row[*tuple[Any, ...]], Content], Content]
    """What the columns of a row become with some content: the same columns for all rows."""
    clear: Callable[[Session, Sequence[UUID]], None] = lambda session, ids: None
    """Empties what other tables say of the rows, which is in their content."""

    @property
    def name(self) -> str:
        return self.table.__tablename__

    def write(self, session: Session, rows: Rows, contents: Sequence[Content]) -> None:
        """Give rows other content, or seal what they have."""
        changed = [
            {"id": row.id, **self.columns_of(session, row, content)}
            for row, content in zip(rows, contents, strict=True)
        ]
        session.execute(update(self.table), changed)
        self.clear(session, [row.id for row in rows])

    def rows(self, session: Session, which: ColumnElement[bool], after: UUID | None) -> Rows:
        """The next rows in the order of their ids, which nobody else changes until the transaction ends.

        None is passed over, wherever others write it anew meanwhile; but each is read from another place.
        """
        statement = select(*self.columns).where(which).order_by(self.table.id).limit(ROWS_AT_ONCE)
        if after is not None:
            statement = statement.where(self.table.id > after)
        return session.execute(statement.with_for_update()).all()

    def blocks(self, session: Session) -> int:
        """How many blocks the table has on disk."""
        blocks = f"pg_relation_size('{self.name}') / CAST(current_setting('block_size') AS integer)"
        return int(session.scalar(text(f"SELECT {blocks}")) or 0)

    def rows_in_blocks(self, session: Session, which: ColumnElement[bool], block: int) -> Rows:
        """The rows in the next blocks on disk, which nobody else changes until the transaction ends."""
        inside = text(
            f"{self.name}.ctid >= CAST(:begin AS tid) AND {self.name}.ctid < CAST(:end AS tid)"
        ).bindparams(begin=f"({block},0)", end=f"({block + BLOCKS_AT_ONCE},0)")
        return session.execute(select(*self.columns).where(which, inside).with_for_update()).all()


def _read_responses(session: Session, rows: Rows) -> list[Content]:
    quotes: dict[UUID, list[str]] = {row.id: [] for row in rows if row.sealed is None}
    cited = select(ResponseCitationRow.response_id, ResponseCitationRow.quote)
    inside = among(ResponseCitationRow.response_id, list(quotes))
    for response_id, quote in session.execute(cited.where(inside).order_by(ResponseCitationRow.ordinal)):
        quotes[response_id].append(quote)
    found = []
    for row in rows:
        content = open_response(session, row)
        if content is None:
            said = (row.question, row.answer, row.body, row.parameters)
            content = ResponseContent(*said, tuple(quotes[row.id]))
        found.append(content.to_json())
    return found


def _clear_quotes(session: Session, ids: Sequence[UUID]) -> None:
    told = and_(among(ResponseCitationRow.response_id, ids), ResponseCitationRow.quote != "")
    session.execute(update(ResponseCitationRow).where(told).values(quote=""))


def _read_feedback(session: Session, rows: Rows) -> list[Content]:
    return [vars(open_feedback(session, row)) for row in rows]


def _feedback_columns(session: Session, row: Row[*tuple[Any, ...]], content: Content) -> Content:
    return feedback_columns(session, row.response_id, row.user_id, FeedbackContent(**content))


def _read_corrections(session: Session, rows: Rows) -> list[Content]:
    return [open_correction(session, row) for row in rows]


def _read_scores(session: Session, rows: Rows) -> list[Content]:
    return [open_score(session, row.id, {"comment": row.comment, "label": row.text}) for row in rows]


def _score_columns(session: Session, row: Row[*tuple[Any, ...]], content: Content) -> Content:
    # A label that is no free text stays as it is.
    said = {name: text for name, text in content.items() if text is not None}
    return {"comment": row.comment, "label": row.label, **score_columns(session, row.id, said)}


def _read_titles(session: Session, rows: Rows) -> list[Content]:
    return [{"title": open_title(session, row.id, row.title)} for row in rows]


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
        read=_read_responses,
        columns_of=lambda session, row, content: response_columns(
            session, row.id, ResponseContent.of(content)
        ),
        clear=_clear_quotes,
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
        columns_of=_feedback_columns,
    ),
    _Log(
        table=CorrectionRow,
        columns=(CorrectionRow.id, CorrectionRow.answer, CorrectionRow.comment, CorrectionRow.spans),
        says_something=true(),
        **_by_column(CorrectionRow.answer),
        read=_read_corrections,
        columns_of=lambda session, row, content: correction_columns(session, row.id, content),
    ),
    _Log(
        table=ScoreRow,
        columns=(ScoreRow.id, ScoreRow.comment, ScoreRow.label, _TEXT.label("text")),
        says_something=func.coalesce(_TEXT, ScoreRow.comment).is_not(None),
        **_by_column(func.coalesce(_TEXT, ScoreRow.comment)),
        read=_read_scores,
        columns_of=_score_columns,
    ),
    _Log(
        table=SessionRow,
        columns=(SessionRow.id, SessionRow.title),
        says_something=SessionRow.title.is_not(None),
        **_by_column(SessionRow.title),
        read=_read_titles,
        columns_of=lambda session, row, content: title_columns(session, row.id, content["title"]),
    ),
)
