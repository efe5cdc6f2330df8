"""From the decoder's actions to text: copied spans as they stand in their source, written words between."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.generator.actions import Action
from rag.generator.passages import QUESTION, Reader, Reading

NO_SPACE_BEFORE = re.compile(r"^[.,;:!?%)\]}’']")
NO_SPACE_AFTER = re.compile(r"[(\[{$£€/-]$")


@dataclass(frozen=True)
class Segment:
    """A part of an answer: `answer_start … answer_end` of its text, and where it was copied from.

    `passage` is None for written words and QUESTION for words of the question.
    """

    answer_start: int
    answer_end: int
    passage: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Composed:
    """An answer's text and the parts that it is made of, in order."""

    text: str
    segments: tuple[Segment, ...]


def compose(actions: Sequence[Action], reading: Reading, reader: Reader) -> Composed:
    """Spell out what the decoder did."""
    text = ""
    segments: list[Segment] = []
    for action in actions:
        if action.window is None:
            word = reader.word(action.ids[0])
            joined = word.startswith("##") and bool(text)
            piece = word.removeprefix("##")
            piece = piece.capitalize() if not text else piece
            text += ("" if joined else _space(text, piece)) + piece
            segments.append(Segment(len(text) - len(piece), len(text)))
            continue
        passage, start, end = reading.characters(action.window, action.first, action.last)
        source = reading.question if passage == QUESTION else reading.passages[passage].text
        quote = source[start:end]
        text += _space(text, quote) + quote
        segments.append(Segment(len(text) - len(quote), len(text), passage, start, end))
    return Composed(text, tuple(_join_neighbours(segments)))


def _space(text: str, following: str) -> str:
    if not text or NO_SPACE_BEFORE.match(following) or NO_SPACE_AFTER.search(text):
        return ""
    return " "


def _join_neighbours(segments: Sequence[Segment]) -> list[Segment]:
    """Make one segment of written words in a row; copies stay as they were made."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last and last.passage is None and segment.passage is None:
            joined[-1] = Segment(last.answer_start, segment.answer_end)
        else:
            joined.append(segment)
    return joined
