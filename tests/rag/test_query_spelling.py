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
