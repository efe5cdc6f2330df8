"""Scores and corrections of responses."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, status
from sqlalchemy.orm import Session

from api.auth import Caller, Parts, ReaderKey, ReviewerKey
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.routes.responses import check_may_see
from api.schemas.fields import Text
from api.schemas.scores import (
    CorrectionBody,
    CorrectionsPageView,
    CorrectionsView,
    CorrectionView,
    ResponseScoresBody,
    ResponseScoresView,
    ScoreView,
)
from store import conversations, corrections, documents, scores
from store.corrections import Correction, NewSpan
from store.errors import InvalidCursorError, UnknownDocumentError, UnknownResponseError
from store.positions import Batch
from store.review_errors import (
    CorrectionError,
    ScoreDefinitionArchivedError,
    ScoreValueError,
    UnknownScoreDefinitionError,
)
from store.scores import NewScore
from store.visibility import all_visible

router = APIRouter(prefix="/v1", tags=["review"], responses=OF_EVERY_ROUTE)

History = Annotated[bool, Query(description="also those that later ones of the same author replaced")]


@router.get(
    "/responses/{response_id}/scores", summary="List scores", responses=problems(UnknownResponseError)
)
def list_scores(
    response_id: UUID, parts: Parts, key: ReaderKey, history: History = False
) -> ResponseScoresView:
    """The scores of a response, of persons, evaluators and programs, by definition."""
    with parts.database.transaction() as session:
        check_may_see(session, key, conversations.get_response(session, response_id))
        found = scores.of_response(session, response_id, history=history)
    return ResponseScoresView(scores=[ScoreView.model_validate(score) for score in found])


@router.post(
    "/responses/{response_id}/scores",
    summary="Score a response",
    status_code=status.HTTP_201_CREATED,
    responses=problems(
        UnknownResponseError, UnknownScoreDefinitionError, ScoreDefinitionArchivedError, ScoreValueError
    ),
)
def give_scores(
    response_id: UUID, body: ResponseScoresBody, parts: Parts, key: ReviewerKey
) -> ResponseScoresView:
    """Stores scores of a response. A score takes the place of the one that its author gave before, which
    stays readable with `history`; nobody else's is touched.
    """
    with parts.database.transaction() as session:
        check_may_see(session, key, conversations.get_response(session, response_id))
        given = [NewScore(user=key.user, **score.model_dump()) for score in body.scores]
        found = scores.record(session, response_id, given)
    return ResponseScoresView(scores=[ScoreView.model_validate(score) for score in found])


@router.get(
    "/responses/{response_id}/corrections",
    summary="List a response's corrections",
    responses=problems(UnknownResponseError),
)
def list_response_corrections(
    response_id: UUID, parts: Parts, key: ReaderKey, history: History = False
) -> CorrectionsView:
    """What reviewers say that the answer should have been, with what they changed, oldest first."""
    with parts.database.transaction() as session:
        check_may_see(session, key, conversations.get_response(session, response_id))
        found = _shown(session, key, corrections.of_response(session, response_id, history=history))
    return CorrectionsView(corrections=[CorrectionView.model_validate(each) for each in found])


@router.post(
    "/responses/{response_id}/corrections",
    summary="Correct an answer",
    status_code=status.HTTP_201_CREATED,
    responses=problems(UnknownResponseError, UnknownDocumentError, CorrectionError),
)
def correct_response(
    response_id: UUID, body: CorrectionBody, parts: Parts, key: ReviewerKey
) -> CorrectionView:
    """Keeps the answer as it should have been, as a difference to the one given, with the characters of the
    documents that bear it out. It takes the place of your earlier correction, which stays in the history.
    """
    with parts.database.transaction() as session:
        check_may_see(session, key, conversations.get_response(session, response_id))
        check_spans(session, key, body)
        kept = corrections.record(
            session, response_id, key.user, body.answer, spans=spans_of(body), comment=body.comment
        )
    return CorrectionView.model_validate(kept)


@router.get(
    "/corrections",
    summary="List corrections",
    response_model=CorrectionsPageView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_corrections(
    parts: Parts,
    key: ReviewerKey,
    paging: Paged,
    user: Annotated[Text | None, Query(description="whose")] = None,
) -> Any:
    """Corrected answers, the newest first."""

    def fetch(after: str | None, limit: int) -> Batch[CorrectionView]:
        with parts.database.transaction() as session:
            batch = corrections.page(session, after=after, limit=limit, user=user, reader=key.reader)
            shown = _shown(session, key, batch.items)
        return Batch([CorrectionView.model_validate(each) for each in shown], batch.next)

    return paging.give(
        "corrections",
        {"user": user},
        fetch,
        lambda views, cursor: CorrectionsPageView(corrections=views, next=cursor),
    )


def _shown(session: Session, key: Caller, found: Sequence[Correction]) -> list[Correction]:
    """The corrections that quote nothing which is hidden from the caller."""
    return [
        each for each in found if all_visible(session, [span.document_id for span in each.spans], key.reader)
    ]


def check_spans(session: Session, key: Caller, body: CorrectionBody) -> None:
    """See to it that a correction quotes only documents that its author may see.

    Raises:
        UnknownDocumentError: It quotes another.
    """
    for span in spans_of(body):
        documents.get(session, span.document_id, key.reader)


def spans_of(body: CorrectionBody) -> list[NewSpan]:
    """The spans of a correction as the store takes them."""
    return [NewSpan(**span.model_dump()) for span in body.spans]
