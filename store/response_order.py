"""The orders in which the log of responses is listed, and where in one a page ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any
from uuid import UUID

from sqlalchemy import REAL, ColumnElement, Double, Select, cast, exists, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from store.errors import InvalidCursorError
from store.positions import parse_position, position
from store.tables import ResponseRow, ScoreDefinitionRow, ScoreRow
from store.visibility import Reader, response_open, response_shown

NEWEST = "newest"
SCORE = "score."
PATTERN = r"^(newest|-?probability|-?latency|-?score\.[\w.-]{1,200})$"
"""Orders as they are written: the newest first, or by a figure, the lowest first; `-` turns that round."""


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
    if after is not None:
        reached = tuple_(*_reached(after, is_newest=is_newest, value=value))
        place = tuple_(value, ResponseRow.id)
        statement = statement.where(place < reached if descending else place > reached)
    met = statement.where(*conditions, response_open(reader))
    inner = met.add_columns(ResponseRow.user_id).order_by(
        *_ordered(value, ResponseRow.id, descending=descending)
    )
    found = inner.subquery("found")
    shown = response_shown(reader, found.c)
    if shown is None:
        return [Place(*row[:2]) for row in session.execute(inner.limit(limit))]
    outer = select(found.c.id, found.c.value).where(shown)
    rows = session.execute(
        outer.order_by(*_ordered(found.c.value, found.c.id, descending=descending)).limit(limit)
    )
    return [Place(*row) for row in rows]


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


def _reached(after: str, *, is_newest: bool, value: Any) -> tuple[Any, UUID]:
    if is_newest:
        return parse_position(after)
    figure, _, id = after.partition("_")
    try:
        number, response_id = float(figure), UUID(id)
    except ValueError:
        raise InvalidCursorError(after) from None
    if not isfinite(number):
        raise InvalidCursorError(after)
    # In the column's own precision, or the last one of the page before would come again.
    return cast(number, REAL if isinstance(value.type, REAL) else Double), response_id
