"""Cuts documents into chunks near a size that suits the encoder, at the best of the possible places.

Of all ways to cut a text at the places that `ingest.cuts` finds, the cheapest is taken, where a chunk of n
tokens costs ((n − target) / target)² and each cut and each heading inside a chunk its price. Dynamic
programming over the places finds it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ingest.cuts import GAP_CHARACTERS, ChunkSize, Page, Paths, Unit, path_limit, units
from ingest.readers.document import Heading

Tokens = Callable[[Sequence[str]], Sequence[Sequence[tuple[int, int]]]]
"""Gives the `(start, end)` offsets of each text's tokens in characters: no special tokens, none cut off."""

_WINDOW_CHARACTERS = 100_000  # how much text is cut at a time
_BATCH_CHARACTERS = 1_000_000  # how much text is tokenised at a time


@dataclass(frozen=True)
class Outline:
    """A normalised text with its headings in order."""

    text: str
    headings: Sequence[Heading] = ()


@dataclass(frozen=True)
class Span:
    """Where a chunk is, `text[start:end]`, and the titles of the headings that it stands under."""

    start: int
    end: int
    heading_path: tuple[str, ...]


@dataclass(frozen=True)
class _Window:
    """A part of a document that is tokenised and cut by itself."""

    document: int
    start: int
    end: int


def split(
    text: str, headings: Sequence[Heading], tokens: Tokens, size: ChunkSize | None = None
) -> list[Span]:
    """Cuts one text into chunks: see `split_all`."""
    return split_all([Outline(text, headings)], tokens, size)[0]


def split_all(outlines: Sequence[Outline], tokens: Tokens, size: ChunkSize | None = None) -> list[list[Span]]:
    """Cuts each text into chunks, in order; together they cover all of it but white space, without overlap.

    No token is divided, except a "word" of over 100 characters that the tokenizer gave up on. A heading stays
    with the text under it. A chunk that goes over headings has the path that its parts share. All texts are
    tokenised together.
    """
    size = size or ChunkSize()
    title_tokens = _title_tokens(outlines, tokens)
    paths = [Paths(outline.headings) for outline in outlines]
    spans: list[list[Span]] = [[] for _ in outlines]
    for batch in _batches(outlines):
        offsets = tokens([outlines[window.document].text[window.start : window.end] for window in batch])
        for window, window_offsets in zip(batch, offsets, strict=True):
            outline = outlines[window.document]
            path = paths[window.document].before(window.end)
            limit = path_limit(path, title_tokens, size)
            if _is_one_chunk(outline, window, len(window_offsets), min(size.target_tokens, limit)):
                titles = _titles([Unit(window.start, 0.0, 0.0, 0, path, limit)], title_tokens, size)
                spans[window.document].append(_trimmed(outline.text, window.start, window.end, titles))
                continue
            page = Page(outline.text, window.start, window.end, window_offsets)
            parts = units(page, outline.headings, paths[window.document], title_tokens, size)
            tokens_end = int(page.count_before([page.end])[0])
            for first, last in _cheapest(parts, tokens_end, size):
                end = parts[last].start if last < len(parts) else page.end
                titles = _titles(parts[first:last], title_tokens, size)
                spans[window.document].append(_trimmed(outline.text, parts[first].start, end, titles))
    return spans


def _is_one_chunk(outline: Outline, window: _Window, tokens: int, most: int) -> bool:
    """Whether a text is so short that there is nothing to choose.

    Up to the target, two chunks always cost more than one, unless there are headings between them.
    """
    fillers = (window.end - window.start) // GAP_CHARACTERS
    return tokens + fillers <= most and not any(one.end > one.start for one in outline.headings)


def _cheapest(parts: Sequence[Unit], tokens_end: int, size: ChunkSize) -> list[tuple[int, int]]:
    """Returns the ranges of units that make the cheapest chunks."""
    tokens = [*(part.first_token for part in parts), tokens_end]
    cut_costs = [*(part.cut_cost for part in parts), 0.0]
    joined = list(accumulate(part.join_cost for part in parts))
    limits = [part.limit for part in parts]
    cheapest = [0.0] + [float("inf")] * len(parts)
    chosen = [0] * (len(parts) + 1)
    for last in range(1, len(parts) + 1):
        for first in range(last - 1, -1, -1):
            count = tokens[last] - tokens[first]
            if count > size.max_tokens:
                break
            if count <= limits[first]:
                off = (count - size.target_tokens) / size.target_tokens
                cost = cheapest[first] + off * off + cut_costs[last] + joined[last - 1] - joined[first]
                if cost < cheapest[last]:
                    cheapest[last], chosen[last] = cost, first
    ranges = []
    last = len(parts)
    while last > 0:
        ranges.append((chosen[last], last))
        last = chosen[last]
    return ranges[::-1]


def _titles(parts: Sequence[Unit], title_tokens: dict[str, int], size: ChunkSize) -> tuple[str, ...]:
    """Returns the path that the units share; its outer titles go when it takes over half a chunk's tokens."""
    shared = parts[0].path
    for part in parts[1:]:
        same = (mine == theirs for mine, theirs in zip(shared, part.path, strict=False))
        shared = shared[: next((depth for depth, equal in enumerate(same) if not equal), len(part.path))]
    titles = [heading.title for heading in shared if heading.title]
    while titles and sum(title_tokens[title] for title in titles) > size.max_tokens // 2:
        titles.pop(0)
    return tuple(titles)


def _trimmed(text: str, start: int, end: int, path: tuple[str, ...]) -> Span:
    chunk = text[start:end]
    return Span(start + len(chunk) - len(chunk.lstrip()), end - len(chunk) + len(chunk.rstrip()), path)


def _title_tokens(outlines: Sequence[Outline], tokens: Tokens) -> dict[str, int]:
    """Returns how many tokens each title takes in a heading path, with the mark after it."""
    titles = list({heading.title for outline in outlines for heading in outline.headings})
    if not titles:
        return {}
    return {title: len(offsets) + 1 for title, offsets in zip(titles, tokens(titles), strict=True)}


def _batches(outlines: Sequence[Outline]) -> Iterator[list[_Window]]:
    """Gives the texts' windows in batches, which bound how many token offsets are held at once."""
    batch: list[_Window] = []
    characters = 0
    for number, outline in enumerate(outlines):
        for window in _windows(number, outline.text):
            batch.append(window)
            characters += window.end - window.start
            if characters >= _BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch


def _windows(document: int, text: str) -> Iterator[_Window]:
    """Cuts a very long text after a paragraph, else after a line, else after a word."""
    start = len(text) - len(text.lstrip())
    while len(text) - start > _WINDOW_CHARACTERS:
        limit = start + _WINDOW_CHARACTERS
        ends = (text.rfind(mark, start + _WINDOW_CHARACTERS // 2, limit) for mark in ("\n\n", "\n", " "))
        end = next((end for end in ends if end >= 0), limit)
        yield _Window(document, start, end)
        start = end
        while start < len(text) and text[start].isspace():
            start += 1
    if text[start:].strip():
        yield _Window(document, start, len(text))
