"""Review queues: who looks at which responses, one item at a time."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.agreement import agreement_of
from api.audit import by_key
from api.auth import Parts, ReviewerKey
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.routes.responses import check_may_see
from api.routes.scores import check_spans, spans_of
from api.schemas.queues import (
    AddedView,
    AgreementView,
    NextItemView,
    QueueBody,
    QueueChangeBody,
    QueueItemsBody,
    QueueItemsView,
    QueueItemView,
    QueuesView,
    QueueView,
    SubmitBody,
)
from store import conversations, corrections, queue_items, queues, scores
from store.errors import InvalidCursorError, UnknownDocumentError, UnknownResponseError
from store.positions import Batch
from store.queues import NewQueue
from store.response_query import QueryError, parse
from store.responses import ResponseFilter
from store.review_errors import (
    CorrectionError,
    LeaseError,
    NotReviewerError,
    QueueClosedError,
    QueueExistsError,
    ScoreDefinitionArchivedError,
    ScoreValueError,
    UnknownQueueError,
    UnknownQueueItemError,
    UnknownScoreDefinitionError,
)
from store.scores import NewScore, ScoreSource

router = APIRouter(prefix="/v1/queues", tags=["review"], responses=OF_EVERY_ROUTE)

REVIEWING = problems(UnknownQueueError, UnknownQueueItemError, QueueClosedError, NotReviewerError, LeaseError)


@router.get(
    "",
    summary="List queues",
    response_model=QueuesView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_queues(
    *,
    parts: Parts,
    key: ReviewerKey,
    paging: Paged,
    mine: Annotated[bool, Query(description="only those that you may review")] = False,
    closed: Annotated[bool | None, Query(description="whether they are closed")] = None,
) -> Any:
    """Queues and how far they are, by name; their items are counted as far as you may see them."""

    def fetch(after: str | None, limit: int) -> Batch[QueueView]:
        with parts.database.transaction() as session:
            found = queues.page(
                session,
                after=after,
                limit=limit + 1,
                reviewer=key.user if mine else None,
                closed=closed,
                reader=key.reader,
            )
        views = [QueueView.model_validate(queue) for queue in found[:limit]]
        return Batch(views, views[-1].name if len(found) > limit else None)

    filters = {"mine": key.user if mine else None, "closed": closed}
    return paging.give("queues", filters, fetch, lambda views, cursor: QueuesView(queues=views, next=cursor))


@router.post(
    "",
    summary="Make a queue",
    status_code=status.HTTP_201_CREATED,
    responses=problems(QueueExistsError, UnknownScoreDefinitionError, ScoreDefinitionArchivedError),
)
def create_queue(body: QueueBody, parts: Parts, key: ReviewerKey) -> QueueView:
    """Makes a queue: the scores that it asks for, who reviews it, and how many look at each item."""
    new = NewQueue(
        name=body.name,
        created_by=key.user,
        definitions=tuple(body.definitions),
        reviewers=tuple(body.reviewers),
        reviews_wanted=body.reviews_wanted,
        lease_s=body.lease_s,
        description=body.description,
    )
    with parts.database.transaction() as session:
        made = queues.create(session, new)
        by_key(session, key, "queue.create", made.name, {"id": str(made.id), "reviewers": made.reviewers})
    return QueueView.model_validate(made)


@router.get("/{queue_id}", summary="Show a queue", responses=problems(UnknownQueueError))
def show_queue(queue_id: UUID, parts: Parts, key: ReviewerKey) -> QueueView:
    """One queue and how far it is."""
    with parts.database.transaction() as session:
        return QueueView.model_validate(queues.get(session, queue_id, key.reader))


@router.patch("/{queue_id}", summary="Change a queue", responses=problems(UnknownQueueError))
def change_queue(queue_id: UUID, body: QueueChangeBody, parts: Parts, key: ReviewerKey) -> QueueView:
    """Changes a queue's description or reviewers, closes it or opens it again."""
    with parts.database.transaction() as session:
        changed = queues.change(
            session,
            queue_id,
            description=body.description,
            reviewers=body.reviewers,
            closed=body.closed,
            reader=key.reader,
        )
        details = body.model_dump(include={"reviewers", "closed"}, exclude_none=True)
        by_key(session, key, "queue.change", changed.name, {"id": str(queue_id), **details})
    return QueueView.model_validate(changed)


@router.get(
    "/{queue_id}/items",
    summary="List a queue's items",
    response_model=QueueItemsView,
    responses={**AS_JSONL, **problems(UnknownQueueError, InvalidCursorError)},
)
def list_queue_items(
    *,
    queue_id: UUID,
    parts: Parts,
    key: ReviewerKey,
    paging: Paged,
    done: Annotated[bool | None, Query(description="whether they are done")] = None,
) -> Any:
    """The responses in a queue, who has them in hand, and what became of them."""

    def fetch(after: str | None, limit: int) -> Batch[QueueItemView]:
        with parts.database.transaction() as session:
            queue = queues.get(session, queue_id)
            found = queue_items.page(
                session, queue, after=after, limit=limit + 1, done=done, reader=key.reader
            )
        views = [QueueItemView.model_validate(item) for item in found[:limit]]
        return Batch(views, str(views[-1].id) if len(found) > limit else None)

    return paging.give(
        f"queues/{queue_id}/items",
        {"done": done},
        fetch,
        lambda views, cursor: QueueItemsView(items=views, next=cursor),
    )


@router.post(
    "/{queue_id}/items",
    summary="Put responses into a queue",
    responses=problems(UnknownQueueError, QueryError),
)
def add_queue_items(queue_id: UUID, body: QueueItemsBody, parts: Parts, key: ReviewerKey) -> AddedView:
    """Puts responses into a queue: those named, those that a filter lets through, or a sample of them.

    At most 10,000 come in at once, the newest. A response that is in the queue already stays as it is.
    """
    with parts.database.transaction() as session:
        if body.filter is not None:
            chosen = body.filter.model_dump(exclude={"q"})
            wanted = ResponseFilter(**chosen, terms=parse(body.filter.q), reader=key.reader)
            responses = conversations.matching(session, wanted)
        else:
            responses = queue_items.chosen(body.response_ids or [], key.reader)
        if body.sample is not None:
            responses = queue_items.sample(responses, body.sample, body.seed)
        queue = queues.get(session, queue_id)
        added = queue_items.add(session, queue, responses)
        by_key(session, key, "queue.fill", queue.name, {"id": str(queue_id), "added": added})
    return AddedView(added=added)


@router.post(
    "/{queue_id}/next",
    summary="Take the next item",
    responses=problems(UnknownQueueError, QueueClosedError, NotReviewerError),
)
def take_queue_item(queue_id: UUID, parts: Parts, key: ReviewerKey) -> NextItemView:
    """Puts the next item into your hands until its lease ends; no one else gets it before.

    Those come first in which reviewers disagree and whose answers are in doubt. Asked again, it gives the
    same item.
    """
    with parts.database.transaction() as session:
        queue = queues.get(session, queue_id)
        queues.check_may_review(queue, key.user)
        item = queue_items.hand_out(session, queue, key.user, key.reader)
        waiting = queue_items.waiting_for(session, queue, key.user, key.reader)
    return NextItemView(item=None if item is None else QueueItemView.model_validate(item), waiting=waiting)


@router.post(
    "/{queue_id}/items/{item_id}/submit",
    summary="Submit a review",
    responses={
        **problems(
            UnknownQueueError,
            UnknownQueueItemError,
            UnknownScoreDefinitionError,
            UnknownResponseError,
            UnknownDocumentError,
        ),
        **problems(QueueClosedError, LeaseError, ScoreDefinitionArchivedError),
        **problems(NotReviewerError),
        **problems(ScoreValueError, CorrectionError),
    },
)
def submit_queue_item(
    queue_id: UUID, item_id: UUID, body: SubmitBody, parts: Parts, key: ReviewerKey
) -> QueueItemView:
    """Stores your scores and your corrected answer, and ends your part in the item; all of it or nothing.

    When your lease ended and somebody else took the item meanwhile, it is refused with 409.
    """
    with parts.database.transaction() as session:
        queue = queues.get(session, queue_id)
        queues.check_may_review(queue, key.user)
        response_id = queue_items.get(session, queue, item_id).response_id
        check_may_see(session, key, conversations.get_response(session, response_id))
        given = [
            NewScore(source=ScoreSource.PERSON, user=key.user, **score.model_dump()) for score in body.scores
        ]
        scores.record(session, response_id, given)
        if body.correction is not None:
            check_spans(session, key, body.correction)
            corrections.record(
                session,
                response_id,
                key.user,
                body.correction.answer,
                spans=spans_of(body.correction),
                comment=body.correction.comment,
            )
        return QueueItemView.model_validate(queue_items.submit(session, queue, item_id, key.user))


@router.post("/{queue_id}/items/{item_id}/skip", summary="Skip an item", responses=REVIEWING)
def skip_queue_item(queue_id: UUID, item_id: UUID, parts: Parts, key: ReviewerKey) -> QueueItemView:
    """Leaves an item to others; you do not get it again."""
    with parts.database.transaction() as session:
        queue = queues.get(session, queue_id)
        queues.check_may_review(queue, key.user)
        return QueueItemView.model_validate(queue_items.skip(session, queue, item_id, key.user))


@router.get("/{queue_id}/agreement", summary="Show agreement", responses=problems(UnknownQueueError))
def show_agreement(queue_id: UUID, parts: Parts, key: ReviewerKey) -> AgreementView:
    """How the reviewers of a queue agree: Cohen's kappa of each two of them, Krippendorff's alpha of all.

    Only responses that you may see count.
    """
    with parts.database.transaction() as session:
        queue = queues.get(session, queue_id)
        return AgreementView(
            scores=agreement_of(queue.definitions, queue_items.ratings(session, queue, key.reader))
        )
