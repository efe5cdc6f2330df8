from pathlib import Path
from typing import Any

import pytest

from api.settings import shipped_checkpoint
from rag.generator import checkpoint
from rag.generator.config import GeneratorConfig
from rag.generator.generate import Generated, LocalGenerator
from rag.generator.passages import SENTENCE_START, Passage
from rag.training.ask import Asker, AskSettings, acceptable, make_questions
from rag.training.corpus import Paragraph
from rag.training.data import Answer, Example, Source
from rag.training.mixture import Mixture
from rag.training.questioner import ask, asking_example, context_of, run_questioner, spell
from rag.training.train import TrainSettings
from tests.rag.test_data import line, write

TEXT = (
    "Porthmore lies on a rocky coast. The old lighthouse at Porthmore was finished in 1862 by the engineer "
    "Hannah Reeve. It burned oil until 1931."
)
BESIDE = Passage(
    "The harbour has two quays and a market for fish on the first Monday of each month.", "Porthmore"
)
YEAR = Answer("1862", TEXT.index("1862"))
QUESTION = "In what year was the old lighthouse at Porthmore finished?"


def test_the_context_is_the_sentence_with_a_blank_for_the_answer() -> None:
    assert context_of(Passage(TEXT, "Porthmore"), YEAR) == Passage(
        "Porthmore: The old lighthouse at Porthmore was finished in [MASK] by the engineer Hannah Reeve."
    )
    assert context_of(Passage(TEXT), Answer("1931", TEXT.index("1931"))).text == "It burned oil until [MASK]."


def test_an_answer_across_sentences_is_blanked_whole() -> None:
    answer = Answer("rocky coast. The old lighthouse", TEXT.index("rocky"))
    assert context_of(Passage(TEXT), answer).text.startswith("Porthmore lies on a [MASK] at Porthmore")


def test_a_labelled_question_is_turned_round() -> None:
    example = Example("1", "t", "when was it finished", (Passage("x"), Passage(TEXT)), 1, (YEAR,), None)
    asking = asking_example(example)
    assert asking is not None
    assert (asking.question, asking.full_answer) == ("1862", "when was it finished?")
    assert asking.gold == 0 and asking.passages == (context_of(Passage(TEXT), YEAR),)


def test_questions_without_a_span_teach_nothing() -> None:
    yes = Example("1", "t", "Is it?", (Passage(TEXT),), 0, (Answer("yes", -1),), None)
    none = Example("2", "t", "Why?", (Passage(TEXT),), None, (), None)
    assert asking_example(yes) is None and asking_example(none) is None


def test_pieces_that_belong_together_are_joined() -> None:
    assert spell("Who wrote Reeve 's well - known  book?") == "Who wrote Reeve's well-known book?"


@pytest.mark.parametrize(
    "question",
    [
        "In what year was it 1862?",
        "When was it?",
        "The lighthouse was finished in which",
        "What was the the lighthouse called?",
        "What is it? And who built it?",
        "Tell me all about the lighthouse?",
        "What kind of [MASK] was the lighthouse?",
    ],
)
def test_what_is_no_question_or_tells_its_answer_is_dropped(question: str) -> None:
    assert acceptable(QUESTION, "1862") and not acceptable(question, "1862")


class Scripted(LocalGenerator):
    """The shipped generator, asking what it is told to."""

    question: str = QUESTION

    def answer(self, asked: Any) -> list[Generated]:
        return [Generated(self.question, (), 1.0, -9.0, (), None) for _ in asked]


@pytest.fixture(scope="module")
def asker() -> Asker:
    reader = LocalGenerator(shipped_checkpoint())
    return Asker(Scripted(shipped_checkpoint()), reader, "wikipedia", "CC BY-SA 3.0")


def records(asker: Asker, negatives: float = 0.0) -> list[Any]:
    paragraphs = [Paragraph(Passage(TEXT, "Porthmore"), BESIDE)] * 12
    settings = AskSettings(negative_share=negatives, most_answers=2)
    return [r for block in make_questions(paragraphs, asker, settings) for r in block.records]


def test_a_question_is_kept_where_the_reader_finds_its_answer(asker: Asker) -> None:
    made = records(asker)
    assert made and {r["answers"][0]["text"] for r in made} == {"1862"}
    first = made[0]
    assert first["synthetic"] is True and first["answerable"] is True and first["title"] == "Porthmore"
    assert first["passage"][first["answers"][0]["start"] :].startswith("1862")
    assert first["license"] == "CC BY-SA 3.0" and first["questioner"] == asker.questioner.name
    assert 0.3 <= first["confidence"] <= 1


def test_a_neighbour_without_the_answer_makes_a_hard_negative(asker: Asker) -> None:
    made = records(asker, negatives=1.0)
    negatives = [r for r in made if not r["answerable"]]
    assert len(negatives) * 2 == len(made)
    assert negatives[0]["passage"] == BESIDE.text and negatives[0]["answers"] == []
    assert negatives[0]["synthetic"] is True and negatives[0]["question"] == QUESTION


def test_a_question_about_something_else_is_not_kept(asker: Asker) -> None:
    asker.questioner.question = "Who was the engineer that finished the lighthouse?"  # type: ignore[attr-defined]
    try:
        assert all("Hannah Reeve" in r["answers"][0]["text"] for r in records(asker))
    finally:
        asker.questioner.question = QUESTION  # type: ignore[attr-defined]


def test_a_questioner_is_trained_saved_and_asks(tmp_path: Path) -> None:
    config = GeneratorConfig(
        encoder_layers=1, decoder_layers=1, window=96, question_tokens=16, span_tokens=16, answer_tokens=12,
        sentence_start=SENTENCE_START,
    )  # fmt: skip
    path = write(tmp_path / "ships.jsonl.gz", *(line(n) for n in range(30)))
    settings = TrainSettings(
        (Source(path),), tmp_path / "q", batch_tokens=300, max_steps=3, dev_examples=4, config=config,
        mixture=Mixture(0.0, 0.0, 0.3),
    )  # fmt: skip
    description = run_questioner(settings, lambda p: None, "cpu", {"command": "test"})
    assert description["task"] == "questions" and description["finished"]
    assert not (tmp_path / "q" / "resume.pt").exists()
    questioner = LocalGenerator(tmp_path / "q")
    assert checkpoint.describe(tmp_path / "q")["command"] == "test"
    (question,) = ask(questioner, [(Passage(TEXT), YEAR)])
    assert question == ask(questioner, [(Passage(TEXT), YEAR)])[0]
