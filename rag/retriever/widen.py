"""Hits with the text around them, for reading; what a hit points at stays what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest

from rag.retriever.hits import Hit
from store import chunk_reads, documents
from store.places import Place, places_between
from store.postgres import Database
from store.types import ChunkPlace

SECTION_REACH = 30
"""How many chunks before and after a hit are looked at for the ends of its section."""
MAX_CHARACTERS = 4_000
"""How long a widened text gets: what goes beyond costs time to read, and models little of it remember."""


class Expand(StrEnum):
    """How far a hit is widened."""

    NONE = "none"
    NEIGHBOURS = "neighbours"
    """By the chunk before and the one after it."""
    SECTION = "section"
    """To the chunks around it under the same heading."""


@dataclass(frozen=True)
class Context:
    """The text around a hit: the characters `start` to `end` of its document version."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class WideHits:
    """Hits with wider texts, each text once.

    `hits` have the widened text in place of the chunk's, with its offsets, so that what is copied from them
    can be cited; `of` says for each original hit which of them has its text.
    """

    hits: tuple[Hit, ...]
    of: tuple[int, ...]

    def spread(self, values: Sequence[float]) -> tuple[float, ...]:
        """Turn a value for each wide hit into one for each original hit; nothing stays nothing."""
        return tuple(values[number] for number in self.of) if values else ()


def contexts(database: Database, hits: Sequence[Hit], expand: Expand) -> list[Context]:
    """Return the text around each hit, read from its document's stored text.

    At most MAX_CHARACTERS long, unless the chunk alone is longer; NONE gives the chunk's own text.
    """
    widened = (hit.chunk for hit in _widened(database, hits, expand))
    return [Context(chunk.text, chunk.start, chunk.end) for chunk in widened]


def widen(database: Database, hits: Sequence[Hit], expand: Expand) -> WideHits:
    """Return hits to read instead of these: wider ones, without those whose text lies in another's."""
    wide: list[Hit] = []
    of: list[int] = []
    for wider in _widened(database, hits, expand):
        holder = next((n for n, other in enumerate(wide) if _holds(other, wider)), None)
        if holder is None or expand == Expand.NONE:
            wide.append(wider)
            holder = len(wide) - 1
        of.append(holder)
    return WideHits(tuple(wide), tuple(of))


def _widened(database: Database, hits: Sequence[Hit], expand: Expand) -> list[Hit]:
    """The hits with their chunks' texts, offsets and places made wider."""
    if expand == Expand.NONE or not hits:
        return list(hits)
    reach = SECTION_REACH if expand == Expand.SECTION else 1
    found = []
    with database.transaction() as session:
        around = chunk_reads.around(session, [hit.chunk.id for hit in hits], reach)
        for hit in hits:
            chunk = hit.chunk
            near = around.get(chunk.id, [])
            start, end = _span(hit, near, same_section=expand == Expand.SECTION)
            text = documents.excerpt(session, chunk.document_id, chunk.document_version, start, end)
            places = _places(near, start, end) or chunk.places
            wider = replace(chunk, text=text, start=start, end=end, places=places)
            found.append(replace(hit, chunk=wider))
    return found


def _span(hit: Hit, around: Sequence[ChunkPlace], *, same_section: bool) -> tuple[int, int]:
    """Where the widened text starts and ends: grown chunk by chunk, in turns before and after the hit."""
    start, end = hit.chunk.start, hit.chunk.end
    at = next((n for n, place in enumerate(around) if place.id == hit.chunk.id), None)
    if at is None:  # deleted since it was found
        return start, end
    before = _until_section_ends(around[at::-1], same_section)
    after = _until_section_ends(around[at:], same_section)
    for earlier, later in zip_longest(before, after):
        if earlier is not None and end - earlier.start <= MAX_CHARACTERS:
            start = min(start, earlier.start)
        if later is not None and later.end - start <= MAX_CHARACTERS:
            end = max(end, later.end)
    return start, end


def _places(near: Sequence[ChunkPlace], start: int, end: int) -> tuple[Place, ...]:
    """The places of a span that covers whole chunks; one that reaches into two of them stands once."""
    found = {place.start: place for chunk in near for place in chunk.places}
    return places_between([found[at] for at in sorted(found)], start, end)


def _until_section_ends(places: Sequence[ChunkPlace], same_section: bool) -> list[ChunkPlace]:
    """The places behind the first, as far as they are under its heading."""
    found = []
    for place in places[1:]:
        if same_section and place.heading_path != places[0].heading_path:
            break
        found.append(place)
    return found


def _holds(one: Hit, other: Hit) -> bool:
    a, b = one.chunk, other.chunk
    same = (a.document_id, a.document_version) == (b.document_id, b.document_version)
    return same and a.start <= b.start and b.end <= a.end
