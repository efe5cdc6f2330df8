"""Recurring spans: questions that need no question (Splinter; Ram et al. 2021, arXiv 2101.00438).

A span that occurs in several sentences of a paragraph is blanked in one of them. That sentence is the
question; the paragraph without it is the passage; the other occurrences are the answers.
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rag.generator.passages import BLANK, Passage
from rag.generator.words import FUNCTION_WORDS, sentence_spans
from rag.training.corpus import Paragraph
from rag.training.data import Answer, Example
from rag.training.growing import Block
from rag.training.self_label import to_record

LONGEST_WORDS = 6
LEAST_LETTERS = 4
LEAST_SENTENCE_WORDS, MOST_SENTENCE_WORDS = 8, 45
LEAST_PASSAGE_CHARACTERS = 250
BATCH_PARAGRAPHS = 256
_WORD = re.compile(r"\w[\w'’.,-]*\w|\w")


def make_spans(
    paragraphs: Sequence[Paragraph], source: str, license: str, seed: int, first: int = 0
) -> Iterator[Block]:
    """Yield the records of one batch of paragraphs after the other, from a number on."""
    for begin in range(first, len(paragraphs), BATCH_PARAGRAPHS):
        batch = paragraphs[begin : begin + BATCH_PARAGRAPHS]
        records: list[dict[str, Any]] = []
        for number, paragraph in enumerate(batch, start=begin):
            example = recurring_example(paragraph.passage, source, random.Random(f"{seed}/{number}"))
            if example is not None:
                records.append({**to_record(example), "license": license})
        yield Block(begin + len(batch), len(batch), records)


def recurring_example(passage: Passage, source: str, rng: random.Random) -> Example | None:
    """Return a question with a blank about a paragraph; None where no span of it recurs."""
    sentences = sentence_spans(passage.text)
    spans = recurring_spans(passage.text, sentences)
    if not spans:
        return None
    text, places = rng.choice(spans)
    at = rng.choice(places)
    start, end = next((s, e) for s, e in sentences if s <= at < e)
    words = len(passage.text[start:end].split())
    if not LEAST_SENTENCE_WORDS <= words <= MOST_SENTENCE_WORDS:
        return None
    question = _blanked(passage.text[start:end], text)
    rest = f"{passage.text[:start].rstrip()} {passage.text[end:].lstrip()}".strip()
    answers = tuple(Answer(rest[m.start() : m.end()], m.start()) for m in _occurrences(text, rest))
    if len(rest) < LEAST_PASSAGE_CHARACTERS or not answers:
        return None
    name = hashlib.sha256(f"{passage.text}\n{at}".encode()).hexdigest()[:12]
    return Example(
        id=f"{source}-{name}",
        source=source,
        question=question,
        passages=(Passage(rest, passage.title),),
        gold=0,
        answers=answers,
        full_answer=None,
        synthetic=True,
    )


def recurring_spans(text: str, sentences: Sequence[tuple[int, int]]) -> list[tuple[str, list[int]]]:
    """Spans that occur in two sentences at least and lie in no longer ones that do, with their places."""
    seen: dict[str, list[tuple[int, int]]] = {}
    for number, (start, end) in enumerate(sentences):
        words = list(_WORD.finditer(text, start, end))
        for first in range(len(words)):
            for last in range(first, min(len(words), first + LONGEST_WORDS)):
                span = text[words[first].start() : words[last].end()]
                if _asks(span):
                    seen.setdefault(span, []).append((number, words[first].start()))
    recurring = {s: places for s, places in seen.items() if len({n for n, _ in places}) > 1}
    found: list[tuple[str, list[int]]] = []
    for span in sorted(recurring, key=lambda s: (-len(s.split()), s)):
        longer = Counter(other for other, _ in found if f" {span} " in f" {other} ")
        if not longer:
            found.append((span, [place for _, place in recurring[span]]))
    return found


def _asks(span: str) -> bool:
    """Whether it is a name, a number or several words, and neither begins nor ends with a function word."""
    words = span.lower().split()
    if words[0] in FUNCTION_WORDS or words[-1] in FUNCTION_WORDS or re.search(r"[.,;:!?]\s", span):
        return False
    said = any(c.isupper() for c in span) or any(c.isdigit() for c in span) or len(words) > 1
    return said and sum(c.isalnum() for c in span) >= LEAST_LETTERS


def _blanked(sentence: str, span: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(span)}(?!\w)", BLANK, sentence)


def _occurrences(span: str, text: str) -> list[re.Match[str]]:
    return list(re.finditer(rf"(?<!\w){re.escape(span)}(?!\w)", text))
