"""Citation recall and precision on answers judged by hand."""

import pytest

from rag.citation import AnswerSentence
from rag.evaluation.support import CitationScores, CitedSpan, SupportTest
from rag.generator.passages import Passage

PASSAGES = [Passage("Foxes hunt hens. Owls hunt mice at night."), Passage("Elk eat grass.", "Moose")]


@pytest.fixture(scope="module")
def support() -> SupportTest:
    return SupportTest()


def cited(passage: int, quote: str, answer: str) -> CitedSpan:
    start = PASSAGES[passage].text.index(quote)
    return CitedSpan(passage, start, start + len(quote), quote, 0, len(answer))


def score(support: SupportTest, answer: str, *quotes: tuple[int, str]) -> CitationScores | None:
    sentence = AnswerSentence(answer, 0, len(answer), True, ())
    return support.score([sentence], [cited(p, q, answer) for p, q in quotes], PASSAGES)


def test_citations_that_are_all_needed_are_precise(support: SupportTest) -> None:
    found = score(support, "A fox hunts hens, and elk eat grass.", (0, "Foxes"), (1, "grass"))
    assert found == CitationScores(recall=1.0, precision=1.0, sentences=1)


def test_a_citation_that_adds_nothing_lowers_precision(support: SupportTest) -> None:
    found = score(support, "Foxes hunt hens.", (0, "hens"), (1, "Elk"))
    assert found == CitationScores(recall=1.0, precision=0.5, sentences=1)


def test_two_citations_of_one_sentence_count_once(support: SupportTest) -> None:
    found = score(support, "Foxes hunt hens.", (0, "Foxes"), (0, "hens"), (1, "Elk"))
    assert found == CitationScores(recall=1.0, precision=0.5, sentences=1)


def test_words_that_no_citation_has_are_not_supported(support: SupportTest) -> None:
    # "mice" stands in the passage, but not in the sentence that is cited.
    assert score(support, "Foxes hunt mice.", (0, "Foxes")) == CitationScores(0.0, 0.0, 1)
    assert score(support, "Foxes hunt hens.") == CitationScores(0.0, 0.0, 1)


def test_the_title_belongs_to_what_is_cited(support: SupportTest) -> None:
    assert score(support, "The moose eats grass.", (1, "grass")) == CitationScores(1.0, 1.0, 1)


def test_a_leading_verdict_is_set_aside_and_alone_is_not_judged(support: SupportTest) -> None:
    assert score(support, "Yes, elk eat grass.", (1, "Elk")) == CitationScores(1.0, 1.0, 1)
    assert score(support, "Yes.", (1, "Elk")) is None


def test_figures_are_means_over_sentences(support: SupportTest) -> None:
    answer = "Elk eat grass. Bears sleep."
    sentences = [AnswerSentence(answer[:14], 0, 14, True, ()), AnswerSentence(answer[15:], 15, 27, True, ())]
    citation = CitedSpan(1, 0, 3, "Elk", 0, 3)
    assert support.score(sentences, [citation], PASSAGES) == CitationScores(0.5, 1.0, 2)
