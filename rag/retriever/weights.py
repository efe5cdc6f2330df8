"""The weights of a corpus's retrieval learned from judged queries.

For each weight on a grid every query gets an nDCG@10. A weight is chosen by these; cross-validation says what
that is worth on queries that it was not chosen by, and only a gain there lets it stand.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.errors import DataError
from rag.evaluation.metrics import ndcg
from rag.retriever.fusion import hybrid
from rag.retriever.nearness import gather
from rag.retriever.rerank import DEPTH, mix
from rag.retriever.settings import KEYWORD_WEIGHT, NEARNESS_WEIGHT, RERANK_WEIGHT
from store.index.ranking import Ranking

KEYWORD_WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))
RERANK_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0)
NEARNESS_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5)
FOLDS = 5
MIN_QUERIES = 10


@dataclass(frozen=True)
class Candidates:
    """What both indexes found for a judged query."""

    keyword: Ranking
    vector: Ranking
    documents: Mapping[int, str]
    """The document, under the name that judgements use, of every chunk in the rankings."""
    grades: Mapping[str, float]


@dataclass(frozen=True)
class Learned:
    """A weight and what it is worth; nDCG@10 is a mean over the queries.

    `cross_validated` is of weights that were chosen without the queries which they were measured on.
    """

    weight: float
    usual_ndcg: float
    cross_validated_ndcg: float


def learn_keyword_weight(candidates: Sequence[Candidates], seed: int = 7) -> Learned:
    """Choose how much the keyword ranking counts in the weighted fusion.

    Raises:
        DataError: there are too few queries to learn from.
    """
    check_enough(len(candidates))
    table = [[_ndcg(c, fuse(c, w).ids.tolist()) for w in KEYWORD_WEIGHTS] for c in candidates]
    return choose(np.array(table), KEYWORD_WEIGHTS, KEYWORD_WEIGHT, seed)


def learn_rerank_weight(
    candidates: Sequence[Candidates],
    keyword_weight: float,
    relevance: Sequence[Sequence[float]],
    seed: int = 7,
) -> Learned:
    """Choose how much a reranker's relevance counts beside the fused score.

    Args:
        candidates: of each query.
        keyword_weight: of the fusion.
        relevance: for each query, of its `best` chunks.
        seed: of the folds.

    Raises:
        DataError: there are too few queries to learn from.
    """
    check_enough(len(candidates))
    table = []
    for c, read in zip(candidates, relevance, strict=True):
        fused = fuse(c, keyword_weight)
        ids, scores = fused.ids.tolist(), fused.scores[: len(read)].tolist()
        placed = [mix(scores, read, weight) for weight in RERANK_WEIGHTS]
        table.append([_ndcg(c, [ids[p.number] for p in order] + ids[len(read) :]) for order in placed])
    return choose(np.array(table), RERANK_WEIGHTS, RERANK_WEIGHT, seed)


def learn_nearness_weight(
    candidates: Sequence[Candidates],
    weights: tuple[float, float],
    relevance: Sequence[Sequence[float]],
    vectors: Sequence[NDArray[np.float32]],
    seed: int = 7,
) -> Learned:
    """Choose how much it counts how near a reranked hit is to the best ones.

    Args:
        candidates: of each query.
        weights: of the keywords in the fusion, and of the relevance.
        relevance: for each query, of its `best` chunks.
        vectors: for each query, of the same chunks, `(n, d)`.
        seed: of the folds.

    Raises:
        DataError: there are too few queries to learn from.
    """
    check_enough(len(candidates))
    keyword_weight, rerank_weight = weights
    table = []
    for c, read, rows in zip(candidates, relevance, vectors, strict=True):
        fused = fuse(c, keyword_weight)
        ids = fused.ids.tolist()
        placed = mix(fused.scores[: len(read)].tolist(), read, rerank_weight)
        orders = [gather(placed, rows, weight) for weight in NEARNESS_WEIGHTS]
        table.append([_ndcg(c, [ids[p.number] for p in order] + ids[len(read) :]) for order in orders])
    return choose(np.array(table), NEARNESS_WEIGHTS, NEARNESS_WEIGHT, seed)


def best(candidates: Candidates, keyword_weight: float) -> list[int]:
    """The chunks that a reranker would read, best first."""
    ids: list[int] = fuse(candidates, keyword_weight).ids[:DEPTH].tolist()
    return ids


def choose(scores: NDArray[np.float64], weights: Sequence[float], usual: float, seed: int) -> Learned:
    """Choose the weight whose scores are best, or the usual one where cross-validation sees no gain.

    Args:
        scores: of each query under each weight, `(queries, weights)`.
        weights: the grid; holds the usual one.
        usual: what is used without judgements.
        seed: of the folds.
    """
    at_usual = weights.index(usual)
    queries = list(range(len(scores)))
    random.Random(seed).shuffle(queries)
    held_out = np.zeros(len(scores))
    for fold in range(FOLDS):
        out = queries[fold::FOLDS]
        others = sorted(set(queries) - set(out))
        held_out[out] = scores[out, _best(scores[others], weights, usual)]
    gained = float(held_out.mean() - scores[:, at_usual].mean()) > 0
    chosen = _best(scores, weights, usual) if gained else at_usual
    return Learned(weights[chosen], float(scores[:, at_usual].mean()), float(held_out.mean()))


def _best(scores: NDArray[np.float64], weights: Sequence[float], usual: float) -> int:
    """The weight nearest to the usual one that is within a standard error of the best.

    For few queries say little. The standard error is that of the mean difference to the best, query by query.
    """
    best = int(scores.mean(axis=0).argmax())
    for at in sorted(range(len(weights)), key=lambda i: abs(weights[i] - usual)):
        gap = scores[:, best] - scores[:, at]
        if gap.mean() <= gap.std(ddof=1) / np.sqrt(len(gap)):
            return at
    return best


def check_enough(queries: int) -> None:
    """See that there are enough judged queries.

    Raises:
        DataError: there are not.
    """
    if queries < MIN_QUERIES:
        raise DataError(f"{queries} judged queries are too few to learn from: give at least {MIN_QUERIES}")


def fuse(candidates: Candidates, keyword_weight: float) -> Ranking:
    """Both rankings made one with this weight of the keywords."""
    return hybrid(candidates.keyword, candidates.vector, [keyword_weight, 1 - keyword_weight])


def _ndcg(candidates: Candidates, chunks: Sequence[int]) -> float:
    """A document stands where its best chunk does."""
    ranked = list(dict.fromkeys(candidates.documents[chunk] for chunk in chunks))
    return ndcg(ranked, candidates.grades, 10)
