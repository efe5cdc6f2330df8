import random

from rag.generator.passages import Passage, Reader
from rag.training.data import Answer, Example
from rag.training.targets import make_target

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
