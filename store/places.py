"""Places of a text in the file that it came from: page, sheet and row, slide, time.

A chunk is stored with the places that reach into it, so that a citation of a part of it is exact: a chunk
may begin on one page and be quoted from the next.

Processes that only read files import this module, so it imports nothing large.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """From the character `start` on, until the next place, a text stands here: `{"page": 3}` and the like."""

    start: int
    facts: Mapping[str, str | int]


def places_between(places: Sequence[Place], start: int, end: int) -> tuple[Place, ...]:
    """The places, in order, that the characters `start` to `end` of a text stand at."""
    first = max(0, bisect_right(places, start, key=lambda place: place.start) - 1)
    last = bisect_right(places, end - 1, key=lambda place: place.start)
    return tuple(places[first:last])


def place_between(places: Sequence[Place], start: int, end: int) -> dict[str, str | int]:
    """Where the characters `start` to `end` stand: `{"page": 3}`, or `{"page": 3, "last_page": 4}`."""
    found = places_between(places, start, end)
    if not found:
        return {}
    first, last = found[0].facts, found[-1].facts
    moved = {f"last_{name}": fact for name, fact in last.items() if first.get(name) != fact}
    return {**first, **moved}


def to_json(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Places as the database holds them."""
    return [{"start": place.start, **place.facts} for place in places]


def from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[Place, ...]:
    """The places that `to_json` stored."""
    return tuple(
        Place(item["start"], {name: fact for name, fact in item.items() if name != "start"})
        for item in stored
    )
