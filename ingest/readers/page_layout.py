"""The reading order of a printed page: from characters with their boxes to paragraphs and rows of tables.

The order in which a file draws its text is the right one in most files, so it is kept unless the page itself
contradicts it: lines that run across a gutter between two columns, or that jump up the page again and again.
Coordinates are points with the origin at the lower left; a segment is a piece of a line without a wide gap.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

WIDE_GAP = 1.5
"""In heights of the line: what parts two cells or columns; between words it is 0.2 to 1."""
_PARAGRAPH_GAP = 0.7
"""In heights of the line: what parts paragraphs."""
_SAME_SIZE = 1.12
_PROSE_CHARACTERS = 25
"""Segments that are longer in the middle are lines of a column; shorter ones are cells of a table."""
_CANDIDATES = 300
"""How many places for a gutter are looked at; more would take the square of the time."""
_LIST_ITEM = re.compile(r"(?:[•●▪■◦‣∙·–—*]|-|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_SENTENCE_END = re.compile(r"[.!?:;…][\"'”’)\]]*$")


@dataclass(frozen=True)
class Segment:
    """A piece of a line; `line` numbers the lines as drawn, `is_broken` that its last word goes on below."""

    text: str
    left: float
    bottom: float
    right: float
    top: float
    line: int
    is_broken: bool = False

    @property
    def height(self) -> float:
        """The height of its letters' boxes, never 0."""
        return max(self.top - self.bottom, 0.1)


@dataclass(frozen=True)
class Block:
    """A paragraph or a table; `size` is the height of its letters, `lines` how many lines it takes."""

    text: str
    size: float
    lines: int
    is_table: bool = False
    goes_on: bool = False
    """It begins in the middle of a sentence, as after a column or a page."""


def arrange(segments: Sequence[Segment]) -> list[Block]:
    """Returns the paragraphs and tables of a page in reading order."""
    rows = _rows(segments)
    gutter = _gutter_across(rows)
    if gutter is None and _is_jumbled(rows):
        gutter = _gutter_between(segments)
        rows = _by_columns(segments, gutter) if gutter is not None else _by_height(segments)
    elif gutter is not None:
        rows = _by_columns(segments, gutter)
    return list(_blocks(rows))


def _rows(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Returns the lines as they are drawn."""
    rows: list[list[Segment]] = []
    for segment in segments:
        if rows and rows[-1][-1].line == segment.line:
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return rows


def _gutter_across(rows: Sequence[Sequence[Segment]]) -> float | None:
    """Returns where two columns of prose part that are drawn line by line across both; None without such."""
    gaps = [(a.right, b.left) for row in rows for a, b in pairwise(row) if b.left > a.right]
    gaps = gaps[:: len(gaps) // _CANDIDATES + 1]
    if len(gaps) < 5:
        return None
    place = max(((left + right) / 2 for left, right in gaps), key=lambda x: sum(a < x < b for a, b in gaps))
    crossed = [(a, b) for row in rows for a, b in pairwise(row) if a.right < place < b.left]
    if len(crossed) < max(5, len(rows) // 3):
        return None
    sides = (median(len(a.text) for a, _ in crossed), median(len(b.text) for _, b in crossed))
    return place if min(sides) >= _PROSE_CHARACTERS else None


def _is_jumbled(rows: Sequence[Sequence[Segment]]) -> bool:
    """Whether lines jump up the page often without moving to a column on the right."""
    jumps = sum(
        after[0].bottom > before[-1].top and after[0].left < before[-1].right
        for before, after in pairwise(rows)
    )
    return jumps > max(3, len(rows) // 10)


def _gutter_between(segments: Sequence[Segment]) -> float | None:
    """Returns the place that most prose stands beside, on both sides, and little stands across."""
    prose = [segment for segment in segments if len(segment.text) >= _PROSE_CHARACTERS]
    best, most = None, 0
    for place in {segment.left - 1 for segment in prose[:: len(prose) // _CANDIDATES + 1]}:
        beside = [sum(s.right <= place for s in prose), sum(s.left >= place for s in prose)]
        across = len(prose) - sum(beside)
        if min(beside) >= 5 and across <= len(prose) // 6 and min(beside) - across > most:
            best, most = place, min(beside) - across
    return best


def _by_columns(segments: Sequence[Segment], gutter: float) -> list[list[Segment]]:
    """Returns the rows down the left column, then the right, between what stands across both."""
    rows: list[list[Segment]] = []
    sides: tuple[list[Segment], list[Segment]] = ([], [])
    for segment in sorted(segments, key=lambda s: -s.top):
        if segment.left < gutter - 1 < gutter + 1 < segment.right:
            rows += [*_by_height(sides[0]), *_by_height(sides[1]), [segment]]
            sides = ([], [])
        else:
            sides[segment.left >= gutter - 1].append(segment)
    return [*rows, *_by_height(sides[0]), *_by_height(sides[1])]


def _by_height(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Returns the rows from top to bottom; what overlaps by half its height is one row."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: -(s.top + s.bottom)):
        if rows and (segment.top + segment.bottom) / 2 > rows[-1][0].bottom:
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda s: s.left) for row in rows]


def _blocks(rows: Sequence[Sequence[Segment]]) -> Iterator[Block]:
    """Gives rows of two cells and more that follow each other as tables, all others as paragraphs."""
    start = 0
    while start < len(rows):
        end = start
        is_table = len(rows[start]) > 1 and start + 1 < len(rows) and len(rows[start + 1]) > 1
        while end < len(rows) and (len(rows[end]) > 1) == is_table:
            end += 1
        if is_table:
            lines = [" | ".join(segment.text for segment in row) for row in rows[start:end]]
            size = median(segment.height for row in rows[start:end] for segment in row)
            yield Block("\n".join(lines), size, end - start, is_table=True)
        else:
            end = max(end, start + 1)
            yield from _paragraphs([_joined(row) for row in rows[start:end]])
        start = end


def _joined(row: Sequence[Segment]) -> Segment:
    """Returns a row as one segment."""
    return Segment(
        " ".join(segment.text for segment in row),
        row[0].left,
        min(segment.bottom for segment in row),
        row[-1].right,
        max(segment.top for segment in row),
        row[0].line,
        row[-1].is_broken,
    )


def _paragraphs(rows: Sequence[Segment]) -> Iterator[Block]:
    """Gives the paragraphs of lines that stand under each other, or in the next column."""
    paragraph: list[Segment] = []
    for row in rows:
        if paragraph and not _continues(paragraph, row):
            yield _paragraph(paragraph)
            paragraph = []
        paragraph.append(row)
    if paragraph:
        yield _paragraph(paragraph)


def _continues(paragraph: Sequence[Segment], row: Segment) -> bool:
    """Whether a line goes on with a paragraph."""
    last = paragraph[-1]
    heights = sorted((last.height, row.height))
    if heights[1] > _SAME_SIZE * heights[0] or _LIST_ITEM.match(row.text):
        return False
    if last.is_broken:
        return True
    is_below = row.top < last.top
    if not is_below:
        return not _SENTENCE_END.search(last.text) and row.text[:1].islower()
    if last.bottom - row.top > _PARAGRAPH_GAP * row.height:
        return False
    is_indented = row.left > paragraph[-1].left + 0.8 * row.height
    is_short = last.right < row.right - 4 * row.height
    ends = bool(_SENTENCE_END.search(last.text))
    return not (ends and (is_indented or is_short) and not _LIST_ITEM.match(paragraph[0].text))


def _paragraph(rows: Sequence[Segment]) -> Block:
    text = ""
    for row in rows:
        is_word = text.endswith("-") and text[-2:-1].isalpha() and row.text[:1].isalpha()
        text += row.text if not text or is_word else f"\0{row.text}"
        if row.is_broken:
            text += "\1"
    text = text.replace("\1\0", "").replace("\1", "").replace("\0", " ")
    return Block(text, median(row.height for row in rows), len(rows), goes_on=text[:1].islower())
