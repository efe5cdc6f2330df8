"""Where the words of a text that somebody else wrote stand in the passages: its longest matching spans."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rag.generator.compose import Segment
from rag.generator.passages import Passage
from rag.generator.words import FUNCTION_WORDS, WORD, sentence_spans

LEAST_CONTENT_WORDS = 2
"""Content words that make a matching span worth quoting; a sentence without one quotes its best span."""


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int

    @property
    def is_content(self) -> bool:
        return self.text not in FUNCTION_WORDS


@dataclass(frozen=True)
class _Match:
    """Words `begin … end − 1` of a sentence that are words `at …` of a passage."""

    begin: int
    end: int
    passage: int
    at: int
    content: int


def attribute(text: str, passages: Sequence[Passage]) -> tuple[Segment, ...]:
    """Cut a text into spans that a passage has word for word, and what is between them.

    Each sentence is matched by itself, longest spans first; case and spacing do not matter.
    """
    sources = [_words(p.text, 0) for p in passages]
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, words in enumerate(sources):
        for at, word in enumerate(words):
            places[word.text].append((number, at))
    quoted: list[Segment] = []
    for start, end in sentence_spans(text):
        words = _words(text[start:end], start)
        for match in _choose(_matches(text, words, passages, sources, places)):
            first, last = words[match.begin], words[match.end - 1]
            source = sources[match.passage]
            length = match.end - match.begin
            from_, to = source[match.at].start, source[match.at + length - 1].end
            quoted.append(Segment(first.start, last.end, match.passage, from_, to))
    return _with_gaps(len(text), sorted(quoted, key=lambda s: s.answer_start))


def _words(text: str, shift: int) -> list[_Word]:
    return [_Word(m.group().casefold(), m.start() + shift, m.end() + shift) for m in WORD.finditer(text)]


def _matches(
    text: str,
    words: Sequence[_Word],
    passages: Sequence[Passage],
    sources: Sequence[Sequence[_Word]],
    places: dict[str, list[tuple[int, int]]],
) -> list[_Match]:
    """The longest match from each word on, in the passage that has it first."""
    found = []
    for begin, word in enumerate(words):
        best: _Match | None = None
        for passage, at in places.get(word.text, ()):
            source = sources[passage]
            n = 1
            while (
                begin + n < len(words)
                and at + n < len(source)
                and words[begin + n].text == source[at + n].text
                and _between(text, words, begin + n) == _between(passages[passage].text, source, at + n)
            ):
                n += 1
            if best is None or n > best.end - best.begin:
                content = sum(w.is_content for w in words[begin : begin + n])
                best = _Match(begin, begin + n, passage, at, content)
        if best and best.content:
            found.append(best)
    return found


def _between(text: str, words: Sequence[_Word], number: int) -> str:
    """What stands between a word and the one before it, spaces aside."""
    return "".join(text[words[number - 1].end : words[number].start].split())


def _choose(matches: Sequence[_Match]) -> list[_Match]:
    chosen: list[_Match] = []
    for match in sorted(matches, key=lambda m: (-m.content, -(m.end - m.begin), m.begin)):
        overlaps = any(m.begin < match.end and match.begin < m.end for m in chosen)
        if not overlaps and (match.content >= LEAST_CONTENT_WORDS or not chosen):
            chosen.append(match)
    return chosen


def _with_gaps(length: int, quoted: Sequence[Segment]) -> tuple[Segment, ...]:
    segments = []
    at = 0
    for segment in quoted:
        if segment.answer_start > at:
            segments.append(Segment(at, segment.answer_start))
        segments.append(segment)
        at = segment.answer_end
    if at < length:
        segments.append(Segment(at, length))
    return tuple(segments)
