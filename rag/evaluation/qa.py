"""Question answering measured on files of examples: from the gold passage, or from all of them.

What each figure means:
    em, f1               SQuAD's, over answerable questions, best of the expected answers, abstention off
    answerable_auc       does the answerable probability rank questions with an answer above those without?
    best_f1              SQuAD 2.0's F1 over all questions at the best abstention threshold
    citation_precision   share of citations, of answerable questions, that lie in a passage which holds the
                         answer; with gold passages all do, so it says something of retrieved ones only
    citation_recall      share of answers, to answerable questions, with such a citation
    verified_share       share of citations whose quote is the passage's text at their offsets
    abstained_share      share of questions that the shipped threshold would abstain on
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.citation import sentence_around
from rag.errors import DataError
from rag.evaluation.metrics import (
    Judged,
    area_under_curve,
    best_f1,
    exact_match,
    percentile,
    token_f1,
)
from rag.evaluation.passage_index import PassageIndex
from rag.generator.generate import Generated, LocalGenerator
from rag.generator.passages import Passage
from rag.training.data import Example, read_examples

Retrieve = Callable[[str], list[Passage]]
"""A question to the passages to read, best first."""


@dataclass(frozen=True)
class CitedSpan:
    """A copied piece of an answer, in characters of the passage it was read in."""

    passage: int
    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Prediction:
    """One example's outcome, as `--predictions` writes it."""

    id: str
    question: str
    expected: tuple[str, ...]
    answerable: bool
    answer: str
    answerable_probability: float
    exact: float
    f1: float
    citations: tuple[CitedSpan, ...]
    correct_citations: int
    verified_citations: int
    latency_ms: float


def evaluate_qa(
    files: Sequence[Path],
    generator: LocalGenerator,
    retrieve: Retrieve | None = None,
    on_prediction: Callable[[str, Prediction], None] | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure answers on each file.

    Args:
        files: of examples.
        generator: what answers.
        retrieve: finds the passages to read; None reads the example's own passage.
        on_prediction: told each set's name and prediction as it is made.
        limit: only the first so many examples of each file.

    Raises:
        DataError: a file cannot be read, holds no example, or two have the same name.
    """
    check_names(files)
    sets = {}
    for path in files:
        name = set_name(path)
        predictions = []
        for example in _first(read_examples(path), limit):
            prediction = predict(example, generator, retrieve)
            predictions.append(prediction)
            if on_prediction:
                on_prediction(name, prediction)
        if not predictions:
            raise DataError(f"{path} holds no example")
        sets[name] = summarise(predictions, generator.calibration.threshold)
    return {"sets": sets}


def set_name(path: Path) -> str:
    """A file's or folder's name without its endings."""
    return path.resolve().name.split(".")[0]


def check_names(paths: Sequence[Path]) -> None:
    """See that every set has a name of its own.

    Raises:
        DataError: two have the same.
    """
    names = [set_name(path) for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"several sets are named {', '.join(twice)}: rename them, or measure them one by one")


def _first(examples: Iterator[Example], limit: int | None) -> Iterator[Example]:
    for number, example in enumerate(examples):
        if limit is not None and number >= limit:
            return
        yield example


def predict(example: Example, generator: LocalGenerator, retrieve: Retrieve | None) -> Prediction:
    """Answer one example and judge the answer."""
    begun = time.perf_counter()
    passages = retrieve(example.question) if retrieve else list(example.passages)
    generated = generator.generate(example.question, passages)
    latency_ms = (time.perf_counter() - begun) * 1000
    expected = tuple(a.text for a in example.answers) or tuple(filter(None, [example.full_answer]))
    citations = tuple(_citations(generated, passages))
    return Prediction(
        id=example.id,
        question=example.question,
        expected=expected,
        answerable=example.answerable,
        answer=generated.text,
        answerable_probability=generated.answerable_probability,
        exact=max((exact_match(generated.text, e) for e in expected), default=0.0),
        f1=max((token_f1(generated.text, e) for e in expected), default=0.0),
        citations=citations,
        correct_citations=sum(_holds_answer(passages[c.passage].text, example) for c in citations),
        verified_citations=sum(passages[c.passage].text[c.start : c.end] == c.quote for c in citations),
        latency_ms=latency_ms,
    )


def _citations(generated: Generated, passages: Sequence[Passage]) -> Iterator[CitedSpan]:
    """What is cited: the copied spans, or without any the sentence that the model looked at most."""
    copied = [s for s in generated.segments if s.passage is not None and s.passage >= 0]
    for s in copied:
        assert s.passage is not None
        yield CitedSpan(s.passage, s.start, s.end, generated.text[s.answer_start : s.answer_end])
    if not copied and generated.text and generated.focus is not None:
        passage, position = generated.focus
        start, end = sentence_around(passages[passage].text, position)
        yield CitedSpan(passage, start, end, passages[passage].text[start:end])


def _holds_answer(text: str, example: Example) -> bool:
    """Whether a passage is (part of) the example's own, or has an expected answer in it."""
    if text in example.passages[0].text or example.passages[0].text in text:
        return example.answerable
    return any(
        re.search(rf"(?<!\w){re.escape(a.text)}(?!\w)", text, re.IGNORECASE)
        for a in example.answers
        if a.start >= 0
    )


def summarise(predictions: Sequence[Prediction], threshold: float) -> dict[str, Any]:
    """The figures of one set, under the names that the module's docstring explains."""
    answerable = [p for p in predictions if p.answerable]
    judged = [Judged(p.answerable, p.exact, p.f1, p.answerable_probability) for p in predictions]
    cited = [c for p in answerable for c in p.citations]
    all_citations = sum(len(p.citations) for p in predictions)
    verified = sum(p.verified_citations for p in predictions)
    return {
        "n": len(predictions),
        "answerable": len(answerable),
        "em": 100 * _mean([p.exact for p in answerable]),
        "f1": 100 * _mean([p.f1 for p in answerable]),
        "answerable_auc": area_under_curve(
            [p.answerable for p in predictions], [p.answerable_probability for p in predictions]
        ),
        "best_f1": best_f1(judged),
        "citation_precision": sum(p.correct_citations for p in answerable) / len(cited) if cited else None,
        "citation_recall": _mean([float(p.correct_citations > 0) for p in answerable]),
        "verified_share": verified / all_citations if all_citations else None,
        "abstained_share": _mean([float(p.answerable_probability < threshold) for p in predictions]),
        "latency_ms_p50": percentile([p.latency_ms for p in predictions], 50),
        "latency_ms_p95": percentile([p.latency_ms for p in predictions], 95),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def passages_of_files(files: Sequence[Path]) -> list[Passage]:
    """Every different passage of the files, in order."""
    found: dict[str, Passage] = {}
    for path in files:
        for example in read_examples(path):
            found.setdefault(example.passages[0].text, example.passages[0])
    return list(found.values())


def retrieve_from(
    index: PassageIndex, passages: Sequence[Passage], k: int, mode: str = "weighted"
) -> Retrieve:
    """A `Retrieve` that reads the k best passages of an index."""

    def retrieve(question: str) -> list[Passage]:
        return [passages[i] for i in index.search(question, mode, k)]

    return retrieve


def to_record(name: str, prediction: Prediction) -> dict[str, Any]:
    """A line of the predictions file."""
    return {"set": name, **asdict(prediction)}
