"""The log of questions and answers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import Parts, ReaderKey, allows
from api.errors import OF_EVERY_ROUTE, RoleError, problems
from api.schemas.fields import MAX_PAGE, Text
from api.schemas.log import ResponseSummaryView, ResponsesView, ResponseView
from store import conversations
from store.errors import InvalidCursorError, UnknownResponseError
from store.responses import ResponseFilter
from store.types import Role

router = APIRouter(prefix="/v1/responses", tags=["responses"], responses=OF_EVERY_ROUTE)


@router.get("", summary="List responses", responses=problems(InvalidCursorError))
def list_responses(
    *,
    parts: Parts,
    key: ReaderKey,
    user: Annotated[Text | None, Query(description="who asked")] = None,
    corpus: Annotated[Text | None, Query(description="which corpus was asked")] = None,
    session_id: Annotated[UUID | None, Query(description="in which conversation")] = None,
    model: Annotated[Text | None, Query(description="which generator answered")] = None,
    abstained: Annotated[bool | None, Query(description="whether there was no answer")] = None,
    since: Annotated[datetime | None, Query(description="asked then or later; without a zone: UTC")] = None,
    until: Annotated[datetime | None, Query(description="asked before then")] = None,
    text: Annotated[Text | None, Query(description="in question or answer, in any case")] = None,
    cursor: Annotated[Text | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> ResponsesView:
    """What was asked and answered, newest first.

    Readers and contributors see what they asked themselves; reviewers and administrators see everything.
    """
    if not allows(key.role, Role.REVIEWER):
        if user not in (None, key.user):
            raise RoleError(key.role, Role.REVIEWER, "Seeing what others asked")
        user = key.user
    wanted = ResponseFilter(
        user=user,
        corpus=corpus,
        session_id=session_id,
        model=model,
        abstained=abstained,
        since=since,
        until=until,
        text=text,
    )
    with parts.database.transaction() as session:
        page = conversations.list_responses(session, wanted, after=cursor, limit=limit)
    found = [ResponseSummaryView.model_validate(response) for response in page.responses]
    return ResponsesView(responses=found, next=page.next)


@router.get("/{response_id}", summary="Show a response", responses=problems(UnknownResponseError))
def show_response(response_id: UUID, parts: Parts, key: ReaderKey) -> ResponseView:
    """One response with everything that made it: hits, scores, citations, timings, parameters."""
    with parts.database.transaction() as session:
        response = conversations.get_response(session, response_id)
    if response.summary.user != key.user and not allows(key.role, Role.REVIEWER):
        raise UnknownResponseError(response_id)  # that there is one is nobody else's business
    return ResponseView.of(response)
