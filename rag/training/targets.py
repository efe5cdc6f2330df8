"""What an example asks of the generator: word pieces to produce, and the spans that could produce them."""

import random
from dataclasses import dataclass, replace

from rag.generator.config import GeneratorConfig
from rag.generator.passages import CLS, Pieces, Reader, Reading, Window
from rag.training.data import Answer, Example

MAX_MATCHES = 4
"""Places of one longest match that are kept as ways to copy it."""


@dataclass(frozen=True)
class Arc:
    """A copy that produces the target's pieces `begin … end − 1` from tokens `first … last` of a window."""

    begin: int
    end: int
    window: int
    first: int
    last: int


@dataclass(frozen=True)
class Target:
    """One example, ready for the loss."""

    reading: Reading
    ids: tuple[int, ...]
    """Word pieces of the answer; empty when the generator should abstain."""
    arcs: tuple[Arc, ...]
    may_write: bool
    """Whether pieces may be written as well as copied; an answer that is a span is copied whole."""
    relevant: tuple[bool, ...]
    """For each window, whether it holds the answer."""
    start: int = CLS
    """The word piece that the decoder starts from."""

    @property
    def cost(self) -> tuple[int, int]:
        """Sort key for batches of similar work: longest window times windows, then the answer's length."""
        return max(len(w.ids) for w in self.reading.windows) * len(self.reading.windows), len(self.ids)


def make_targets(example: Example, reader: Reader, rng: random.Random) -> list[Target | None]:
    """All that an example teaches; None for each part that is too long.

    A model that has a start for sentences learns the full answer from there, and the short one from the usual
    start. Whether the passages hold the answer is always asked at the usual start.
    """
    start = reader.config.sentence_start
    if start is None or example.gold is None or not example.full_answer:
        return [make_target(example, reader, rng)]
    short = [make_target(replace(example, full_answer=None), reader, rng)] if example.answers else []
    whole = make_target(replace(example, answers=()), reader, rng)
    return [*short, replace(whole, start=start) if whole else None]


def make_target(example: Example, reader: Reader, rng: random.Random) -> Target | None:
    """Prepare an example; None when its answer is longer than an answer or a copied span may be."""
    reading = reader.read(example.question, example.passages)
    if example.gold is None:
        reading = _keep(reading, {p: [rng.choice(ws)] for p, ws in _by_passage(reading).items()})
        return Target(reading, (), (), False, (False,) * len(reading.windows))
    spans = [a for a in example.answers if a.start >= 0]
    if spans:
        return _span_target(reading, example.gold, rng.choice(spans), reader.config.span_tokens, rng)
    text = example.full_answer or rng.choice(example.answers).text
    return _text_target(reading, example.gold, reader.pieces([text])[0], reader.config, rng)


def _span_target(
    reading: Reading, gold: int, answer: Answer, longest: int, rng: random.Random
) -> Target | None:
    body = reading.pieces[gold]
    found = covering_pieces(body, answer.start, answer.start + len(answer.text))
    if found is None:
        return None
    first, last = found
    if last - first >= longest:
        return None
    holding = [w for w in _by_passage(reading)[gold] if _inside(w, first, last)]
    if not holding:
        return None
    chosen = {p: [rng.choice(holding if p == gold else ws)] for p, ws in _by_passage(reading).items()}
    reading = _keep(reading, chosen)
    number = next(i for i, w in enumerate(reading.windows) if w.passage == gold)
    window = reading.windows[number]
    shift = window.text_at - window.first_piece
    ids = tuple(body.ids[first : last + 1])
    arc = Arc(0, len(ids), number, first + shift, last + shift)
    return Target(reading, ids, (arc,), False, tuple(w.passage == gold for w in reading.windows))


def _text_target(
    reading: Reading, gold: int, answer: Pieces, config: GeneratorConfig, rng: random.Random
) -> Target | None:
    if not 0 < len(answer.ids) < config.answer_tokens:
        return None
    limit = 2  # windows of a long passage; an answer in sentences is mostly drawn from its beginning
    chosen = {p: ws[:limit] if p == gold else [rng.choice(ws)] for p, ws in _by_passage(reading).items()}
    reading = _keep(reading, chosen)
    arcs = [
        arc
        for number, window in enumerate(reading.windows)
        if window.passage == gold
        for arc in _matches(answer, reading, number, config.span_tokens)
    ]
    relevant = tuple(w.passage == gold for w in reading.windows)
    return Target(reading, tuple(answer.ids), tuple(arcs), True, relevant)


def covering_pieces(pieces: Pieces, start: int, end: int) -> tuple[int, int] | None:
    """First and last piece of the whole words that cover the characters `start … end`."""
    touched = [i for i, (s, e) in enumerate(pieces.offsets) if s < end and e > start]
    if not touched:
        return None
    first, last = touched[0], touched[-1]
    while first > 0 and not pieces.starts_word[first]:
        first -= 1
    while last + 1 < len(pieces.ids) and not pieces.starts_word[last + 1]:
        last += 1
    return first, last


@dataclass(frozen=True)
class _Text:
    """A stretch of a window that pieces can be copied from; `at` is its place in the window."""

    at: int
    ids: list[int]
    starts_word: list[bool]


def _matches(answer: Pieces, reading: Reading, number: int, longest: int) -> list[Arc]:
    """Longest matches, in whole words, of the answer's pieces from each word on in one window."""
    texts = _copyable_texts(reading, number)
    arcs = []
    for begin in range(len(answer.ids)):
        if not answer.starts_word[begin]:
            continue
        found = []
        for text in texts:
            for offset in range(len(text.ids)):
                n = _match_length(answer, begin, text, offset, longest)
                if n:
                    at = text.at + offset
                    found.append(Arc(begin, begin + n, number, at, at + n - 1))
        best = max((a.end for a in found), default=0)
        arcs += [a for a in found if a.end == best][:MAX_MATCHES]
    return arcs


def _copyable_texts(reading: Reading, number: int) -> list[_Text]:
    w = reading.windows[number]
    body = reading.pieces[w.passage]
    part = slice(w.first_piece, w.first_piece + w.text_length)
    texts = [_Text(w.text_at, body.ids[part], body.starts_word[part])]
    if number == 0:
        asked = reading.question_pieces
        length = w.question_length
        texts.append(_Text(w.question_at, asked.ids[:length], asked.starts_word[:length]))
    return texts


def _match_length(answer: Pieces, begin: int, text: _Text, offset: int, longest: int) -> int:
    if text.ids[offset] != answer.ids[begin] or not text.starts_word[offset]:
        return 0
    whole = 0
    n = 0
    while n < longest and begin + n < len(answer.ids) and offset + n < len(text.ids):
        if answer.ids[begin + n] != text.ids[offset + n]:
            break
        n += 1
        answer_ends = begin + n == len(answer.ids) or answer.starts_word[begin + n]
        source_ends = offset + n == len(text.ids) or text.starts_word[offset + n]
        if answer_ends and source_ends:
            whole = n
    return whole


def _by_passage(reading: Reading) -> dict[int, list[Window]]:
    groups: dict[int, list[Window]] = {}
    for window in reading.windows:
        groups.setdefault(window.passage, []).append(window)
    return groups


def _inside(window: Window, first: int, last: int) -> bool:
    return window.first_piece <= first and last < window.first_piece + window.text_length


def _keep(reading: Reading, chosen: dict[int, list[Window]]) -> Reading:
    return replace(reading, windows=tuple(w for ws in chosen.values() for w in ws))
