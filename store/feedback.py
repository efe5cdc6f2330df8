"""The repository of feedback: what those who asked, and reviewers, think of a response."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    Select,
    delete,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store import users
from store.errors import UnknownFeedbackError
from store.positions import Batch, newest_first
from store.sealed_log import FeedbackContent, feedback_columns, open_feedback
from store.tables import FeedbackRow, ResponseRow, UserRow
from store.visibility import Reader, response_visible


class Thumb(StrEnum):
    """A verdict in one gesture."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Feedback:
    """One user's feedback on a response; at least one of `thumb`, `comment` and `correction` is there."""

    id: UUID
    response_id: UUID
    user: str
    thumb: Thumb | None
    comment: str | None
    correction: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class FeedbackFilter:
    """Which feedback to list; None leaves a field open."""

    user: str | None = None
    response_id: UUID | None = None
    thumb: Thumb | None = None
    corrected: bool | None = None
    """Whether there is a correction."""
    reader: Reader | None = None
    """Who gets only what it may see."""


@dataclass(frozen=True)
class Given:
    """Feedback as it stands now, and whether it is the first of its user on its response."""

    feedback: Feedback
    new: bool


def give(
    session: Session,
    response_id: UUID,
    user: str,
    *,
    thumb: Thumb | None = None,
    comment: str | None = None,
    correction: str | None = None,
) -> Given:
    """Record what a user thinks of a response; it takes the place of what they thought before."""
    user_id = users.ensure(session, user)
    content = FeedbackContent(comment, correction)
    said = {"thumb": thumb, **feedback_columns(session, response_id, user_id, content)}
    statement = insert(FeedbackRow).values(id=uuid4(), response_id=response_id, user_id=user_id, **said)
    inserted = literal_column("xmax = 0", Boolean())  # PostgreSQL's mark of a row that was not updated
    written = session.execute(
        statement.on_conflict_do_update(
            index_elements=["response_id", "user_id"], set_={**said, "updated_at": func.now()}
        ).returning(FeedbackRow.id, inserted)
    ).one()
    return Given(get(session, written[0]), written[1])


def get(session: Session, feedback_id: UUID) -> Feedback:
    """One user's feedback on a response.

    Raises:
        UnknownFeedbackError: There is none with this id.
    """
    row = session.execute(_feedback().where(FeedbackRow.id == feedback_id)).one_or_none()
    if row is None:
        raise UnknownFeedbackError(feedback_id)
    return _to_feedback(session, row)


def page(session: Session, filter: FeedbackFilter, *, after: str | None, limit: int) -> Batch[Feedback]:
    """The next `limit` pieces of feedback, the first given last first.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _feedback().where(*_conditions(filter))
    rows = newest_first(session, statement, FeedbackRow.created_at, FeedbackRow.id, after=after, limit=limit)
    return Batch([_to_feedback(session, row) for row in rows.items], rows.next)


def remove(session: Session, feedback_id: UUID) -> None:
    """Delete a piece of feedback, for good."""
    session.execute(
        delete(FeedbackRow).where(FeedbackRow.id == feedback_id),
        execution_options={"synchronize_session": False},
    )


def _conditions(filter: FeedbackFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filter.user is not None:
        conditions.append(UserRow.name == filter.user)
    if filter.response_id is not None:
        conditions.append(FeedbackRow.response_id == filter.response_id)
    if filter.thumb is not None:
        conditions.append(FeedbackRow.thumb == filter.thumb)
    if filter.corrected is not None:
        conditions.append(FeedbackRow.correction.is_not(None) == filter.corrected)
    if filter.reader is not None:
        conditions.append(
            exists().where(ResponseRow.id == FeedbackRow.response_id, response_visible(filter.reader))
        )
    return conditions


def _feedback() -> Select[*tuple[Any, ...]]:
    return select(
        FeedbackRow.id,
        FeedbackRow.response_id,
        UserRow.name,
        FeedbackRow.thumb,
        FeedbackRow.comment,
        FeedbackRow.correction,
        FeedbackRow.created_at,
        FeedbackRow.updated_at,
        FeedbackRow.user_id,
        FeedbackRow.sealed,
        FeedbackRow.data_key_id,
    ).join(UserRow, UserRow.id == FeedbackRow.user_id)


def _to_feedback(session: Session, row: Row[*tuple[Any, ...]]) -> Feedback:
    content = open_feedback(session, row)
    return Feedback(
        id=row.id,
        response_id=row.response_id,
        user=row.name,
        thumb=None if row.thumb is None else Thumb(row.thumb),
        comment=content.comment,
        correction=content.correction,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
