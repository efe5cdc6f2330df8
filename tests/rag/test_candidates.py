import random

import pytest

from rag.generator.words import sentence_spans
from rag.training.candidates import CLAUSE, NAME, NUMBER, PHRASE, find, propose

TEXT = (
    "The mill at Oxwell was bought by Hannah Reeve on 4 May 1862 for 1,200 pounds. "
    "She closed it in order to build a larger bakery, which fed 300 people in the northern villages. "
    "Her brother Tom sold the old machines because the river had changed its course."
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (NAME, {"Oxwell", "Hannah Reeve", "Tom"}),
        (NUMBER, {"4 May 1862", "1,200 pounds", "300 people"}),
        (PHRASE, {"larger bakery", "northern villages", "old machines"}),
        (CLAUSE, {"in order to build a larger bakery", "the river had changed its course"}),
    ],
)
def test_spans_of_each_kind_are_found(kind: str, expected: set[str]) -> None:
    found = find(kind, TEXT, sentence_spans(TEXT))
    assert expected <= {a.text for a in found}
    assert all(TEXT[a.start : a.start + len(a.text)] == a.text for a in found)


def test_a_capital_that_begins_a_sentence_is_no_name() -> None:
    assert not find(NAME, "Rivers flow. Mills grind.", [(0, 12), (13, 25)])


def test_answers_are_of_different_sentences() -> None:
    for seed in range(20):
        answers = propose(TEXT, 3, random.Random(seed))
        ends = [end for _, end in sentence_spans(TEXT)]
        assert 1 <= len(answers) == len({sum(a.start >= end for end in ends) for a in answers})


def test_text_without_candidates_has_none() -> None:
    assert propose("and so it goes.", 3, random.Random(1)) == []
