"""The repository of review queues: which responses, which scores, whose eyes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from store import score_definitions, users
from store.review_errors import (
    NotReviewerError,
    QueueClosedError,
    QueueExistsError,
    ScoreDefinitionArchivedError,
    UnknownQueueError,
)
from store.tables import (
    QueueDefinitionRow,
    QueueItemRow,
    QueueReviewerRow,
    QueueRow,
    ScoreDefinitionRow,
    UserRow,
)
from store.visibility import Reader, visible_responses

LEASE_S = 900
"""How long an item stays in a reviewer's hands, unless the queue says otherwise."""


@dataclass(frozen=True)
class NewQueue:
    """A queue on its way into the store; without reviewers it is open to everyone who may review."""

    name: str
    created_by: str
    definitions: tuple[str, ...]
    """Names of the scores that are asked for, in order."""
    reviewers: tuple[str, ...] = ()
    reviews_wanted: int = 1
    """How many persons look at each item: 1 or 2."""
    lease_s: int = LEASE_S
    description: str = ""


@dataclass(frozen=True)
class Queue:
    """A queue and how far it is."""

    id: UUID
    name: str
    description: str
    definitions: tuple[str, ...]
    reviewers: tuple[str, ...]
    reviews_wanted: int
    lease_s: int
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    items: int
    """How many responses are in it, as far as whoever reads it may see them; so is `done`."""
    done: int


def create(session: Session, new: NewQueue) -> Queue:
    """Make a queue.

    Raises:
        QueueExistsError: The name is taken.
        UnknownScoreDefinitionError, ScoreDefinitionArchivedError: A score cannot be asked for.
    """
    queue_id = session.scalar(
        insert(QueueRow)
        .values(
            id=uuid4(),
            name=new.name,
            description=new.description,
            reviews_wanted=new.reviews_wanted,
            lease_s=new.lease_s,
            created_by=users.ensure(session, new.created_by),
        )
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(QueueRow.id)
    )
    if queue_id is None:
        raise QueueExistsError(new.name)
    wanted = score_definitions.find(session, tuple(dict.fromkeys(new.definitions)))
    for place, definition in enumerate(wanted, start=1):
        if definition.archived_at is not None:
            raise ScoreDefinitionArchivedError(definition.name)
        session.execute(
            insert(QueueDefinitionRow).values(queue_id=queue_id, definition_id=definition.id, place=place)
        )
    _let_review(session, queue_id, new.reviewers)
    return get(session, queue_id)


def get(session: Session, queue_id: UUID, reader: Reader | None = None) -> Queue:
    """The queue of this id, counted for a reader.

    Raises:
        UnknownQueueError: There is none.
    """
    row = session.execute(_queues(reader).where(QueueRow.id == queue_id)).one_or_none()
    if row is None:
        raise UnknownQueueError(queue_id)
    return _to_queue(row)


def page(
    session: Session,
    *,
    after: str | None,
    limit: int,
    reviewer: str | None = None,
    closed: bool | None = None,
    reader: Reader | None = None,
) -> list[Queue]:
    """The next `limit` queues by name; `after` is the last name before.

    `reviewer` leaves those that this user may review, `closed` those that are closed, or open; they are
    counted for `reader`.
    """
    statement = _queues(reader)
    if reviewer is not None:
        of_queue = select(QueueReviewerRow.queue_id).where(QueueReviewerRow.queue_id == QueueRow.id)
        theirs = of_queue.join(UserRow, UserRow.id == QueueReviewerRow.user_id).where(
            UserRow.name == reviewer
        )
        statement = statement.where(~of_queue.exists() | theirs.exists())
    if closed is not None:
        statement = statement.where(QueueRow.closed_at.is_not(None) == closed)
    if after is not None:
        statement = statement.where(QueueRow.name > after)
    return [_to_queue(row) for row in session.execute(statement.order_by(QueueRow.name).limit(limit))]


def change(
    session: Session,
    queue_id: UUID,
    *,
    description: str | None = None,
    reviewers: Sequence[str] | None = None,
    closed: bool | None = None,
    reader: Reader | None = None,
) -> Queue:
    """Change a queue; None leaves a thing as it is. A closed queue hands out nothing.

    Raises:
        UnknownQueueError: There is none.
    """
    values: dict[str, Any] = {} if description is None else {"description": description}
    if closed is not None:
        values["closed_at"] = func.coalesce(QueueRow.closed_at, func.now()) if closed else None
    get(session, queue_id)
    if values:
        session.execute(
            update(QueueRow).where(QueueRow.id == queue_id).values(**values),
            execution_options={"synchronize_session": False},
        )
    if reviewers is not None:
        session.execute(delete(QueueReviewerRow).where(QueueReviewerRow.queue_id == queue_id))
        _let_review(session, queue_id, reviewers)
    return get(session, queue_id, reader)


def check_may_review(queue: Queue, user: str) -> None:
    """See to it that a queue is open, and open to a user.

    Raises:
        QueueClosedError: It is closed.
        NotReviewerError: It has reviewers, and the user is none of them.
    """
    if queue.closed_at is not None:
        raise QueueClosedError(queue.name)
    if queue.reviewers and user not in queue.reviewers:
        raise NotReviewerError(queue.name, user)


def _let_review(session: Session, queue_id: UUID, reviewers: Sequence[str]) -> None:
    for reviewer in dict.fromkeys(reviewers):
        user_id = users.ensure(session, reviewer)
        session.execute(insert(QueueReviewerRow).values(queue_id=queue_id, user_id=user_id))


def _queues(reader: Reader | None) -> Select[*tuple[Any, ...]]:
    definitions = (
        select(func.array_agg(aggregate_order_by(ScoreDefinitionRow.name, QueueDefinitionRow.place)))
        .join(QueueDefinitionRow, QueueDefinitionRow.definition_id == ScoreDefinitionRow.id)
        .where(QueueDefinitionRow.queue_id == QueueRow.id)
    )
    reviewers = (
        select(func.array_agg(aggregate_order_by(UserRow.name, UserRow.name)))
        .join(QueueReviewerRow, QueueReviewerRow.user_id == UserRow.id)
        .where(QueueReviewerRow.queue_id == QueueRow.id)
    )
    creator = select(UserRow.name).where(UserRow.id == QueueRow.created_by)
    seen = true() if reader is None else QueueItemRow.response_id.in_(visible_responses(reader))
    items = select(func.count()).where(QueueItemRow.queue_id == QueueRow.id, seen)
    return select(
        QueueRow.id,
        QueueRow.name,
        QueueRow.description,
        definitions.scalar_subquery().label("definitions"),
        reviewers.scalar_subquery().label("reviewers"),
        QueueRow.reviews_wanted,
        QueueRow.lease_s,
        creator.scalar_subquery().label("creator"),
        QueueRow.created_at,
        QueueRow.closed_at,
        items.scalar_subquery().label("items"),
        items.where(QueueItemRow.done_at.is_not(None)).scalar_subquery().label("done"),
    )


def _to_queue(row: Row[*tuple[Any, ...]]) -> Queue:
    return Queue(
        id=row.id,
        name=row.name,
        description=row.description,
        definitions=tuple(row.definitions or ()),
        reviewers=tuple(row.reviewers or ()),
        reviews_wanted=row.reviews_wanted,
        lease_s=row.lease_s,
        created_by=row.creator,
        created_at=row.created_at,
        closed_at=row.closed_at,
        items=row.items,
        done=row.done,
    )
