"""Measures of answers and of rankings. Exact match and F1 are SQuAD's (Rajpurkar et al. 2016)."""

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ARTICLES = re.compile(r"\b(a|an|the)\b")
WORD = re.compile(r"\w+")
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


def rouge_l(predicted: str, expected: str) -> float:
    """ROUGE-L (Lin 2004): F1 of the longest common subsequence of lower-cased words, without stemming."""
    p, e = WORD.findall(predicted.lower()), WORD.findall(expected.lower())
    if not p or not e:
        return float(p == e)
    common = longest_common_subsequence(p, e)
    return 2 * common / (len(p) + len(e))


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Its length, in time |b| · |a| / 64: a row of the table is one integer (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << i
    full = (1 << len(a)) - 1
    row = full  # bit i is 0 where the table's row rises from column i to i + 1
    for word in b:
        stays = row & places.get(word, 0)
        row = ((row + stays) | (row - stays)) & full
    return len(a) - row.bit_count()


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


def percentile(values: Sequence[float] | NDArray[np.float64], q: float) -> float:
    """The q-th percentile; 0.0 of nothing."""
    return float(np.percentile(values, q)) if len(values) else 0.0
