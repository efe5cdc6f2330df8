"""How well a probability tells when to answer: curves, thresholds, calibration.

A threshold t answers every question whose answerable probability is at least t and abstains on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIGHT_F1 = 0.5
"""An answer to an answerable question counts as right from this F1 on, where right or wrong is asked."""
BINS = 15

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class BestF1:
    """Mean F1, 0–100, over all questions at the threshold that makes it highest."""

    f1: float
    threshold: float
    """Above every probability where abstaining always is best."""


@dataclass(frozen=True)
class RiskCoverage:
    """Answering the surest questions first: one entry for each different probability, falling."""

    thresholds: Floats
    coverage: Floats
    """Share of all questions that are answered."""
    risk: Floats
    """Share of wrong answers among them."""

    def at_risk(self, most: float) -> "OperatingPoint | None":
        """The point with the largest coverage whose risk is at most `most`; None where there is none."""
        allowed = np.flatnonzero(self.risk <= most)
        if not len(allowed):
            return None
        i = allowed[-1]
        return OperatingPoint(float(self.thresholds[i]), float(self.coverage[i]), float(self.risk[i]))

    def area(self) -> float:
        """Mean risk over the coverages, 0 at best (El-Yaniv and Wiener 2010 give the curve)."""
        steps = np.diff(self.coverage, prepend=0.0)
        return float((self.risk * steps).sum())


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, and what answering above it means."""

    threshold: float
    coverage: float
    risk: float


@dataclass(frozen=True)
class Bin:
    """Questions of similar probability: their mean, and how many of them do have an answer."""

    n: int
    probability: float
    share: float


def best_f1(answerable: Bools, f1: Floats, probability: Floats) -> BestF1:
    """SQuAD 2.0's F1 over all questions at the best threshold (Rajpurkar et al. 2018).

    An abstention scores 1 where there is no answer and 0 where there is one; an answer to a question
    without one scores 0. Questions of the same probability are answered together, or none of them is.
    """
    n = len(answerable)
    if n == 0:
        return BestF1(0.0, 0.0)
    order = np.argsort(-probability, kind="stable")
    gains = np.where(answerable, f1, -1.0)[order]
    totals = float((~answerable).sum()) + np.concatenate([[0.0], gains.cumsum()])
    sorted_p = probability[order]
    allowed = np.concatenate([[True], _last_of_equals(sorted_p)])
    best = int(np.where(allowed, totals, -np.inf).argmax())
    threshold = float(sorted_p[best - 1]) if best else float(np.nextafter(sorted_p[0], np.inf))
    return BestF1(100 * float(totals[best]) / n, threshold)


def wrong_answers(answerable: Bools, f1: Floats) -> Bools:
    """What would be wrong if it were answered: questions without an answer, and answers under RIGHT_F1."""
    return ~answerable | (f1 < RIGHT_F1)


def risk_coverage(wrong: Bools, probability: Floats) -> RiskCoverage:
    """Return the risk at every coverage that a threshold can have."""
    order = np.argsort(-probability, kind="stable")
    sorted_p = probability[order]
    keep = _last_of_equals(sorted_p)
    answered = np.arange(1, len(order) + 1)
    risk = wrong[order].cumsum() / answered
    return RiskCoverage(sorted_p[keep], (answered / max(1, len(order)))[keep], risk[keep])


def _last_of_equals(values: Floats) -> Bools:
    """Where the next value of a sorted array differs, and at its end."""
    return np.append(values[1:] != values[:-1], True)[: len(values)]


def area_under_curve(labels: Bools, scores: Floats) -> float | None:
    """Probability that a positive scores above a negative, ties counting half; None with one class only."""
    from scipy.stats import rankdata

    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    rank_sum = float(rankdata(scores)[labels].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def brier_score(labels: Bools, probability: Floats) -> float:
    """Mean squared distance of the probability from what was the case (Brier 1950)."""
    return float(((probability - labels) ** 2).mean()) if len(labels) else 0.0


def calibration_bins(labels: Bools, probability: Floats, bins: int = BINS) -> list[Bin]:
    """Cut the questions, sorted by probability, into bins of equally many (Nguyen and O'Connor 2015)."""
    order = np.argsort(probability, kind="stable")
    parts: Sequence[NDArray[np.intp]] = np.array_split(order, max(1, min(bins, len(order))))
    return [Bin(len(i), float(probability[i].mean()), float(labels[i].mean())) for i in parts if len(i)]


def calibration_error(labels: Bools, probability: Floats, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass: mean distance of probability and share."""
    parts = calibration_bins(labels, probability, bins)
    total = sum(b.n for b in parts)
    return sum(b.n * abs(b.probability - b.share) for b in parts) / total if total else 0.0
