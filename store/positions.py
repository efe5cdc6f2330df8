"""Places in lists: where a page ended, and the next one begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from store.errors import InvalidCursorError

T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """Some items of a list; `next` is the position from which those after them are found, None at its end."""

    items: Sequence[T]
    next: str | None


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
