import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.metrics import (
    exact_match,
    hit,
    longest_common_subsequence,
    ndcg,
    recall,
    rouge_l,
    token_f1,
)


def test_exact_match_ignores_case_articles_and_punctuation() -> None:
    assert exact_match("the Moon.", "Moon") == 1.0
    assert exact_match("Moons", "Moon") == 0.0


def test_f1_is_over_words() -> None:
    # 2 of 3 predicted words are right, 2 of 2 expected ones are found: 2 · (2/3 · 1) / (2/3 + 1)
    assert token_f1("in July 1969", "July 1969") == pytest.approx(0.8)


def test_rouge_l_is_over_the_longest_common_subsequence() -> None:
    # "the cat … on … mat" of 6 words each: 2 · 4 / 12
    assert rouge_l("The cat sat on the mat.", "the cat lay on a mat") == pytest.approx(2 / 3)
    assert rouge_l("", "a word") == 0.0


@given(st.lists(st.sampled_from("abc"), max_size=80), st.lists(st.sampled_from("abc"), max_size=80))
def test_longest_common_subsequence_is_that_of_the_table(a: list[str], b: list[str]) -> None:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    assert longest_common_subsequence(a, b) == table[-1][-1]


def test_ndcg_by_hand() -> None:
    # gains 0 and 2 at ranks 1 and 2 (2 / log2 3), ideal 2 / 1 + 1 / log2 3
    assert ndcg(["x", "a"], {"a": 2, "b": 1}) == pytest.approx(1.2618595 / 2.6309297)


def test_recall_and_hit_count_relevant_documents_only() -> None:
    grades = {"a": 1.0, "b": 2.0, "c": 0.0}
    assert recall(["c", "a"], grades) == 0.5
    assert (hit(["c", "a"], grades, 1), hit(["c", "a"], grades, 2)) == (0.0, 1.0)
