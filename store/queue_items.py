"""The items of review queues: put in, handed out to one person at a time, submitted or skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store import users
from store.priority import of_persons, priority
from store.queues import Queue
from store.review_errors import LeaseError, UnknownQueueItemError
from store.score_definitions import ScoreKind
from store.tables import (
    QueueDefinitionRow,
    QueueItemRow,
    QueueReviewRow,
    ResponseRow,
    ScoreDefinitionRow,
    ScoreRow,
    UserRow,
    among,
)
from store.visibility import Reader, visible_responses

MOST_ADDED = 10_000


class ReviewOutcome(StrEnum):
    """What became of an item in a reviewer's hands."""

    SUBMITTED = "submitted"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class QueueItem:
    """A response in a queue; `leased_by` has it in hand until `leased_until`."""

    id: UUID
    queue_id: UUID
    response_id: UUID
    priority: float
    """Between 0 and 2: the disagreement of those who scored it, and the doubt in the answer."""
    leased_by: str | None
    leased_until: datetime | None
    added_at: datetime
    done_at: datetime | None
    submitted: int
    skipped: int


@dataclass(frozen=True)
class Rating:
    """What a person said of a response, in one score."""

    definition: str
    kind: ScoreKind
    response_id: UUID
    user: str
    value: float | str


def add(session: Session, queue: Queue, responses: Select[UUID]) -> int:
    """Put responses into a queue; those that it has already stay as they are. Returns how many came in."""
    wanted = select(responses.subquery("chosen").c[0]).limit(MOST_ADDED).subquery("wanted")
    rows = select(func.gen_random_uuid(), literal(queue.id), ResponseRow.id, priority()).join(
        wanted, wanted.c[0] == ResponseRow.id
    )
    made = insert(QueueItemRow).from_select(["id", "queue_id", "response_id", "priority"], rows)
    done = session.execute(
        made.on_conflict_do_nothing(index_elements=["queue_id", "response_id"]).returning(QueueItemRow.id)
    )
    return len(done.all())


def hand_out(session: Session, queue: Queue, user: str, reader: Reader | None = None) -> QueueItem | None:
    """The next item for a reviewer, who has it for the queue's lease; None when nothing is left for them.

    Whoever asks again gets the same item. No item is in two persons' hands: rows that another transaction is
    handing out are passed over.
    """
    user_id = users.ensure(session, user)
    now = func.clock_timestamp()
    is_free = or_(
        QueueItemRow.leased_until.is_(None),
        QueueItemRow.leased_until <= now,
        QueueItemRow.leased_by == user_id,
    )
    in_hand = and_(QueueItemRow.leased_by.is_not(None), QueueItemRow.leased_by == user_id)
    statement = (
        select(QueueItemRow.id)
        .where(
            QueueItemRow.queue_id == queue.id,
            QueueItemRow.done_at.is_(None),
            is_free,
            ~_reviewed_by(user_id),
            QueueItemRow.response_id.in_(visible_responses(reader)),
        )
        .order_by(in_hand.desc(), QueueItemRow.priority.desc(), QueueItemRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    item_id = session.scalar(statement)
    if item_id is None:
        return None
    until = now + literal(timedelta(seconds=queue.lease_s))
    _change(session, item_id, leased_by=user_id, leased_until=until)
    return get(session, queue, item_id)


def submit(session: Session, queue: Queue, item_id: UUID, user: str) -> QueueItem:
    """Take note that a reviewer is through with an item; their scores are stored before, beside it.

    Raises:
        UnknownQueueItemError: The queue has no such item.
        LeaseError: Somebody else has it in hand, or it is done.
    """
    _close(session, queue, item_id, user, ReviewOutcome.SUBMITTED)
    item = get(session, queue, item_id)
    done = func.clock_timestamp() if item.submitted >= queue.reviews_wanted else None
    urgency = select(priority()).where(ResponseRow.id == item.response_id).scalar_subquery()
    _change(session, item_id, done_at=done, priority=urgency)
    return get(session, queue, item_id)


def skip(session: Session, queue: Queue, item_id: UUID, user: str) -> QueueItem:
    """Leave an item to others; it does not come back to this reviewer.

    Raises:
        UnknownQueueItemError: The queue has no such item.
        LeaseError: Somebody else has it in hand, or it is done.
    """
    _close(session, queue, item_id, user, ReviewOutcome.SKIPPED)
    return get(session, queue, item_id)


def get(session: Session, queue: Queue, item_id: UUID) -> QueueItem:
    """An item of a queue.

    Raises:
        UnknownQueueItemError: The queue has no such item.
    """
    row = session.execute(
        _items().where(QueueItemRow.id == item_id, QueueItemRow.queue_id == queue.id)
    ).one_or_none()
    if row is None:
        raise UnknownQueueItemError(item_id)
    return _to_item(row)


def page(
    session: Session,
    queue: Queue,
    *,
    after: str | None,
    limit: int,
    done: bool | None = None,
    reader: Reader | None = None,
) -> list[QueueItem]:
    """The next `limit` items in the order of their ids; `after` is the last id before."""
    statement = _items().where(
        QueueItemRow.queue_id == queue.id, QueueItemRow.response_id.in_(visible_responses(reader))
    )
    if done is not None:
        statement = statement.where(QueueItemRow.done_at.is_not(None) == done)
    if after is not None:
        statement = statement.where(QueueItemRow.id > after)
    return [_to_item(row) for row in session.execute(statement.order_by(QueueItemRow.id).limit(limit))]


def waiting_for(session: Session, queue: Queue, user: str, reader: Reader | None = None) -> int:
    """How many items are not done and not yet dealt with by this reviewer."""
    user_id = users.ensure(session, user)
    statement = select(func.count()).where(
        QueueItemRow.queue_id == queue.id,
        QueueItemRow.done_at.is_(None),
        ~_reviewed_by(user_id),
        QueueItemRow.response_id.in_(visible_responses(reader)),
    )
    return session.scalar(statement.select_from(QueueItemRow)) or 0


def ratings(session: Session, queue: Queue, reader: Reader | None = None) -> list[Rating]:
    """What persons said of the queue's responses that the reader may see, in the scores that it asks for;
    texts are left out.
    """
    rows = session.execute(
        select(
            ScoreDefinitionRow.name,
            ScoreDefinitionRow.kind,
            ScoreRow.response_id,
            UserRow.name,
            ScoreRow.number,
            ScoreRow.label,
        )
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .join(QueueDefinitionRow, QueueDefinitionRow.definition_id == ScoreRow.definition_id)
        .join(QueueItemRow, QueueItemRow.response_id == ScoreRow.response_id)
        .join(UserRow, UserRow.id == ScoreRow.user_id)
        .where(
            QueueItemRow.queue_id == queue.id,
            QueueDefinitionRow.queue_id == queue.id,
            ScoreDefinitionRow.kind != ScoreKind.TEXT,
            of_persons(),
            ScoreRow.response_id.in_(visible_responses(reader)),
        )
        .order_by(QueueDefinitionRow.place, ScoreRow.response_id, UserRow.name)
    )
    return [
        Rating(name, ScoreKind(kind), response_id, user, label or number or 0.0)
        for name, kind, response_id, user, number, label in rows
    ]


def chosen(response_ids: Sequence[UUID], reader: Reader | None = None) -> Select[UUID]:
    """Select these responses, as far as the reader may see them."""
    return visible_responses(reader).where(among(ResponseRow.id, response_ids))


def sample(responses: Select[UUID], size: int, seed: int) -> Select[UUID]:
    """Select so many of the responses by chance; the same seed gives the same ones."""
    inner = responses.subquery("matching")
    drawn = func.md5(func.concat(inner.c[0], literal(f"/{seed}")))
    return select(inner.c[0]).order_by(drawn, inner.c[0]).limit(size)


def _close(session: Session, queue: Queue, item_id: UUID, user: str, outcome: ReviewOutcome) -> None:
    """Take an item out of a reviewer's hands."""
    row = session.execute(
        select(
            QueueItemRow.leased_by,
            QueueItemRow.done_at,
            (QueueItemRow.leased_until > func.clock_timestamp()).label("leased"),
        )
        .where(QueueItemRow.id == item_id, QueueItemRow.queue_id == queue.id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise UnknownQueueItemError(item_id)
    user_id = users.ensure(session, user)
    if row.done_at is not None:
        raise LeaseError(item_id, "is done by now")
    if row.leased and row.leased_by != user_id:
        raise LeaseError(item_id, "is in somebody else's hands by now")
    noted = session.scalar(
        insert(QueueReviewRow)
        .values(item_id=item_id, user_id=user_id, outcome=outcome)
        .on_conflict_do_nothing()
        .returning(QueueReviewRow.item_id)
    )
    if noted is None:
        raise LeaseError(item_id, f"was dealt with by {user!r} already")
    _change(session, item_id, leased_by=None, leased_until=None)


def _change(session: Session, item_id: UUID, **values: Any) -> None:
    session.execute(
        update(QueueItemRow).where(QueueItemRow.id == item_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def _reviewed_by(user_id: UUID) -> ColumnElement[bool]:
    return (
        select(QueueReviewRow.item_id)
        .where(QueueReviewRow.item_id == QueueItemRow.id, QueueReviewRow.user_id == user_id)
        .exists()
    )


def _items() -> Select[*tuple[Any, ...]]:
    reviews = select(func.count()).where(QueueReviewRow.item_id == QueueItemRow.id)
    return select(
        QueueItemRow.id,
        QueueItemRow.queue_id,
        QueueItemRow.response_id,
        QueueItemRow.priority,
        UserRow.name.label("leased_by"),
        QueueItemRow.leased_until,
        QueueItemRow.added_at,
        QueueItemRow.done_at,
        reviews.where(QueueReviewRow.outcome == ReviewOutcome.SUBMITTED).scalar_subquery().label("submitted"),
        reviews.where(QueueReviewRow.outcome == ReviewOutcome.SKIPPED).scalar_subquery().label("skipped"),
    ).outerjoin(UserRow, UserRow.id == QueueItemRow.leased_by)


def _to_item(row: Row[*tuple[Any, ...]]) -> QueueItem:
    return QueueItem(*row)
