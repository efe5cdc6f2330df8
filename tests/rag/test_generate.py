"""A tiny generator learns four answers by heart, so that what it says is known."""

import random
from pathlib import Path

import pytest
import torch

from rag.errors import CheckpointError
from rag.generator import checkpoint
from rag.generator.compose import compose
from rag.generator.config import GeneratorConfig
from rag.generator.decode import Task
from rag.generator.model import Generator
from rag.generator.passages import Passage, Reader
from rag.generator.settings import GREEDY, GenerationSettings
from rag.training.data import Answer, Example
from rag.training.loss import batch_loss
from rag.training.targets import make_target
from tests.rag.conftest import TINY, decode

TEXT = "Ada Lovelace met Charles Babbage in June 1833."
OTHER = "The River Thames flows through London."


def learned(reader: Reader, model: Generator) -> Generator:
    passages = (Passage(OTHER), Passage(TEXT))
    spans = {"Who met Babbage?": "Ada Lovelace", "When did they meet?": "June 1833"}
    examples = [
        Example("s", "t", q, passages, 1, (Answer(a, TEXT.index(a)),), None) for q, a in spans.items()
    ]
    examples.append(Example("w", "t", "Did they meet?", passages, 1, (Answer("yes", -1),), None))
    examples.append(Example("n", "t", "What did it cost?", (Passage(OTHER),), None, (), None))
    targets = [t for e in examples if (t := make_target(e, reader, random.Random(0)))]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    model.train()
    for _ in range(60):
        optimizer.zero_grad()
        loss = batch_loss(model, targets).total
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.5
    return model.eval()


@pytest.fixture(scope="module")
def model(reader: Reader) -> Generator:
    torch.manual_seed(1)
    return learned(reader, Generator(TINY))


def say(model: Generator, reader: Reader, question: str, settings: GenerationSettings) -> str:
    reading = reader.read(question, [Passage(OTHER), Passage(TEXT)])
    (decoded,) = decode(model, reader, [Task(reading, settings)])
    return compose(decoded.actions, reading, reader).text


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Who met Babbage?", "Ada Lovelace"), ("When did they meet?", "June 1833"), ("Did they meet?", "Yes")],
)
def test_answers_come_back_in_the_spelling_of_the_source(
    model: Generator, reader: Reader, question: str, answer: str
) -> None:
    assert say(model, reader, question, GenerationSettings()) == answer


def test_a_copied_answer_knows_its_passage_and_characters(model: Generator, reader: Reader) -> None:
    reading = reader.read("Who met Babbage?", [Passage(OTHER), Passage(TEXT)])
    (decoded,) = decode(model, reader, [Task(reading, GREEDY)])
    (segment,) = compose(decoded.actions, reading, reader).segments
    assert (segment.passage, TEXT[segment.start : segment.end]) == (1, "Ada Lovelace")


def test_an_unanswerable_question_has_the_larger_null(model: Generator, reader: Reader) -> None:
    readings = [
        reader.read("What did it cost?", [Passage(OTHER)]),
        reader.read("Who met Babbage?", [Passage(OTHER), Passage(TEXT)]),
    ]
    without, with_answer = decode(model, reader, [Task(r, GREEDY) for r in readings])
    assert without.outlook.null_log_odds > 0 > with_answer.outlook.null_log_odds


def test_the_same_seed_samples_the_same_answer(model: Generator, reader: Reader) -> None:
    hot = [
        say(model, reader, "Who met Babbage?", GenerationSettings(2.0, seed)) for seed in (3, 3, 4, 5, 6, 7)
    ]
    assert hot[0] == hot[1]
    assert len(set(hot)) > 1


def test_written_words_are_spelled_as_a_sentence(model: Generator, reader: Reader) -> None:
    from rag.generator.actions import Action

    ids = reader.pieces(["it works , un ##believably ( 42 ) ."])[0].ids
    reading = reader.read("Does it?", [Passage(TEXT)])
    composed = compose([Action((i,)) for i in ids], reading, reader)
    assert composed.text.startswith("It works, un")


def test_a_checkpoint_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="rag train"):
        checkpoint.load(tmp_path)


def test_a_checkpoint_of_another_configuration_is_refused() -> None:
    with pytest.raises(CheckpointError, match="surplus"):
        GeneratorConfig.from_dict({**GeneratorConfig().to_dict(), "surplus": 1})


def test_a_configuration_from_before_sentences_is_read() -> None:
    values = GeneratorConfig().to_dict()
    del values["sentence_start"]
    assert GeneratorConfig.from_dict(values).sentence_start is None


def test_a_start_for_sentences_that_is_no_word_piece_is_refused() -> None:
    with pytest.raises(CheckpointError, match="sentence_start is 99999"):
        GeneratorConfig.from_dict({**GeneratorConfig().to_dict(), "sentence_start": 99999})


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint.write_description(tmp_path, {"config": GeneratorConfig().to_dict()})
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        checkpoint.load(tmp_path)
