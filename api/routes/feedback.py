"""Feedback on responses."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.audit import by_key
from api.auth import Parts, ReaderKey, allows
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.routes.responses import check_may_see, reviews, whose
from api.schemas.fields import Text
from api.schemas.sessions import FeedbackBody, FeedbackListView, FeedbackView
from store import conversations, feedback
from store.errors import InvalidCursorError, UnknownFeedbackError, UnknownResponseError
from store.feedback import FeedbackFilter, Thumb
from store.positions import Batch
from store.types import Role
from store.visibility import may_see_response

router = APIRouter(prefix="/v1/feedback", tags=["feedback"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List feedback",
    response_model=FeedbackListView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_feedback(
    *,
    parts: Parts,
    key: ReaderKey,
    paging: Paged,
    user: Annotated[Text | None, Query(description="whose")] = None,
    response_id: Annotated[UUID | None, Query(description="on which response")] = None,
    thumb: Annotated[Thumb | None, Query(description="with which verdict")] = None,
    corrected: Annotated[bool | None, Query(description="whether there is a correction")] = None,
) -> Any:
    """What was thought of responses, the newest first.

    Readers and contributors see their own; reviewers and administrators see everybody's.
    """
    wanted = FeedbackFilter(whose(key, user), response_id, thumb, corrected, key.reader)

    def fetch(after: str | None, limit: int) -> Batch[FeedbackView]:
        with parts.database.transaction() as session:
            batch = feedback.page(session, wanted, after=after, limit=limit)
        return Batch([FeedbackView.model_validate(found) for found in batch.items], batch.next)

    return paging.give(
        "feedback", vars(wanted), fetch, lambda views, cursor: FeedbackListView(feedback=views, next=cursor)
    )


@router.post(
    "",
    summary="Give feedback",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": FeedbackView}, **problems(UnknownResponseError)},
)
def give_feedback(body: FeedbackBody, parts: Parts, key: ReaderKey, response: Response) -> FeedbackView:
    """Records what you think of a response: a thumb, a comment, the answer as it should have been.

    It takes the place of what you said of that response before (200). Reviewers may speak of every response,
    others of the answers to their own questions.
    """
    with parts.database.transaction() as session:
        check_may_see(session, key, conversations.get_response(session, body.response_id))
        given = feedback.give(
            session,
            body.response_id,
            key.user,
            thumb=body.thumb,
            comment=body.comment,
            correction=body.correction,
        )
    if not given.new:
        response.status_code = status.HTTP_200_OK
    return FeedbackView.model_validate(given.feedback)


@router.get("/{feedback_id}", summary="Show feedback", responses=problems(UnknownFeedbackError))
def show_feedback(feedback_id: UUID, parts: Parts, key: ReaderKey) -> FeedbackView:
    """One user's feedback on a response."""
    with parts.database.transaction() as session:
        found = feedback.get(session, feedback_id)
        seen = may_see_response(session, found.response_id, key.reader)
    if not seen or (found.user != key.user and not reviews(key)):
        raise UnknownFeedbackError(feedback_id)
    return FeedbackView.model_validate(found)


@router.delete(
    "/{feedback_id}",
    summary="Take feedback back",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(UnknownFeedbackError),
)
def delete_feedback(feedback_id: UUID, parts: Parts, key: ReaderKey) -> Response:
    """Deletes your feedback on a response; administrators may delete anybody's."""
    with parts.database.transaction() as session:
        found = feedback.get(session, feedback_id)
        if found.user != key.user and not allows(key.role, Role.ADMINISTRATOR):
            raise UnknownFeedbackError(feedback_id)
        feedback.remove(session, feedback_id)
        by_key(session, key, "feedback.delete", str(feedback_id), {"user": found.user})
    return Response(status_code=status.HTTP_204_NO_CONTENT)
