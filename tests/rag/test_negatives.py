import random

from rag.generator.passages import Passage
from rag.training.data import Answer, Example
from rag.training.negatives import add_negatives, turned_question, without_answer

BRIDGE = (
    "The old bridge over the Drava was finished in 1804 by a builder of Graz. For many years it carried "
    "carts, cattle and, later, a tramway to the market. A flood took it away in spring. Its stones were "
    "used again for the new mill below the town."
)


def example(question: str, answer: str, text: str = BRIDGE) -> Example:
    return Example("1", "t", question, (Passage(text),), 0, (Answer(answer, text.index(answer)),), None)


def test_a_year_is_exchanged_for_one_that_the_passage_lacks() -> None:
    asked = example("Who made the bridge in 1804?", "a builder of Graz")
    turned = turned_question(asked, {("*", "year"): {"1804", "1840", "1911"}}, random.Random(1))
    assert turned == "Who made the bridge in 1840?"


def test_a_word_is_exchanged_for_its_opposite() -> None:
    asked = example("what stood before the flood?", "old bridge")
    assert turned_question(asked, {}, random.Random(1)) == "what stood after the flood?"


def test_a_question_without_anything_to_exchange_is_left_out() -> None:
    asked = example("what took it away?", "A flood")
    assert turned_question(asked, {("*", "year"): {"1840"}}, random.Random(1)) is None


def test_the_sentence_with_the_answer_is_taken_out() -> None:
    cut = without_answer(example("When was it finished?", "1804"))
    assert cut is not None and cut.text.startswith("For many years") and "1804" not in cut.text


def test_a_passage_of_which_nothing_is_left_is_not_cut() -> None:
    assert without_answer(example("When?", "1804", "It was finished in 1804.")) is None


def test_negatives_are_synthetic_and_have_no_answer() -> None:
    asked = example("Who made the bridge in 1804?", "a builder of Graz")
    other = example("When was the mill built?", "1911", "In those days, in May 1911 the mill was built.")
    made = add_negatives([asked, other], 1.0, 1.0, random.Random(1))
    assert {e.id for e in made} == {"1#turned", "1#cut"}
    assert all(e.synthetic and not e.answerable and not e.answers for e in made)
