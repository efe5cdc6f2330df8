"""Answers in full sentences: what the decoder wrote where it is sure of it, else sentences of the passages.

    the first step's pointers ─→ mass of each sentence ─→ the best of them, copied whole
    the decoder's own text    ─→ probable, borne by what it copied, no bare yes or no? then that instead

A sentence is scored by how much of the start pointer falls into it, once from the start symbol of short
answers and once from that of sentences, by how many of the question's words it has, and by the place that a
search gave its passage. A yes or no goes before a quote where the decoder clearly prefers one. The constants
were chosen on held-out articles of the training files.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.generator.actions import Action, copy_of
from rag.generator.compose import Composed, compose
from rag.generator.passages import Reader, Reading
from rag.generator.series import series_around
from rag.generator.stems import ContentStems
from rag.generator.style import defined, sides, wants_series
from rag.generator.words import FUNCTION_WORDS, SENTENCE_END, WORD

PARAGRAPH_END = re.compile(r"\n\s*\n\s*|\n(?=\s*(?:(?:[-*•#]|\d+[.)])\s|[|:])|[^\n]*\s\|\s)")
ROW_END = re.compile(r"\s\|\s[^\n]*\n")
MARKER = re.compile(r"\s*(?:(?:[-*•]|\d+[.)])\s+)?")
HEADING = "#"
DEFINING = (
    r"(?:(?:in|as)\b[^.,;:]+, )?(?:an?\b|the\b)?\s*{}\w*\b"
    r"[^.;:]{{0,80}}?\b(?:is|are|was|were|means?|refers?)\b"
)
"""How a sentence begins that says what something is."""
LEAST_WORDS = 4
"""A shorter stretch of text is a heading or a label: it is quoted where there is nothing else."""
FLOOR = 1e-4
"""Pointer mass that any sentence has: below it, differences say nothing."""
MISSING_WEIGHT = 5.0
"""How much a sentence loses that has none of the question's content words."""
RANK_WEIGHT = 0.5
"""How much a sentence loses for the logarithm of its passage's place; the best passage comes first."""
PROSE = 0.9
"""Share of letters and spaces that sentences have; signatures, tables and formulas have less."""
SYMBOLS_WEIGHT = 10.0
"""How much is lost for each share of characters below that, times the share."""
UNFINISHED = 1.0
"""How much a stretch of text loses that does not end as sentences do."""
DEFINES = 4.0
"""How much a sentence gains that begins by saying what the thing is whose nature is asked for."""
ROW = re.compile(r"\s\|\s")
ASKING_WEIGHT = 10.0
"""How much a question loses, as headings of guides often are: it is no answer to one."""
ROW_WEIGHT = 2.0
"""How much a row of a table loses: it is quoted where no sentence is nearly as good."""
MOST_SENTENCES = 3
MARGIN = 1.0
"""Sentences of the same passage whose score is within this of the best one's are quoted with it."""
SURE = -1.0
"""Mean log-probability of an action from which on a written text is trusted."""
VERDICT_MARGIN = 1.0
"""By how much the log-probabilities of yes and no have to differ for one to be said."""
VERDICTS = ("yes", "no")


@dataclass(frozen=True)
class Pointers:
    """What the decoder would do first: `(N, L)` probabilities of N windows' tokens to begin a copy at."""

    short: NDArray[np.float32]
    """From the start symbol of short answers."""
    sentence: NDArray[np.float32]
    """From that of sentences."""
    verdict: float
    """log p(yes) − log p(no), from that of sentences."""


@dataclass(frozen=True)
class _Quote:
    """A sentence in a window: `first … last` are positions in its `ids`."""

    passage: int
    start: int
    window: int
    first: int
    last: int
    score: float
    stems: frozenset[str]


class Quoter:
    """Chooses the sentences to quote."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._stems = ContentStems()

    def quotes(
        self,
        reading: Reading,
        pointers: Pointers,
        most_pieces: int,
        *,
        verdict: bool,
        series_pieces: int | None = None,
    ) -> tuple[Action, ...]:
        """The best sentences of one passage as copies, in its order; nothing where no sentence is found.

        A list is quoted whole where the question asks for a way or for several things, and of two things
        that are compared each has its sentence.

        Args:
            reading: of the question and its passages.
            pointers: what the decoder would begin with.
            most_pieces: the longest answer.
            verdict: whether the question asks for yes or no.
            series_pieces: the longest list; None for as much as any answer.
        """
        said = self._verdict(pointers) if verdict else ()
        found = sorted(self._candidates(reading, pointers, most_pieces - len(said)), key=lambda q: -q.score)
        whole = self._series(reading, found, series_pieces or most_pieces) or self._sides(
            reading, found, most_pieces
        )
        return whole or self._best(reading, found, said, most_pieces)

    def _best(
        self, reading: Reading, found: Sequence[_Quote], said: tuple[Action, ...], most_pieces: int
    ) -> tuple[Action, ...]:
        """The best sentence, and those of its passage that are nearly as good."""
        chosen: list[_Quote] = []
        room = most_pieces - len(said)
        for quote in found:
            length = quote.last - quote.first + 1
            if quote.score < found[0].score - MARGIN or len(chosen) == MOST_SENTENCES:
                break
            fits = length <= room and quote.passage == found[0].passage
            if fits and not any(_alike(quote.stems, other.stems) for other in chosen):
                chosen.append(quote)
                room -= length
        chosen.sort(key=lambda q: q.start)
        copies = (copy_of(reading, q.window, q.first, q.last) for q in chosen)
        return (*said, *copies) if chosen else ()

    def _series(self, reading: Reading, found: Sequence[_Quote], most_pieces: int) -> tuple[Action, ...]:
        """The whole list of the best sentence, or as many of its items as there is room for."""
        if not found or not wants_series(reading.question):
            return ()
        passage, start, end = reading.characters(found[0].window, found[0].first, found[0].last)
        series = series_around(reading.passages[passage].text, start, end)
        for until in reversed(series.ends[1:] if series else ()):
            at = reading.positions(passage, series.start, until) if series else None
            if at and until >= end and at[2] - at[1] < most_pieces:
                return (copy_of(reading, *at),)
        return ()

    def _sides(self, reading: Reading, found: Sequence[_Quote], most_pieces: int) -> tuple[Action, ...]:
        """The best sentence about each of two things that are compared."""
        chosen: list[_Quote] = []
        for side in sides(reading.question) or ():
            named = self._stems.of(side)
            fitting = (q for q in found if named <= q.stems and q not in chosen)
            chosen += [q for q in (next(fitting, None),) if q]
        length = sum(q.last - q.first + 1 for q in chosen)
        if len(chosen) < 2 or length > most_pieces:
            return ()
        return tuple(copy_of(reading, q.window, q.first, q.last) for q in chosen)

    def _verdict(self, pointers: Pointers) -> tuple[Action, ...]:
        if abs(pointers.verdict) < VERDICT_MARGIN:
            return ()
        (said,) = self._reader.pieces([f"{VERDICTS[pointers.verdict < 0]}:"])
        return tuple(Action((piece,)) for piece in said.ids)

    def _candidates(self, reading: Reading, pointers: Pointers, most_pieces: int) -> list[_Quote]:
        """Each sentence once, from the window that has most of its mass."""
        best: dict[tuple[int, int], _Quote] = {}
        claimed = self._stems.of(reading.question)
        subject = defined(reading.question, [passage.title for passage in reading.passages])
        defining = subject and re.compile(DEFINING.format(re.escape(subject)), re.IGNORECASE)
        for number in range(len(reading.windows)):
            for quote in self._in_window(reading, pointers, number, claimed, most_pieces):
                key = (quote.passage, quote.start)
                text = reading.passages[quote.passage].text
                gain = DEFINES if defining and defining.match(text, quote.start) else 0.0
                if key not in best or quote.score + gain > best[key].score:
                    best[key] = replace(quote, score=quote.score + gain)
        return list(best.values())

    def _in_window(
        self, reading: Reading, pointers: Pointers, number: int, claimed: frozenset[str], most_pieces: int
    ) -> Iterator[_Quote]:
        window = reading.windows[number]
        passage = reading.passages[window.passage]
        pieces = reading.pieces[window.passage]
        title = self._stems.of(passage.title)
        begins = [a for a, _ in pieces.offsets[window.first_piece : window.first_piece + window.text_length]]
        for start, end in quotable(passage.text):
            first, after = np.searchsorted(begins, [start, end]).tolist()
            if first == after or (first == 0 and window.first_piece > 0 and begins[0] > start):
                continue  # it lies outside this window, or begins before it
            last = min(after, first + most_pieces) - 1
            while first <= last < after - 1 and not passage.text[begins[last + 1] - 1].isspace():
                last -= 1
            if last < first:
                continue  # not even its first word has room
            at = slice(window.text_at + first, window.text_at + after)
            masses = [float(p[number, at].sum()) for p in (pointers.short, pointers.sentence)]
            stems = self._stems.of(passage.text[start:end])
            missing = len(claimed - stems - title) / len(claimed) if claimed else 0.0
            score = sum(float(np.log(mass + FLOOR)) for mass in masses) - MISSING_WEIGHT * missing
            score -= _oddness(passage.text[start:end]) + RANK_WEIGHT * math.log1p(window.passage)
            yield _Quote(window.passage, start, number, window.text_at + first, window.text_at + last,
                         score, stems)  # fmt: skip


def quotable(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence or list item of a passage, without markers, spaces and headings.

    Headings and labels are there only where nothing else is.
    """
    cuts = sorted({m.end() for end in (SENTENCE_END, PARAGRAPH_END, ROW_END) for m in end.finditer(text)})
    spans = []
    for begin, until in pairwise([0, *cuts, len(text)]):
        marker = MARKER.match(text, begin, until)
        start = marker.end() if marker else begin
        end = begin + len(text[begin:until].rstrip())
        if end > start:
            spans.append((start, end))
    whole = [(a, b) for a, b in spans if text[a] != HEADING and len(WORD.findall(text, a, b)) >= LEAST_WORDS]
    return whole or spans


def _oddness(text: str) -> float:
    """What a stretch of text loses for not being a sentence."""
    prose = sum(c.isalpha() or c.isspace() for c in text) / len(text)
    unfinished = text.rstrip("\"'”’)]")[-1:] not in tuple(".!?")
    lost = SYMBOLS_WEIGHT * max(0.0, PROSE - prose) + UNFINISHED * unfinished
    return lost + ROW_WEIGHT * bool(ROW.search(text)) + ASKING_WEIGHT * text.rstrip().endswith("?")


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > 0.8 * min(len(one), len(other))


def well_said(actions: Sequence[Action], mean_log_p: float, reading: Reading, reader: Reader) -> bool:
    """Whether a written sentence can be given as it is.

    It is probable, copies something, has no content word that the passages it copies from lack, says none
    three times, and is no yes or no, whose reason a quote gives better.
    """
    composed = compose(actions, reading, reader)
    words = [w.lower() for w in WORD.findall(composed.text)]
    content = [w for w in words if w not in FUNCTION_WORDS]
    if mean_log_p < SURE or not content or words[0] in VERDICTS:
        return False
    if max(content.count(w) for w in content) > 2:
        return False
    copied = {s.passage for s in composed.segments if s.passage is not None and s.passage >= 0}
    source = {w.lower() for number in copied for w in WORD.findall(reading.passages[number].text)}
    return bool(copied) and set(_written(composed)) <= source


def _written(composed: Composed) -> list[str]:
    """Content words that were not copied from a passage."""
    return [
        word
        for s in composed.segments
        if s.passage is None or s.passage < 0
        for word in map(str.lower, WORD.findall(composed.text[s.answer_start : s.answer_end]))
        if word not in FUNCTION_WORDS
    ]
