import numpy as np
import pytest

from rag.evaluation.abstention import (
    area_under_curve,
    best_f1,
    brier_score,
    calibration_bins,
    calibration_error,
    risk_coverage,
    wrong_answers,
)

YES, NO = True, False


def best(answerable: list[bool], f1: list[float], probability: list[float]) -> tuple[float, float]:
    found = best_f1(np.array(answerable), np.array(f1), np.array(probability))
    return found.f1, found.threshold


def test_best_f1_finds_the_threshold_between_right_and_wrong() -> None:
    assert best([YES, YES, NO], [1.0, 0.5, 0.0], [0.9, 0.6, 0.3]) == (pytest.approx(100 * 2.5 / 3), 0.6)


def test_best_f1_of_abstaining_on_all() -> None:
    f1, threshold = best([YES, NO, NO], [0.1, 0, 0], [0.2, 0.9, 0.8])
    assert f1 == pytest.approx(100 * 2 / 3) and threshold > 0.9


def test_best_f1_does_not_part_equal_probabilities() -> None:
    # Answering the first alone would score 2, but no threshold can do that: all (1 − 1) or none (1).
    assert best([YES, NO], [1.0, 0.0], [0.5, 0.5])[0] == pytest.approx(50.0)


def test_area_under_curve_counts_ties_half() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    assert area_under_curve(np.array([YES, YES, NO, NO]), scores) == pytest.approx(3.5 / 4)
    assert area_under_curve(np.array([YES, YES]), scores[:2]) is None


def test_wrong_is_an_answer_without_one_or_under_half_right() -> None:
    wrong = wrong_answers(np.array([YES, YES, NO]), np.array([0.5, 0.4, 1.0]))
    assert wrong.tolist() == [False, True, True]


def test_risk_over_coverage_by_hand() -> None:
    wrong = np.array([NO, YES, NO, NO])
    curve = risk_coverage(wrong, np.array([0.9, 0.7, 0.7, 0.2]))
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.2]
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 1 / 4])
    assert curve.area() == pytest.approx(0.5 / 3 + 0.25 / 4)


def test_the_operating_point_answers_as_many_as_the_risk_allows() -> None:
    curve = risk_coverage(np.array([NO, YES, NO, NO]), np.array([0.9, 0.7, 0.6, 0.2]))
    point = curve.at_risk(0.3)
    assert point is not None and (point.threshold, point.coverage, point.risk) == (0.2, 1.0, 0.25)
    point = curve.at_risk(0.1)
    assert point is not None and (point.threshold, point.coverage) == (0.9, 0.25)
    assert risk_coverage(np.array([YES]), np.array([0.9])).at_risk(0.5) is None


def test_brier_score_and_calibration_error_by_hand() -> None:
    labels, probability = np.array([NO, YES, YES, YES]), np.array([0.2, 0.4, 0.8, 1.0])
    assert brier_score(labels, probability) == pytest.approx((0.04 + 0.36 + 0.04 + 0) / 4)
    bins = calibration_bins(labels, probability, bins=2)
    assert [(b.n, b.probability, b.share) for b in bins] == [
        (2, pytest.approx(0.3), 0.5),
        (2, pytest.approx(0.9), 1.0),
    ]
    assert calibration_error(labels, probability, bins=2) == pytest.approx((0.2 + 0.1) / 2)


def test_calibration_bins_hold_equally_many() -> None:
    probability = np.array([0.01, 0.02, 0.03, 0.9, 0.91, 0.92])
    assert [b.n for b in calibration_bins(probability > 0.5, probability, bins=3)] == [2, 2, 2]
