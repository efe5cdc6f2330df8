"""Question answering measured on files of examples: from the gold passage, or from all of them.

What the figures mean stands in `figures.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import DataError
from rag.evaluation.abstention import risk_coverage, wrong_answers
from rag.evaluation.figures import Table, summarise, table_of
from rag.evaluation.memorisation import trained_on
from rag.evaluation.passage_index import PassageIndex
from rag.evaluation.predict import Prediction, Retrieve, holds_answer, predict
from rag.evaluation.support import SupportTest
from rag.generator.generate import LocalGenerator
from rag.generator.passages import Passage
from rag.generator.settings import Style
from rag.training.data import Example, read_examples

SEED = 7
PASSAGES_READ = 10
"""Of those that are retrieved for a question."""
PASSAGES_FOUND = 60
"""Retrieved for a question whose answer is left out."""


def evaluate_qa(
    files: Sequence[Path],
    generator: LocalGenerator,
    retrieve: Retrieve | None = None,
    *,
    missing: Retrieve | None = None,
    on_prediction: Callable[[str, Prediction], None] | None = None,
    limit: int | None = None,
    memory_of: Sequence[Path] = (),
    risk: float | None = None,
    style: Style | None = None,
) -> dict[str, Any]:
    """Measure answers on each file.

    Args:
        files: of examples.
        generator: what answers.
        retrieve: finds the passages to read; None reads the example's own passage.
        missing: finds more passages than are read; given, only answerable questions are asked,
            and of every second one the best passages without its answer are read: a search that missed.
        on_prediction: told each set's name and prediction as it is made.
        limit: only the first so many examples of each file.
        memory_of: files that the generator was trained on, to look for what it remembers.
        risk: also find the threshold under which no more than this share of given answers is wrong.
        style: the form of the answers; None is what `predict` does.

    Raises:
        DataError: a file cannot be read, holds no example, or two have the same name.
    """
    check_names(files)
    support = SupportTest()
    answer = partial(predict, generator=generator, retrieve=retrieve, support=support, style=style)
    kept = partial(with_misses, retrieve=missing) if missing else None
    made = {set_name(f): list(_predictions(f, answer, on_prediction, limit, kept)) for f in files}
    memorised = _memorised(made, memory_of)
    tables = {
        name: table_of(predictions, generator.calibration.threshold, memorised)
        for name, predictions in made.items()
    }
    report: dict[str, Any] = {
        "sets": {name: summarise(made[name], table, SEED) for name, table in tables.items()},
        "bootstrap_seed": SEED,
    }
    if risk is not None:
        report["at_risk"] = at_risk(list(tables.values()), risk)
    return report


def _predictions(
    path: Path,
    answer: Callable[[Example], Prediction],
    on_prediction: Callable[[str, Prediction], None] | None,
    limit: int | None,
    change: Callable[[Iterator[Example]], Iterator[Example]] | None = None,
) -> Iterator[Prediction]:
    example = None
    found = read_examples(path)
    for example in islice(change(found) if change else found, limit):
        prediction = answer(example)
        if on_prediction:
            on_prediction(set_name(path), prediction)
        yield prediction
    if example is None:
        raise DataError(f"{path} holds no example")


def with_misses(examples: Iterator[Example], retrieve: Retrieve) -> Iterator[Example]:
    """Answerable questions with retrieved passages; those of every second one all lack its answer.

    Args:
        examples: whose questions are asked; unanswerable ones are left out.
        retrieve: finds more passages than are read.

    Yields:
        Examples whose passages are the evidence, at most PASSAGES_READ of them.
    """
    for number, example in enumerate(e for e in examples if e.answerable and e.answers):
        found = retrieve(example.question)
        if number % 2:
            kept = [p for p in found if not holds_answer(p.text, example)][:PASSAGES_READ]
            if kept:
                yield replace(example, passages=tuple(kept), gold=None, answers=(), full_answer=None)
            continue
        read = found[:PASSAGES_READ]
        gold = next((i for i, p in enumerate(read) if holds_answer(p.text, example)), None)
        if gold is not None:
            yield replace(example, passages=tuple(read), gold=gold)


def _memorised(made: dict[str, list[Prediction]], memory_of: Sequence[Path]) -> frozenset[str] | None:
    if not memory_of:
        return None
    novel = {g for predictions in made.values() for p in predictions for g in p.novel_ngrams}
    return trained_on(novel, memory_of)


def at_risk(tables: Sequence[Table], risk: float) -> dict[str, float | None]:
    """The point that answers most questions with no more than this share of wrong answers.

    Returns:
        `wanted`; `threshold`, `coverage` and `risk` of the point, None where no threshold keeps within it;
        `lowest_risk`, which the best one reaches.
    """
    table = np.concatenate(tables)
    curve = risk_coverage(wrong_answers(table["answerable"], table["f1"]), table["probability"])
    point = curve.at_risk(risk)
    found: dict[str, float | None] = {"threshold": None, "coverage": None, "risk": None}
    if point is not None:
        found |= asdict(point)
    return {"wanted": risk, **found, "lowest_risk": float(curve.risk.min())}


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
