"""The repository of sessions: conversations whose questions are linked, each to the one before it.

A question that follows an older one than the last begins another line; the line that was there stays.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from store.conversations import resume_session, select_responses, to_summary
from store.errors import TurnError, UnknownResponseError
from store.positions import Batch, newest_first, oldest_first
from store.responses import ResponseSummary, Turn
from store.sealed_log import holds_title, open_response, open_title, title_columns
from store.tables import CorpusRow, ResponseRow, SessionRow, UserRow
from store.visibility import Reader, session_visible

MAX_HISTORY = 100
"""How many turns back a line is followed at most."""


@dataclass(frozen=True)
class SessionSummary:
    """A conversation as lists show it; `corpus` is None when it has none, or the corpus was deleted since.

    `title` is None until someone gives one; `first_question` is None while nothing was asked.
    """

    id: UUID
    user: str
    corpus: str | None
    title: str | None
    first_question: str | None
    responses: int
    created_at: datetime
    last_asked_at: datetime | None


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions to list; None leaves a field open.

    `since` (inclusive) and `until` (exclusive) are about the beginning; `title` is looked for in any case.
    `reader` gets only those that it may see.
    """

    user: str | None = None
    corpus: str | None = None
    title: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reader: Reader | None = None


@dataclass(frozen=True)
class Place:
    """Where in the conversations a question stands: None opens a session, or begins a line of it."""

    session_id: UUID | None
    parent_id: UUID | None


def place(
    session: Session,
    user: str,
    session_id: UUID | None = None,
    parent_id: UUID | None = None,
    replaces: UUID | None = None,
) -> Place:
    """Find the place of a question of this user.

    With `parent_id` it follows that response; with `replaces` it stands beside that response, as an edited
    question does; with a session alone it follows the newest response there; with nothing it opens a session.

    Raises:
        UnknownSessionError: There is no such session, or it is someone else's.
        UnknownResponseError: The session has no such response, or it is someone else's.
        TurnError: Both `parent_id` and `replaces` are given.
    """
    if parent_id is not None and replaces is not None:
        raise TurnError("A question cannot both follow a response and replace one. Send one of the two.")
    if session_id is not None:
        resume_session(session, session_id, user)
    named = parent_id or replaces
    if named is None:
        return Place(session_id, None if session_id is None else newest(session, session_id))
    found = session.execute(
        select(ResponseRow.session_id, ResponseRow.parent_id, UserRow.name)
        .join(UserRow, UserRow.id == ResponseRow.user_id)
        .where(ResponseRow.id == named)
    ).one_or_none()
    if found is None or found.name != user or session_id not in (None, found.session_id):
        raise UnknownResponseError(named)
    return Place(found.session_id, found.parent_id if replaces else parent_id)


def newest(session: Session, session_id: UUID) -> UUID | None:
    """The response that was given last in a session; None if nothing was asked."""
    return session.scalar(
        select(ResponseRow.id)
        .where(ResponseRow.session_id == session_id)
        .order_by(ResponseRow.created_at.desc(), ResponseRow.id.desc())
        .limit(1)
    )


def get(session: Session, session_id: UUID, user: str) -> SessionSummary:
    """The session, for its user.

    Raises:
        UnknownSessionError: There is none, or it is someone else's.
    """
    resume_session(session, session_id, user)
    return _to_summary(session, session.execute(_sessions().where(SessionRow.id == session_id)).one())


def owner(session: Session, session_id: UUID) -> str | None:
    """The name of the user whose session it is; None if there is none."""
    statement = select(UserRow.name).join(SessionRow, SessionRow.user_id == UserRow.id)
    return session.scalar(statement.where(SessionRow.id == session_id))


def page(session: Session, filter: SessionFilter, *, after: str | None, limit: int) -> Batch[SessionSummary]:
    """The next `limit` sessions, those opened last first.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _sessions().where(*_conditions(session, filter))
    rows = newest_first(session, statement, SessionRow.created_at, SessionRow.id, after=after, limit=limit)
    return Batch([_to_summary(session, row) for row in rows.items], rows.next)


def rename(session: Session, session_id: UUID, title: str | None) -> None:
    """Give a session another title; None takes it away."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == session_id)
        .values(title_columns(session, session_id, title))
        .execution_options(synchronize_session=False)
    )


def remove(session: Session, session_id: UUID) -> None:
    """Delete a session with all that was asked and answered in it, for good."""
    for statement in (
        delete(ResponseRow).where(ResponseRow.session_id == session_id),
        delete(SessionRow).where(SessionRow.id == session_id),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})


def turns(session: Session, session_id: UUID, *, after: str | None, limit: int) -> Batch[ResponseSummary]:
    """The next `limit` responses of all lines of a session, oldest first.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = select_responses().where(ResponseRow.session_id == session_id)
    rows = oldest_first(session, statement, ResponseRow.created_at, ResponseRow.id, after=after, limit=limit)
    return Batch([to_summary(session, row) for row in rows.items], rows.next)


def line(session: Session, response_id: UUID, limit: int = MAX_HISTORY) -> list[ResponseSummary]:
    """The line of a conversation that ends with this response, oldest first: its last `limit` turns.

    An unknown response ends no line: the list is empty.
    """
    back = _back(response_id, limit)
    statement = select_responses().join(back, back.c.id == ResponseRow.id).order_by(back.c.distance.desc())
    return [to_summary(session, row) for row in session.execute(statement)]


def turns_before(session: Session, place: Place, count: int) -> list[Turn]:
    """The last `count` turns of the line that a question at this place goes on with, oldest first."""
    if place.parent_id is None:
        return []
    back = _back(place.parent_id, count)
    query = func.coalesce(ResponseRow.body["query"].as_string(), ResponseRow.question).label("query")
    statement = (
        select(
            ResponseRow.id,
            ResponseRow.question,
            query,
            ResponseRow.answer,
            ResponseRow.abstained,
            ResponseRow.sealed,
            ResponseRow.data_key_id,
        )
        .join(back, back.c.id == ResponseRow.id)
        .order_by(back.c.distance.desc())
    )
    return [_to_turn(session, row) for row in session.execute(statement)]


def _to_turn(session: Session, row: Row[*tuple[Any, ...]]) -> Turn:
    question, query, answer = row.question, row.query, row.answer
    content = open_response(session, row)
    if content is not None:
        question, answer = content.question, content.answer
        query = content.body.get("query") or question
    return Turn(question, query, None if row.abstained else answer)


def _back(response_id: UUID, limit: int) -> CTE:
    """The ids of a response and of those before it in its line, with their distances, 1 for itself."""
    back = (
        select(ResponseRow.id, ResponseRow.parent_id, literal(1).label("distance"))
        .where(ResponseRow.id == response_id)
        .cte("back", recursive=True)
    )
    parent = aliased(ResponseRow)
    return back.union_all(
        select(parent.id, parent.parent_id, back.c.distance + 1)
        .join(back, parent.id == back.c.parent_id)
        .where(back.c.distance < limit)
    )


def _conditions(session: Session, filter: SessionFilter) -> list[ColumnElement[bool]]:
    exact = {UserRow.name: filter.user, CorpusRow.name: filter.corpus}
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in exact.items() if value is not None
    ]
    if filter.title is not None:
        conditions.append(holds_title(session, filter.title))
    if filter.since is not None:
        conditions.append(SessionRow.created_at >= filter.since)
    if filter.until is not None:
        conditions.append(SessionRow.created_at < filter.until)
    if filter.reader is not None:
        conditions.append(session_visible(filter.reader))
    return conditions


def _sessions() -> Select[*tuple[Any, ...]]:
    return (
        select(
            SessionRow.id,
            UserRow.name.label("user"),
            CorpusRow.name.label("corpus"),
            SessionRow.title,
            _of_responses(ResponseRow.question, first=True).label("first_question"),
            select(func.count())
            .where(ResponseRow.session_id == SessionRow.id)
            .scalar_subquery()
            .label("responses"),
            SessionRow.created_at,
            _of_responses(ResponseRow.created_at, first=False).label("last_asked_at"),
            _of_responses(ResponseRow.id, first=True).label("first_id"),
        )
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .outerjoin(CorpusRow, CorpusRow.id == SessionRow.corpus_id)
    )


def _of_responses(column: Any, *, first: bool) -> ScalarSelect[Any]:
    """A column of a session's first response, or of its last."""
    order = (ResponseRow.created_at, ResponseRow.id)
    return (
        select(column)
        .where(ResponseRow.session_id == SessionRow.id)
        .order_by(*(order if first else (part.desc() for part in order)))
        .limit(1)
        .scalar_subquery()
    )


def _to_summary(session: Session, row: Row[*tuple[Any, ...]]) -> SessionSummary:
    summary = SessionSummary(*row[:8])
    summary = replace(summary, title=open_title(session, row.id, row.title))
    if summary.first_question != "":  # an empty one is sealed
        return summary
    first = select(ResponseRow.id, ResponseRow.sealed, ResponseRow.data_key_id)
    content = open_response(session, session.execute(first.where(ResponseRow.id == row.first_id)).one())
    return summary if content is None else replace(summary, first_question=content.question)
