import pytest

from rag.evaluation.metrics import (
    Judged,
    area_under_curve,
    best_f1,
    exact_match,
    hit,
    ndcg,
    recall,
    token_f1,
)


def test_exact_match_ignores_case_articles_and_punctuation() -> None:
    assert exact_match("the Moon.", "Moon") == 1.0
    assert exact_match("Moons", "Moon") == 0.0


def test_f1_is_over_words() -> None:
    # 2 of 3 predicted words are right, 2 of 2 expected ones are found: 2 · (2/3 · 1) / (2/3 + 1)
    assert token_f1("in July 1969", "July 1969") == pytest.approx(0.8)


def test_best_f1_finds_the_threshold_between_right_and_wrong() -> None:
    judged = [Judged(True, 1, 1.0, 0.9), Judged(True, 0, 0.5, 0.6), Judged(False, 0, 0.0, 0.3)]
    assert best_f1(judged) == pytest.approx(100 * 2.5 / 3)


def test_best_f1_of_abstaining_on_all() -> None:
    assert best_f1([Judged(True, 0, 0.1, 0.2), Judged(False, 0, 0, 0.9), Judged(False, 0, 0, 0.8)]) == (
        pytest.approx(100 * 2 / 3)
    )


def test_area_under_curve_counts_ties_half() -> None:
    assert area_under_curve([True, True, False, False], [0.9, 0.5, 0.5, 0.1]) == pytest.approx(3.5 / 4)
    assert area_under_curve([True, True], [0.1, 0.2]) is None


def test_ndcg_by_hand() -> None:
    # gains 0 and 2 at ranks 1 and 2 (2 / log2 3), ideal 2 / 1 + 1 / log2 3
    assert ndcg(["x", "a"], {"a": 2, "b": 1}) == pytest.approx(1.2618595 / 2.6309297)


def test_recall_and_hit_count_relevant_documents_only() -> None:
    grades = {"a": 1.0, "b": 2.0, "c": 0.0}
    assert recall(["c", "a"], grades) == 0.5
    assert (hit(["c", "a"], grades, 1), hit(["c", "a"], grades, 2)) == (0.0, 1.0)
