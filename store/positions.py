"""Places in lists: where a page ended, and the next one begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Row, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.errors import InvalidCursorError

T = TypeVar("T")
Rows = Row[*tuple[Any, ...]]
Query = Select[*tuple[Any, ...]]
Moment = InstrumentedAttribute[datetime]
Id = InstrumentedAttribute[UUID]


@dataclass(frozen=True)
class Batch(Generic[T]):
    """Some items of a list; `next` is the position from which those after them are found, None at its end."""

    items: Sequence[T]
    next: str | None


def oldest_first(
    session: Session, statement: Query, moment: Moment, id: Id, *, after: str | None, limit: int
) -> Batch[Rows]:
    """The next `limit` rows by a moment, then by the id, which the rows call `created_at` and `id`.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    if after is not None:
        statement = statement.where(tuple_(moment, id) > parse_position(after))
    return _batch(session, statement.order_by(moment, id), limit)


def newest_first(
    session: Session, statement: Query, moment: Moment, id: Id, *, after: str | None, limit: int
) -> Batch[Rows]:
    """As `oldest_first`, the other way round."""
    if after is not None:
        statement = statement.where(tuple_(moment, id) < parse_position(after))
    return _batch(session, statement.order_by(moment.desc(), id.desc()), limit)


def _batch(session: Session, ordered: Query, limit: int) -> Batch[Rows]:
    rows = session.execute(ordered.limit(limit + 1)).all()
    found, more = rows[:limit], len(rows) > limit
    return Batch(found, position(found[-1].created_at, found[-1].id) if more else None)


def position(moment: datetime, id: UUID) -> str:
    """The place of an item in a list that is ordered by a moment, then by the id."""
    return f"{moment.isoformat()}_{id}"


def parse_position(text: str) -> tuple[datetime, UUID]:
    """The moment and the id that `position` wrote down.

    Raises:
        InvalidCursorError: It wrote no such thing.
    """
    moment, _, id = text.partition("_")
    try:
        return datetime.fromisoformat(moment), UUID(id)
    except ValueError:
        raise InvalidCursorError(text) from None
