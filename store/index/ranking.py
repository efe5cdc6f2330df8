"""The result of one search of one index."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_TIED = 10_000
"""How many results are fetched at most to settle ties; beyond it, the engine's order decides at the cut."""


@dataclass(frozen=True)
class Ranking:
    """Ids with their scores, best first, equal scores by ascending id.

    `ids` is `(n,) int64`, `scores` is `(n,) float32`; no id is negative and none comes twice.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def nothing() -> Ranking:
    """Return the ranking of a search that found nothing."""
    return Ranking(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def rank(ids: NDArray[np.int64], scores: NDArray[np.floating], k: int, decimals: int) -> Ranking:
    """Return the `k` best, equal scores by ascending id.

    Args:
        ids: `(n,)`.
        scores: `(n,)`, higher is better.
        k: how many to keep at most.
        decimals: scores are rounded to so many, because the order in which an engine adds up floats
            differs from segment to segment and must not decide between equals.
    """
    rounded = np.round(scores.astype(np.float64), decimals)
    order = np.lexsort((ids, -rounded))[:k]
    return Ranking(ids[order].astype(np.int64), rounded[order].astype(np.float32))


def check_k(k: int) -> None:
    """Raise ValueError if `k` is less than 1."""
    if k < 1:
        raise ValueError(f"k is {k}; ask for at least 1 result")


def settle(fetch: Callable[[int], Ranking], k: int) -> Ranking:
    """Return the `k` best such that ties at the cut are decided by id, not by how the engine stores them.

    Args:
        fetch: given a limit, returns the best results up to that number.
        k: how many are wanted.

    Raises:
        ValueError: `k` is less than 1.
    """
    check_k(k)
    limit = k + 1
    while True:
        found = fetch(limit)
        complete = len(found) < limit
        if complete or found.scores[k - 1] > found.scores[-1] or limit >= MAX_TIED:
            return Ranking(found.ids[:k], found.scores[:k])
        limit = min(limit * 4, max(MAX_TIED, k + 1))
