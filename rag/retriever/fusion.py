"""Several rankings of the same chunks made into one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from store.index.ranking import Ranking, nothing, rank

DECIMALS = 7


class Fusion(StrEnum):
    """How the rankings of a hybrid search become one."""

    RRF = "rrf"
    WEIGHTED = "weighted"


def reciprocal_rank(rankings: Sequence[Ranking], k: int = 60) -> Ranking:
    """Fuse by ranks alone: RRF(d) = sum over r of 1 / (k + r(d)), ranks counted from 1.

    Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank
    learning methods", whose k of 60 is the default. A ranking without d adds nothing.
    """
    fused: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for r, chunk_id in enumerate(ranking.ids.tolist(), start=1):
            fused[chunk_id] += 1 / (k + r)
    return _ranked(fused)


def hybrid(keyword: Ranking, vector: Ranking, weights: Sequence[float]) -> Ranking:
    """Fuse a BM25 and a cosine ranking by scores, with a weight each.

    A text without any of the words has a BM25 score of 0, so keyword scores are scaled from there: the last
    of the candidates still matches. A cosine has no such zero; the last candidate takes its place.
    """
    return min_max_weighted([keyword, vector], weights, floors=(0.0, np.inf))


def min_max_weighted(
    rankings: Sequence[Ranking], weights: Sequence[float], floors: Sequence[float] | None = None
) -> Ranking:
    """Fuse by scores: f(d) = sum over i of w_i (s_i(d) - min s_i) / (max s_i - min s_i).

    Bruch, Gai and Ingber 2023, "An analysis of fusion functions for hybrid retrieval" (arXiv 2210.11934),
    equation 4. A ranking without d adds nothing; one whose scores are all equal counts them as 1.

    Args:
        rankings: of the same chunks.
        weights: one for each.
        floors: for each ranking the score that counts as 0 if it is below the least; None takes the least.

    Raises:
        ValueError: there is not one weight per ranking, or a weight is negative.
    """
    if len(weights) != len(rankings) or min(weights, default=0.0) < 0:
        raise ValueError(
            f"{len(rankings)} rankings have weights {list(weights)}; give each one, not negative"
        )
    parts = zip(rankings, weights, floors or [np.inf] * len(rankings), strict=True)
    found = [(ranking.ids, w * min_max(ranking.scores, floor)) for ranking, w, floor in parts if len(ranking)]
    if not found:
        return nothing()
    ids, places = np.unique(np.concatenate([ids for ids, _ in found]), return_inverse=True)
    fused = np.zeros(len(ids))
    np.add.at(fused, places, np.concatenate([values for _, values in found]))
    return rank(ids, fused, len(ids), DECIMALS)


def min_max(scores: NDArray[np.floating], floor: float = np.inf) -> NDArray[np.float64]:
    """Scale scores, at least one, to between 0 and 1; where all are equal, and to the floor, they become 1.

    The least score becomes 0, or `floor` if that is below it.
    """
    s = scores.astype(np.float64)
    least = min(s.min(), floor)
    spread = s.max() - least
    return (s - least) / spread if spread > 0 else np.ones_like(s)


def _ranked(fused: Mapping[int, float]) -> Ranking:
    ids = np.array(list(fused), dtype=np.int64)
    return rank(ids, np.array(list(fused.values()), dtype=np.float64), len(ids), DECIMALS)
