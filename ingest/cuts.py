"""Where a text may be cut, and what a cut costs: at sections, paragraphs, sentences, lines, else words.

For scale: a chunk of half the intended size costs 0.25 (see `ingest.split`).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ingest.readers.document import Heading

PARAGRAPH, SENTENCE, LINE, WORD = 0.0, 0.05, 0.15, 0.5
# What a heading inside a chunk costs, by its level compared with that of the heading before.
DEEPER_HEADING, SAME_HEADING, HIGHER_HEADING = 0.25, 0.5, 0.75

GAP_CHARACTERS = 100
"""A stretch in which no token begins counts one, and may be cut, this often."""

_BREAKS = re.compile(r"[.!?…]['\"”’)\]*]*\s+|\n\s*|[。！？]['\"”’)\]」』]*\s*")
_LIST_ITEM = re.compile(r"[-*+•>|]\s|>>>|\(?\d+[.)]\s")
_ABBREVIATION = re.compile(
    r"\b(?:[A-Za-z]|[a-z]\.[a-z]|Mr|Mrs|Ms|Dr|Prof|St|No|Figs?|Eq|vs|etc|cf|al|Inc|Ltd|Co|approx|Jr|Sr|Vol|pp|Sec)\.$"
)


@dataclass(frozen=True)
class ChunkSize:
    """How long chunks are: near `target_tokens`, and with their heading path never over `max_tokens`."""

    target_tokens: int = 180
    max_tokens: int = 254

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that no text can be cut to."""
        if not 8 <= self.target_tokens <= self.max_tokens:
            raise ValueError(
                f"Chunks of {self.target_tokens} tokens, at most {self.max_tokens}, cannot be made: "
                f"choose a target between 8 and the maximum."
            )

    @classmethod
    def for_window(cls, window: int) -> Self:
        """Returns the usual size, or less, for an encoder that reads `window` tokens, two of them its own.

        Raises ValueError for a window of fewer than 10 tokens.
        """
        return cls(min(cls.target_tokens, window - 2), window - 2)


@dataclass(frozen=True)
class Unit:
    """A piece of text that is not cut; it ends where the next one starts.

    `cut_cost` is the price of a cut before it, `join_cost` that of none; `first_token` counts the tokens of
    the window before it. A chunk that begins with it has at most `limit` tokens.
    """

    start: int
    cut_cost: float
    join_cost: float
    first_token: int
    path: tuple[Heading, ...]
    limit: int


class Paths:
    """The headings above each place of a document."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._starts = [heading.start for heading in headings]
        self._paths: list[tuple[Heading, ...]] = [()]
        for heading in headings:
            above = tuple(other for other in self._paths[-1] if other.level < heading.level)
            self._paths.append((*above, heading))

    def before(self, position: int) -> tuple[Heading, ...]:
        """Returns the headings, outermost first, over the character before a position."""
        return self._paths[bisect_left(self._starts, position)]


class Page:
    """A window `text[start:end]` of a document and where its tokens begin, as offsets into the document."""

    def __init__(self, text: str, start: int, end: int, offsets: Sequence[tuple[int, int]]) -> None:
        self.text, self.start, self.end = text, start, end
        # Tokens of byte-level vocabularies begin with the space before the word: a cut may stand after it.
        tokens = [(first + text[start + first].isspace(), last) for first, last in offsets if first < last]
        self._starts, self._ends = np.array(tokens, dtype=np.int64).reshape(-1, 2).T + start
        self._counted = np.sort(np.concatenate([self._starts, *self._fillers()]))

    def count_before(self, positions: Sequence[int]) -> NDArray[np.int64]:
        """Returns how many tokens begin before each position."""
        return np.searchsorted(self._counted, positions)

    def divides_token(self, position: int) -> bool:
        """Whether a cut at the position would go through a token."""
        index = int(np.searchsorted(self._starts, position)) - 1
        return index >= 0 and bool(self._starts[index] < position < self._ends[index])

    def word_before(self, token: int, earliest: int) -> int:
        """Returns the last token down to `earliest` that begins a word, `token` itself if none does."""
        starts = range(token, earliest, -1)
        return next((index for index in starts if self.text[self.place(index) - 1].isspace()), token)

    def place(self, token: int) -> int:
        """Returns where a token begins."""
        return int(self._counted[token])

    def _fillers(self) -> list[NDArray[np.int64]]:
        """Returns places to count as tokens where long none begins: "words" that the tokenizer gave up on."""
        edges = np.concatenate([[self.start], self._starts, [self.end]])
        wide = np.flatnonzero(np.diff(edges) > GAP_CHARACTERS)
        return [np.arange(edges[i] + GAP_CHARACTERS, edges[i + 1], GAP_CHARACTERS) for i in wide]


def units(
    page: Page,
    headings: Sequence[Heading],
    paths: Paths,
    title_tokens: Mapping[str, int],
    size: ChunkSize,
) -> list[Unit]:
    """Returns the units of a window in order; none is longer than a chunk that begins with it may be."""
    cut_costs = dict(_breaks(page))
    join_costs = _place_headings(page, headings, cut_costs)
    ends = sorted({*cut_costs, page.start, page.end})
    found = []
    for (start, end), tokens in zip(pairwise(ends), pairwise(page.count_before(ends)), strict=True):
        path = paths.before(end)
        limit = path_limit(path, title_tokens, size)
        first, last = map(int, tokens)
        found.append(Unit(start, cut_costs.get(start, 0.0), join_costs.get(start, 0.0), first, path, limit))
        while last - first > limit:
            step = min(size.target_tokens, limit)
            first = page.word_before(first + step, earliest=first + step // 2)
            found.append(Unit(page.place(first), WORD, 0.0, first, path, limit))
    return found


def path_limit(path: Sequence[Heading], title_tokens: Mapping[str, int], size: ChunkSize) -> int:
    """Returns how many tokens a chunk under these headings may have."""
    path_tokens = sum(title_tokens[heading.title] for heading in path)
    return size.max_tokens - min(path_tokens, size.max_tokens // 2)


def _breaks(page: Page) -> Iterator[tuple[int, float]]:
    """Gives the places after sentences, lines and paragraphs of the window, with what a cut there costs."""
    text = page.text
    for match in _BREAKS.finditer(text, page.start, page.end):
        place, lines = match.end(), match.group().count("\n")
        if lines > 1:
            cost = PARAGRAPH
        elif match.group().startswith("\n"):
            cost = SENTENCE if _LIST_ITEM.match(text, place) else LINE
        elif lines == 0 and (
            text[place : place + 1].islower()
            or _ABBREVIATION.search(text, max(page.start, match.start() - 8), match.start() + 1)
        ):
            continue
        else:
            cost = SENTENCE
        if place < page.end and not page.divides_token(place):
            yield place, cost


def _place_headings(page: Page, headings: Sequence[Heading], cut_costs: dict[int, float]) -> dict[int, float]:
    """Makes cuts before headings and removes those in and right after them; returns what joining costs.

    A heading thus stays with the first sentence under it, or with the next heading when it has no text.
    """
    join_costs: dict[int, float] = {}
    body, level = -1, 0
    ordered = sorted(cut_costs)
    for heading in headings:
        if heading.start == heading.end or not page.start <= heading.start < page.end:
            continue
        if heading.start > body:
            cut_costs[heading.start] = PARAGRAPH
            join_costs[heading.start] = (
                DEEPER_HEADING
                if heading.level > level
                else SAME_HEADING
                if heading.level == level
                else HIGHER_HEADING
            )
        level = heading.level
        body = heading.end
        while body < page.end and page.text[body].isspace():
            body += 1
        for place in ordered[bisect_left(ordered, heading.start + 1) : bisect_left(ordered, body + 1)]:
            cut_costs.pop(place, None)
    return join_costs
