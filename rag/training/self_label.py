"""Spans for questions of which only the answering sentence is known.

A trained generator reads the sentence alone, which is easy; where it copies one span of it and is sure,
that span becomes the answer in the whole passage that the sentence comes from, which is harder to read.
The examples are marked synthetic: a model chose their answers.
"""

import json
import logging
import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rag.generator.generate import Generated, LocalGenerator
from rag.generator.passages import Passage
from rag.training.data import Answer, Example
from rag.training.loss import log_probabilities
from rag.training.targets import Target, make_target

logger = logging.getLogger(__name__)

_KEY_WORDS = 6
MOST_OF_SENTENCE = 0.6


@dataclass(frozen=True)
class LabelSettings:
    """When a label is believed."""

    least_probability: float = 0.35
    """Of the span, all ways to abstain or to answer otherwise taken together."""
    batch_size: int = 16


class Contexts:
    """Finds the passage that a sentence comes from, by a few of its words, then in whole."""

    def __init__(self, passages: Iterable[Passage], sentences: Iterable[str]) -> None:
        """Keep of the passages, which may be many, those that hold one of the sentences."""
        self._of: dict[str, Passage] = {}
        wanted: dict[str, list[str]] = {}
        for sentence in sentences:
            words = _words(sentence)
            if len(words) > _KEY_WORDS:
                wanted.setdefault(" ".join(words[:_KEY_WORDS]), []).append(sentence)
        for passage in passages:
            words = _words(passage.text)
            for at in range(len(words) - _KEY_WORDS + 1):
                for sentence in wanted.get(" ".join(words[at : at + _KEY_WORDS]), ()):
                    if sentence in passage.text:
                        self._of.setdefault(sentence, passage)

    def of(self, sentence: str) -> Passage | None:
        """The passage with the sentence in it, word for word; None where none is known."""
        return self._of.get(sentence)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def label(
    examples: Sequence[Example], generator: LocalGenerator, contexts: Contexts, settings: LabelSettings
) -> Iterator[Example]:
    """Yield the examples whose span the generator is sure of, with the widest passage that is known."""
    ordered = sorted(examples, key=lambda e: len(e.passages[0].text))
    for begin in range(0, len(ordered), settings.batch_size):
        batch = ordered[begin : begin + settings.batch_size]
        answers = generator.generate_many([(e.question, e.passages) for e in batch])
        spans = [_span(e, g) for e, g in zip(batch, answers, strict=True)]
        labelled = [
            replace(e, answers=(a,), full_answer=None)
            for e, a in zip(batch, spans, strict=True)
            if a is not None
        ]
        for example, probability in zip(labelled, span_probabilities(generator, labelled), strict=True):
            if probability >= settings.least_probability:
                yield _widened(example, contexts)
        if begin // settings.batch_size % 50 == 0:
            logger.info("%d of %d questions read", begin + len(batch), len(ordered))


def _span(example: Example, generated: Generated) -> Answer | None:
    """The one span that was copied of the sentence, unless it is nearly all of it."""
    text = example.passages[0].text
    if len(generated.segments) != 1:
        return None
    span = generated.segments[0]
    if span.passage != 0 or generated.null_log_odds > 0:
        return None
    if span.end - span.start > MOST_OF_SENTENCE * len(text):
        return None
    return Answer(text[span.start : span.end], span.start)


def span_probabilities(generator: LocalGenerator, examples: Sequence[Example]) -> list[float]:
    """The probability of each example's first answer as one copy, given its passage."""
    rng = random.Random(0)
    targets: list[Target | None] = [make_target(e, generator.reader, rng) for e in examples]
    usable = [t for t in targets if t is not None]
    if not usable:
        return [0.0] * len(examples)
    with torch.inference_mode():
        found = iter(log_probabilities(generator.model, usable).tolist())
    return [0.0 if t is None else math.exp(next(found)) for t in targets]


def _widened(example: Example, contexts: Contexts) -> Example:
    sentence = example.passages[0].text
    wide = contexts.of(sentence)
    if wide is None:
        return replace(example, synthetic=True)
    at = wide.text.index(sentence)
    answers = tuple(replace(a, start=a.start + at) for a in example.answers)
    return replace(example, passages=(wide,), answers=answers, synthetic=True)


def to_record(example: Example) -> dict[str, Any]:
    """The example in the form that files of examples have."""
    passage = example.passages[0]
    return {
        "id": example.id,
        "source": example.source,
        "synthetic": example.synthetic,
        "title": passage.title,
        "passage": passage.text,
        "question": example.question,
        "answers": [{"text": a.text, "start": a.start} for a in example.answers],
        "answerable": example.answerable,
    }


def write_examples(examples: Iterable[Example], out: Path) -> int:
    """Write examples as gzipped JSON Lines; the file appears whole or not at all. Returns how many."""
    import gzip

    count = 0
    partial = out.with_name(out.name + ".partial")
    with gzip.open(partial, "wt", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(to_record(example), ensure_ascii=False) + "\n")
            count += 1
    partial.replace(out)
    return count
