"""The orders in which the log of responses is listed, and where in one a page ended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import REAL, ColumnElement, Double, Select, cast, exists, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from store.errors import InvalidCursorError
from store.positions import parse_position, position
from store.tables import ResponseRow, ScoreDefinitionRow, ScoreRow, among
from store.visibility import Reader, all_shown, response_open, response_shown

NEWEST = "newest"
SCORE = "score."
PATTERN = r"^(newest|-?probability|-?latency|-?score\.[\w.-]{1,200})$"
"""Orders as they are written: the newest first, or by a figure, the lowest first; `-` turns that round."""


GROWTH, MOST_AT_ONCE = 4, 5_000
"""How many more are looked at each time where many are hidden, and at most."""
SPARE, FEWEST = 1.5, 10
"""How many more are looked at than will probably be needed, and at least."""
MANY = 500
"""Among so many, all that is hidden from the reader is gathered once instead of looked up for each."""


@dataclass(frozen=True)
class ResponseOrder:
    """An order: by the time (`newest`), or by a figure; those without it have no place in the list."""

    by: str = NEWEST
    descending: bool = False

    @classmethod
    def of(cls, written: str) -> "ResponseOrder":
        """The order that was written as `PATTERN` has it."""
        return cls(written.removeprefix("-"), written.startswith("-"))


@dataclass(frozen=True)
class Place:
    """A response in an order, with the figure or the moment that gives it its place."""

    id: UUID
    value: Any


def places(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    order: ResponseOrder,
    *,
    reader: Reader | None,
    after: str | None,
    limit: int,
) -> list[Place]:
    """The next responses that meet the conditions and that the reader may see, in an order.

    Only what conditions and order need is read, so that an index can be enough; what a list shows of the
    responses is read afterwards, of so many as it shows. What may be hidden is looked at last, in the order.

    Raises:
        InvalidCursorError: `after` was not written by `written` for such an order.
    """
    statement, value = _valued(order)
    is_newest = order.by == NEWEST
    descending = order.descending or is_newest
    ordered = statement.where(*conditions, response_open(reader)).order_by(
        *_ordered(value, ResponseRow.id, descending=descending)
    )
    last = None if after is None else _reached(after, is_newest=is_newest)
    found: list[Place] = []
    size, looked_at = limit, 0
    while True:
        some = ordered
        if last is not None:
            here, reached = tuple_(value, ResponseRow.id), tuple_(_exact(last.value, value), last.id)
            some = some.where(here < reached if descending else here > reached)
        rows = [Place(*row) for row in session.execute(some.limit(size))]
        found += _shown(session, rows, reader)
        if len(rows) < size or len(found) >= limit:
            return found[:limit]
        looked_at += size
        last, size = rows[-1], _next_size(size, len(found), looked_at, limit)


def _next_size(size: int, found: int, looked_at: int, limit: int) -> int:
    """How many to look at next, where so few of those before could be shown."""
    most = min(size * GROWTH, MOST_AT_ONCE)
    if not found:
        return most
    needed = math.ceil(SPARE * (limit - found) * looked_at / found)
    return min(most, max(FEWEST, needed))


def _shown(session: Session, rows: list[Place], reader: Reader | None) -> list[Place]:
    """Those of the responses of which nothing is hidden from the reader."""
    shown = response_shown(reader, ResponseRow)
    if shown is None or not rows:
        return rows
    if len(rows) >= MANY:
        shown = all_shown(reader, ResponseRow)
    ids = select(ResponseRow.id).where(among(ResponseRow.id, [row.id for row in rows]), shown)
    visible = set(session.scalars(ids))
    return [row for row in rows if row.id in visible]


def _ordered(value: Any, id: Any, *, descending: bool) -> list[Any]:
    return [value.desc(), id.desc()] if descending else [value.asc(), id.asc()]


def written(place: Place, order: ResponseOrder) -> str:
    """Where a page ended, as `places` reads it."""
    return position(place.value, place.id) if order.by == NEWEST else f"{place.value!r}_{place.id}"


def _valued(order: ResponseOrder) -> tuple[Select[*tuple[Any, ...]], Any]:
    """Responses with the value that orders them."""
    columns: dict[str, Any] = {
        NEWEST: ResponseRow.created_at,
        "probability": ResponseRow.answerable_probability,
        "latency": ResponseRow.total_ms,
    }
    if order.by in columns:
        value = columns[order.by]
        return select(ResponseRow.id, value.label("value")).where(value.is_not(None)), value
    return _by_score(order), ScoreRow.number


def _by_score(order: ResponseOrder) -> Select[*tuple[Any, ...]]:
    """Responses that have a score, each once: at the one of its values that comes first."""
    definition = (
        select(ScoreDefinitionRow.id)
        .where(ScoreDefinitionRow.name == order.by.removeprefix(SCORE))
        .scalar_subquery()
    )
    other = aliased(ScoreRow)
    first = other.number > ScoreRow.number if order.descending else other.number < ScoreRow.number
    earlier = exists().where(
        other.response_id == ScoreRow.response_id,
        other.definition_id == ScoreRow.definition_id,
        other.superseded_at.is_(None),
        or_(first, (other.number == ScoreRow.number) & (other.id < ScoreRow.id)),
    )
    return (
        select(ResponseRow.id, ScoreRow.number.label("value"))
        .join(ScoreRow, ScoreRow.response_id == ResponseRow.id)
        .where(
            ScoreRow.definition_id == definition,
            ScoreRow.superseded_at.is_(None),
            ScoreRow.number.is_not(None),
            ~earlier,
        )
    )


def _reached(after: str, *, is_newest: bool) -> Place:
    if is_newest:
        moment, response_id = parse_position(after)
        return Place(response_id, moment)
    figure, _, id = after.partition("_")
    try:
        number, response_id = float(figure), UUID(id)
    except ValueError:
        raise InvalidCursorError(after) from None
    if not math.isfinite(number):
        raise InvalidCursorError(after)
    return Place(response_id, number)


def _exact(value: Any, column: Any) -> Any:
    """A value in the column's own precision, or the last one of the page before would come again."""
    if isinstance(value, datetime):
        return value
    return cast(value, REAL if isinstance(column.type, REAL) else Double)
