"""Lists in a text: all steps of a way, all of several things, with the sentence that leads to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.generator.words import SENTENCE_END

ITEM = re.compile(r"^[ \t]*(?P<marker>[-*•]|\d+[.)])[ \t]+(?=\S)", re.MULTILINE)
BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class Series:
    """A list in its text: where it begins, with what leads to it, and where each of its items ends."""

    start: int
    ends: tuple[int, ...]


@dataclass(frozen=True)
class _Item:
    start: int
    end: int
    counted: bool


def series_around(text: str, start: int, end: int) -> Series | None:
    """The list that `text[start:end]` is an item of, or leads to; None where there is none of two items."""
    items: list[_Item] = []
    for group in _lists(text):
        within = group[0].start <= start < group[-1].end
        leads = text[start:end].rstrip().endswith(":") and not text[end : group[0].start].strip()
        if len(group) > 1 and (within or leads):
            items = group
    if not items:
        return None
    return Series(_lead(text, items[0].start), tuple(item.end for item in items))


def _lists(text: str) -> list[list[_Item]]:
    """Items, in groups between which something else stands."""
    found = list(ITEM.finditer(text))
    groups: list[list[_Item]] = []
    for number, match in enumerate(found):
        until = found[number + 1].start() if number + 1 < len(found) else len(text)
        blank = BLANK.search(text, match.end(), until)
        end = blank.start() if blank else until
        begin = match.end("marker") - len(match["marker"])
        item = _Item(begin, begin + len(text[begin:end].rstrip()), match["marker"][0].isdigit())
        follows = groups and groups[-1][-1].counted == item.counted
        if follows and not text[groups[-1][-1].end : item.start].strip():
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _lead(text: str, start: int) -> int:
    """Where the sentence before a list begins, if it ends with a colon; else where the list does."""
    before = text[:start].rstrip()
    if not before.endswith(":"):
        return start
    ends: Sequence[int] = [m.end() for m in re.finditer(rf"{SENTENCE_END.pattern}|\n+", before)]
    return max(ends, default=0)
