import pytest

from rag.query.spelling import Correction, correct


class Vocabulary:
    """The words of one small text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def has_words(self) -> bool:
        return True

    def knows(self, word: str) -> bool:
        return word.lower() in self._text.lower().split()

    def texts_like(self, word: str, distance: int) -> list[str]:
        return [self._text]


def test_a_question_word_that_a_small_corpus_lacks_is_left_alone() -> None:
    corrected = correct("What is the leave?", Vocabulary("that is the leave"))
    assert (corrected.query, corrected.corrections) == ("What is the leave?", ())


def test_a_misspelt_word_is_spelt_as_the_corpus_spells_it() -> None:
    corrected = correct("What about parentel leave?", Vocabulary("parental leave about"))
    assert corrected.corrections == (Correction("parentel", "parental"),)
    assert corrected.query == "What about parental leave?"


@pytest.mark.parametrize("question", ["Who sent it?", "Will the weather hold?", "Is there a Slack channel?"])
def test_an_english_word_that_the_corpus_lacks_is_no_slip_of_another(question: str) -> None:
    corrected = correct(question, Vocabulary("set heather lack will hold channel there"))
    assert (corrected.query, corrected.corrections) == (question, ())


@pytest.mark.parametrize(
    ("asked", "stored"),
    [("license", "licence"), ("organisation", "organization"), ("colours", "colors"), ("centre", "center")],
)
def test_an_english_word_is_spelt_as_the_corpus_does_on_its_side_of_the_atlantic(
    asked: str, stored: str
) -> None:
    assert correct(f"the {asked}", Vocabulary(f"the {stored}")).query == f"the {stored}"
