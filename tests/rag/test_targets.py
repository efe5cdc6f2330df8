import random
from dataclasses import replace

from rag.encoder import minilm_directory
from rag.generator.passages import CLS, Passage, Reader
from rag.training.data import Answer, Example
from rag.training.targets import make_target, make_targets
from tests.rag.conftest import TINY

PASSAGE = "The tower was finished in 1889 by Gustave Eiffel's company."


def example(answers: tuple[Answer, ...], gold: int | None = 0, full: str | None = None) -> Example:
    return Example("1", "test", "Who finished it?", (Passage(PASSAGE),), gold, answers, full)


def test_a_span_answer_is_one_copy_of_whole_words(reader: Reader) -> None:
    target = make_target(
        example((Answer("ustave Eiffel", PASSAGE.index("ustave")),)), reader, random.Random(0)
    )
    assert target is not None
    (arc,) = target.arcs
    _, start, end = target.reading.characters(arc.window, arc.first, arc.last)
    assert PASSAGE[start:end] == "Gustave Eiffel"
    assert (arc.begin, arc.end, target.may_write) == (0, len(target.ids), False)


def test_an_unanswerable_question_has_no_pieces(reader: Reader) -> None:
    target = make_target(example((), gold=None), reader, random.Random(0))
    assert target is not None
    assert (target.ids, target.arcs, target.relevant) == ((), (), (False,))


def test_a_sentence_is_cut_into_the_longest_copies_of_whole_words(reader: Reader) -> None:
    target = make_target(
        example((), full="Gustave Eiffel finished the tower in 1889."), reader, random.Random(0)
    )
    assert target is not None and target.may_write
    copies = set()
    for arc in target.arcs:
        passage, start, end = target.reading.characters(arc.window, arc.first, arc.last)
        copies.add((target.reading.question if passage < 0 else PASSAGE)[start:end])
    assert {"Gustave Eiffel", "The tower", "in 1889", "finished"} <= copies


def test_an_answer_longer_than_a_copy_may_be_is_left_out(reader: Reader) -> None:
    text = " ".join(f"w{n}" for n in range(40))
    long = Example("1", "test", "What?", (Passage(text),), 0, (Answer(text, 0),), None)
    assert make_target(long, reader, random.Random(0)) is None


def sentence_reader() -> Reader:
    return Reader(minilm_directory() / "tokenizer.json", replace(TINY, sentence_start=1))


def test_a_model_with_a_start_for_sentences_learns_the_short_and_the_full_answer() -> None:
    span = (Answer("Gustave Eiffel", PASSAGE.index("Gustave")),)
    short, full = make_targets(example(span, full="Gustave Eiffel did."), sentence_reader(), random.Random(0))
    assert short is not None and (short.start, short.may_write) == (CLS, False)
    assert full is not None and (full.start, full.may_write) == (1, True)


def test_an_example_without_a_short_answer_teaches_the_sentence_alone() -> None:
    (target,) = make_targets(example((), full="Gustave Eiffel did."), sentence_reader(), random.Random(0))
    assert target is not None and target.start == 1


def test_a_model_without_a_start_for_sentences_learns_one_answer(reader: Reader) -> None:
    span = (Answer("Gustave Eiffel", PASSAGE.index("Gustave")),)
    (target,) = make_targets(example(span, full="Gustave Eiffel did."), reader, random.Random(0))
    assert target is not None and (target.start, target.may_write) == (CLS, False)
