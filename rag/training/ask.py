"""Synthetic questions: asked by one model about a corpus, kept where another finds the same answer.

    paragraph → answers by rules → a question to each → cleaned → the reader answers it from the whole
    paragraph → kept where both answers agree

The reader has not seen which answer the question was made for, so that a question which is vague, wrong or
about something else mostly gets another answer (round-trip consistency: Alberti et al. 2019,
arXiv 1906.05416).
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from rag.evaluation.metrics import normalise_answer, token_f1
from rag.evaluation.question_types import OTHER, type_of
from rag.generator.generate import Generated, LocalGenerator
from rag.generator.passages import BLANK, Passage
from rag.generator.settings import GenerationSettings, Style
from rag.training.candidates import propose
from rag.training.corpus import Paragraph
from rag.training.data import Answer, Example
from rag.training.growing import Block
from rag.training.questioner import ask
from rag.training.self_label import to_record

SHORT = GenerationSettings(style=Style.SPAN)
LEAST_WORDS, MOST_WORDS = 5, 30


@dataclass(frozen=True)
class AskSettings:
    """How questions are made and which are kept."""

    seed: int = 7
    most_answers: int = 3
    """Of one paragraph."""
    least_f1: float = 0.8
    """Between the answer that was asked about and the reader's."""
    least_confidence: float = 0.3
    """How probable the reader must find it that there is an answer."""
    negative_share: float = 0.15
    """For how many of the kept questions there is also one with a passage that does not answer it."""
    batch_paragraphs: int = 24


@dataclass(frozen=True)
class Asker:
    """The two models, and what the records say of where their text comes from."""

    questioner: LocalGenerator
    reader: LocalGenerator
    source: str
    license: str


@dataclass(frozen=True)
class _Wanted:
    """An answer of a paragraph to which there should be a question."""

    paragraph: Paragraph
    answer: Answer
    question: str = ""


def make_questions(
    paragraphs: Sequence[Paragraph], asker: Asker, settings: AskSettings, first: int = 0
) -> Iterator[Block]:
    """Yield the records of one batch of paragraphs after the other.

    Args:
        paragraphs: all there are.
        asker: asks, and answers.
        settings: how.
        first: the number of the paragraph to begin with; a multiple of the batch.
    """
    for begin in range(first, len(paragraphs), settings.batch_paragraphs):
        batch = paragraphs[begin : begin + settings.batch_paragraphs]
        rng = random.Random(f"{settings.seed}/{begin}")
        wanted = [
            _Wanted(p, a)
            for p in batch
            for a in propose(p.passage.text, rng.randint(1, settings.most_answers), rng)
        ]
        asked = [w for w in _questions(wanted, asker.questioner) if acceptable(w.question, w.answer.text)]
        records = []
        for one, generated in zip(asked, _answers(asked, asker.reader), strict=True):
            if agrees(one.answer, generated, settings):
                records += _records(one, generated, asker, rng.random() < settings.negative_share)
        yield Block(begin + len(batch), len(wanted), records)


def agrees(answer: Answer, generated: Generated, settings: AskSettings) -> bool:
    """Whether the reader found the answer that was asked about, and is sure enough of it."""
    return (
        generated.answerable_probability >= settings.least_confidence
        and token_f1(generated.text, answer.text) >= settings.least_f1
    )


def _questions(wanted: Sequence[_Wanted], questioner: LocalGenerator) -> list[_Wanted]:
    if not wanted:
        return []
    texts = ask(questioner, [(w.paragraph.passage, w.answer) for w in wanted])
    return [replace(w, question=text) for w, text in zip(wanted, texts, strict=True)]


def _answers(asked: Sequence[_Wanted], reader: LocalGenerator) -> list[Generated]:
    return reader.generate_many([(w.question, [w.paragraph.passage]) for w in asked], SHORT)


def acceptable(question: str, answer: str) -> bool:
    """Whether a text has the form of one question, of some words, that does not tell its answer."""
    words = question.lower().split()
    told = f" {normalise_answer(answer)} " in f" {normalise_answer(question)} "
    again = any(a == b for a, b in pairwise(words))
    return (
        question.endswith("?")
        and question.count("?") == 1
        and LEAST_WORDS <= len(words) <= MOST_WORDS
        and type_of(question) != OTHER
        and BLANK not in question
        and not told
        and not again
    )


def _records(one: _Wanted, generated: Generated, asker: Asker, with_negative: bool) -> list[dict[str, Any]]:
    passage, neighbour = one.paragraph.passage, one.paragraph.neighbour
    name = hashlib.sha256(f"{passage.text}\n{one.answer.start}".encode()).hexdigest()[:12]
    example = Example(
        id=f"{asker.source}-{name}",
        source=asker.source,
        question=one.question,
        passages=(passage,),
        gold=0,
        answers=(one.answer,),
        full_answer=None,
        synthetic=True,
    )
    made = [example]
    if with_negative and neighbour is not None and not _tells(neighbour, one.answer):
        made.append(
            replace(example, id=f"{example.id}#neighbour", passages=(neighbour,), gold=None, answers=())
        )
    lineage = {
        "license": asker.license,
        "questioner": asker.questioner.name,
        "reader": asker.reader.name,
        "confidence": round(generated.answerable_probability, 4),
    }
    return [{**to_record(e), **lineage} for e in made]


def _tells(passage: Passage, answer: Answer) -> bool:
    return f" {normalise_answer(answer.text)} " in f" {normalise_answer(passage.text)} "
