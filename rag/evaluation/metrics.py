"""Measures of answers and of rankings. Exact match and F1 are SQuAD's (Rajpurkar et al. 2016, 2018)."""

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower-case, without punctuation, articles and extra spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(predicted: str, expected: str) -> float:
    """1.0 where both are the same after normalisation, else 0.0."""
    return float(normalise_answer(predicted) == normalise_answer(expected))


def token_f1(predicted: str, expected: str) -> float:
    """Harmonic mean of precision and recall of words; two empty answers agree."""
    p, e = normalise_answer(predicted).split(), normalise_answer(expected).split()
    if not p or not e:
        return float(p == e)
    common = sum((Counter(p) & Counter(e)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(p), common / len(e)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class Judged:
    """One answered question, judged: best over its expected answers, and how sure the system was."""

    answerable: bool
    exact: float
    f1: float
    answerable_probability: float


def best_f1(judged: Sequence[Judged]) -> float:
    """Mean F1 (0–100) over all questions at the best abstention threshold, as SQuAD 2.0 reports it.

    An abstention scores 1 where there is no answer and 0 where there is one; an answer to a question
    without one scores 0.
    """
    if not judged:
        return 0.0
    score = float(sum(not j.answerable for j in judged))  # abstaining on all
    best = score
    for j in sorted(judged, key=lambda j: -j.answerable_probability):
        score += j.f1 if j.answerable else -1.0
        best = max(best, score)
    return 100.0 * best / len(judged)


def area_under_curve(labels: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Probability that a positive scores above a negative, ties counting half; None with one class only."""
    from scipy.stats import rankdata

    positives = sum(labels)
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks: NDArray[np.float64] = rankdata(scores)
    rank_sum = float(ranks[np.asarray(labels)].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), linear gains as in trec_eval."""
    gains = [grades.get(i, 0.0) for i in ranked[:k]]
    ideal = sorted((g for g in grades.values() if g > 0), reverse=True)[:k]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(g / math.log2(rank + 2) for rank, g in enumerate(gains))


def recall(ranked: Sequence[str], grades: Mapping[str, float], k: int = 100) -> float:
    """Share of the relevant documents among the first k."""
    relevant = {i for i, g in grades.items() if g > 0}
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def hit(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """1.0 if a relevant document is among the first k, else 0.0."""
    return float(any(grades.get(i, 0.0) > 0 for i in ranked[:k]))


def percentile(values: Sequence[float], q: float) -> float:
    """The q-th percentile; 0.0 of nothing."""
    return float(np.percentile(values, q)) if values else 0.0
