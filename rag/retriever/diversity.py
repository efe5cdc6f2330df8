"""Hits that say the same folded into one, and the others chosen to differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag.retriever.fusion import min_max
from rag.retriever.hits import Hit
from store.types import Float16Vector

NEAR_IDENTICAL = 0.95
"""The cosine from which on two chunks count as the same text."""


def diversify(
    hits: Sequence[Hit], vectors: Mapping[int, Float16Vector], top_k: int, diversity: float
) -> list[Hit]:
    """Choose `top_k` hits by maximal marginal relevance; near-identical ones are folded into the first.

    Each next hit has the largest (1 - diversity) * relevance - diversity * (cosine to the most similar hit
    chosen before), Carbonell and Goldstein 1998. Relevance is the score that ordered the hits, scaled to
    0 … 1.

    Args:
        hits: candidates, best first.
        vectors: of the candidates' chunks; candidates without one are left out.
        top_k: how many to choose at most.
        diversity: above 0, up to 1.
    """
    candidates = [hit for hit in hits if hit.chunk.id in vectors]
    if not candidates:
        return []
    matrix = np.stack([vectors[hit.chunk.id] for hit in candidates]).astype(np.float32)  # (n, dimension)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    relevance = min_max(_order_scores(candidates))
    cosines = matrix @ matrix.T  # (n, n)
    nearest = np.zeros(len(candidates))
    waiting = np.ones(len(candidates), dtype=bool)
    chosen: list[Hit] = []
    while waiting.any() and len(chosen) < top_k:
        marginal = (1 - diversity) * relevance - diversity * nearest
        best = int(np.argmax(np.where(waiting, marginal, -np.inf)))
        waiting[best] = False
        same = np.flatnonzero(waiting & (cosines[best] >= NEAR_IDENTICAL))
        waiting[same] = False
        chosen.append(replace(candidates[best], folded=tuple(candidates[i].chunk.id for i in same)))
        nearest = np.maximum(nearest, cosines[best])
    return chosen


def _order_scores(hits: Sequence[Hit]) -> NDArray[np.float64]:
    """What the hits were ordered by; where some were reranked the others count as least relevant."""
    if any(hit.final is not None for hit in hits):
        return np.array([hit.final or 0.0 for hit in hits])
    return np.array([hit.fused for hit in hits])
