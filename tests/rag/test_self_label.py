import gzip
import json
import math
from pathlib import Path

import pytest

from api.settings import shipped_checkpoint
from rag.generator.generate import LocalGenerator
from rag.generator.passages import Passage
from rag.training.data import Answer, Example, read_examples
from rag.training.self_label import Contexts, LabelSettings, label, span_probabilities, write_examples

SENTENCE = "The old lighthouse at Porthmore was finished in 1862 by the engineer Hannah Reeve."
PARAGRAPH = f"Porthmore lies on a rocky coast. {SENTENCE} It burned oil until 1931."


@pytest.fixture(scope="module")
def generator() -> LocalGenerator:
    return LocalGenerator(shipped_checkpoint())


def asked(question: str) -> Example:
    return Example("1", "t", question, (Passage(SENTENCE),), 0, (), SENTENCE)


def test_a_sure_span_is_found_again_in_the_wider_passage(generator: LocalGenerator) -> None:
    contexts = Contexts([Passage("Something else."), Passage(PARAGRAPH)], [SENTENCE])
    question = asked("In what year was the old lighthouse at Porthmore finished?")
    (made,) = label([question], generator, contexts, LabelSettings(0.2))
    assert made.answers == (Answer("1862", PARAGRAPH.index("1862")),)
    assert made.passages == (Passage(PARAGRAPH),) and made.synthetic


def test_what_the_model_is_not_sure_of_is_left_out(generator: LocalGenerator) -> None:
    question = asked("In what year was the old lighthouse at Porthmore finished?")
    assert not list(label([question], generator, Contexts([], []), LabelSettings(0.99999)))


def test_the_probability_of_a_span_is_between_zero_and_one(generator: LocalGenerator) -> None:
    example = Example(
        "1", "t", "When?", (Passage(SENTENCE),), 0, (Answer("1862", SENTENCE.index("1862")),), None
    )
    (probability,) = span_probabilities(generator, [example])
    assert 0 < probability < 1 and math.isfinite(probability)


def test_written_examples_are_read_back_as_synthetic(tmp_path: Path) -> None:
    made = Example("7", "t", "When?", (Passage(SENTENCE),), 0, (Answer("1862", 46),), None, synthetic=True)
    assert write_examples([made], tmp_path / "made.jsonl.gz") == 1
    assert list(read_examples(tmp_path / "made.jsonl.gz")) == [made]
    with gzip.open(tmp_path / "made.jsonl.gz", "rt") as file:
        assert json.loads(file.read())["synthetic"] is True
