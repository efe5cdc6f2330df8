"""Sessions: conversations whose questions are linked, each to the one before it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from sqlalchemy.orm import Session

from api.audit import by_key
from api.auth import Caller, Parts, ReaderKey, allows
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged, jsonl
from api.routes.responses import WHOLE_PER_FETCH, reviews, whole_responses, whose
from api.schemas.fields import Text
from api.schemas.log import ResponseSummaryView, ResponseView
from api.schemas.sessions import (
    LineView,
    SessionBody,
    SessionChangeBody,
    SessionsView,
    SessionView,
    TurnsView,
)
from store import conversations, corpora, sessions
from store.errors import InvalidCursorError, UnknownCorpusError, UnknownResponseError, UnknownSessionError
from store.positions import Batch
from store.responses import ResponseSummary
from store.sessions import SessionFilter, SessionSummary
from store.types import Role
from store.visibility import may_see_session

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], responses=OF_EVERY_ROUTE)

UNKNOWN = problems(UnknownSessionError)


@router.get(
    "",
    summary="List sessions",
    response_model=SessionsView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_sessions(
    *,
    parts: Parts,
    key: ReaderKey,
    paging: Paged,
    user: Annotated[Text | None, Query(description="whose")] = None,
    corpus: Annotated[Text | None, Query(description="about which corpus")] = None,
    title: Annotated[Text | None, Query(description="in the title, in any case")] = None,
    since: Annotated[datetime | None, Query(description="opened then or later; without a zone: UTC")] = None,
    until: Annotated[datetime | None, Query(description="opened before then")] = None,
) -> Any:
    """Conversations, those opened last first.

    Readers and contributors see their own; reviewers and administrators see everybody's.
    """
    wanted = SessionFilter(whose(key, user), corpus, title, since, until, key.reader)

    def fetch(after: str | None, limit: int) -> Batch[SessionView]:
        with parts.database.transaction() as session:
            batch = sessions.page(session, wanted, after=after, limit=limit)
        return Batch([SessionView.model_validate(found) for found in batch.items], batch.next)

    return paging.give(
        "sessions", vars(wanted), fetch, lambda views, cursor: SessionsView(sessions=views, next=cursor)
    )


@router.post(
    "", summary="Open a session", status_code=status.HTTP_201_CREATED, responses=problems(UnknownCorpusError)
)
def open_session(body: SessionBody, parts: Parts, key: ReaderKey) -> SessionView:
    """Opens a conversation. A question without a `session_id` opens one too."""
    with parts.database.transaction() as session:
        corpus_id = None if body.corpus is None else corpora.get(session, body.corpus, key.reader).id
        opened = conversations.open_session(session, key.user, corpus_id)
        sessions.rename(session, opened, body.title)
        return SessionView.model_validate(sessions.get(session, opened, key.user))


@router.get("/{session_id}", summary="Show a session", responses=UNKNOWN)
def show_session(session_id: UUID, parts: Parts, key: ReaderKey) -> SessionView:
    """One conversation, without what was asked in it: see its responses."""
    with parts.database.transaction() as session:
        return SessionView.model_validate(_readable(session, session_id, key))


@router.patch("/{session_id}", summary="Rename a session", responses=UNKNOWN)
def rename_session(session_id: UUID, body: SessionChangeBody, parts: Parts, key: ReaderKey) -> SessionView:
    """Gives a conversation of yours a title, or takes it away."""
    with parts.database.transaction() as session:
        sessions.get(session, session_id, key.user)
        sessions.rename(session, session_id, body.title)
        return SessionView.model_validate(sessions.get(session, session_id, key.user))


@router.delete(
    "/{session_id}",
    summary="Delete a session",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=UNKNOWN,
)
def delete_session(session_id: UUID, parts: Parts, key: ReaderKey) -> Response:
    """Deletes a conversation of yours for good, with its responses and the feedback on them.

    Administrators may delete anybody's.
    """
    with parts.database.transaction() as session:
        found = sessions.get(session, session_id, _acting_for(session, session_id, key, Role.ADMINISTRATOR))
        sessions.remove(session, session_id)
        by_key(session, key, "session.delete", str(session_id), {"user": found.user})
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get(
    "/{session_id}/responses",
    summary="List a session's responses",
    response_model=TurnsView,
    responses={**AS_JSONL, **UNKNOWN, **problems(InvalidCursorError)},
)
def list_turns(session_id: UUID, parts: Parts, key: ReaderKey, paging: Paged) -> Any:
    """All that was asked and answered in a conversation, oldest first.

    `parent_id` makes a tree of it: two responses with the same parent are two lines of the conversation.
    """
    with parts.database.transaction() as session:
        _readable(session, session_id, key)

    def fetch(after: str | None, limit: int) -> Batch[ResponseSummaryView]:
        with parts.database.transaction() as session:
            batch = sessions.turns(session, session_id, after=after, limit=limit)
        return Batch(_views(batch.items), batch.next)

    return paging.give(
        f"sessions/{session_id}/responses",
        {},
        fetch,
        lambda views, cursor: TurnsView(responses=views, next=cursor),
    )


@router.get(
    "/{session_id}/line",
    summary="Follow a line of a session",
    responses={**UNKNOWN, **problems(UnknownResponseError)},
)
def follow_line(
    *,
    session_id: UUID,
    parts: Parts,
    key: ReaderKey,
    response_id: Annotated[UUID | None, Query(description="where it ends; the newest if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=sessions.MAX_HISTORY, description="how many turns back")] = 20,
) -> LineView:
    """The questions and answers that led to a response, oldest first, without the other lines."""
    with parts.database.transaction() as session:
        _readable(session, session_id, key)
        end = response_id or sessions.newest(session, session_id)
        found = [] if end is None else sessions.line(session, end, limit)
    if response_id is not None and (not found or found[-1].session_id != session_id):
        raise UnknownResponseError(response_id)
    return LineView(responses=_views(found))


@router.get(
    "/{session_id}/export",
    summary="Export a session",
    response_class=Response,
    responses={**AS_JSONL, **UNKNOWN},
)
def export_session(session_id: UUID, parts: Parts, key: ReaderKey) -> Any:
    """Every response of a conversation, whole, oldest first, as JSON Lines."""
    with parts.database.transaction() as session:
        _readable(session, session_id, key)
        by_key(session, key, "session.export", str(session_id))

    def fetch(after: str | None, limit: int) -> Batch[ResponseView]:
        with parts.database.transaction() as session:
            batch = sessions.turns(session, session_id, after=after, limit=min(limit, WHOLE_PER_FETCH))
            return Batch(whole_responses(session, batch.items), batch.next)

    return jsonl(fetch)


def _readable(session: Session, session_id: UUID, key: Caller) -> SessionSummary:
    """The session, for its user and for reviewers.

    Raises:
        UnknownSessionError: There is none, or it is nobody of theirs.
    """
    return sessions.get(session, session_id, _acting_for(session, session_id, key, Role.REVIEWER))


def _acting_for(session: Session, session_id: UUID, key: Caller, needed: Role) -> str:
    """The user in whose name a key may do something: whoever's the session is if its role is sufficient."""
    if not allows(key.role, needed) or not reviews(key):
        return key.user
    if not may_see_session(session, session_id, key.reader):
        raise UnknownSessionError(session_id, key.user)
    return sessions.owner(session, session_id) or key.user


def _views(found: Sequence[ResponseSummary]) -> list[ResponseSummaryView]:
    return [ResponseSummaryView.model_validate(response) for response in found]
