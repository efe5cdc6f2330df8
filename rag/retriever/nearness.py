"""Reranked hits moved towards what the best of them are about.

What is relevant to a query lies together more often than what is not, so a hit near the best ones gains:
feedback from what was found instead of from a person (Rocchio 1971), over the reranked hits alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag.retriever.fusion import min_max
from rag.retriever.rerank import Placed

LEADERS = 3
"""From how many of the best hits it is told what the others should be about."""


def gather(placed: Sequence[Placed], vectors: NDArray[np.float32], weight: float) -> list[Placed]:
    """Order hits again: by their score, plus weight times how near they are to the mean of the best.

    The mean is weighted by the scores; nearness is scaled to between 0 and 1.

    Args:
        placed: hits, best first.
        vectors: `(n, d)`, unit length, of the hit with each number; zeros where there is none.
        weight: of the nearness; 0 changes nothing.
    """
    if not placed or not weight:
        return list(placed)
    final = np.array([p.final for p in placed])
    rows = vectors[[p.number for p in placed]]  # (n, d)
    centre = np.maximum(final[:LEADERS], 0) @ rows[:LEADERS]  # (d,)
    near = min_max(rows @ centre)
    total = final + weight * near
    return [
        replace(placed[i], final=float(total[i]), nearness=float(near[i]))
        for i in np.argsort(-total, kind="stable").tolist()
    ]
