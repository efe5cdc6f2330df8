"""Exact search for many queries at once by a matrix product in bfloat16, where the processor has it.

The product tells, within a bound, which rows can be among the nearest; those are scored again in float32.
A product of two vectors in bfloat16 is wrong by at most `ERROR` times their lengths, so no row is missed.
"""

import time
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

MIN_QUERIES = 64
"""From so many queries on it can be worth it."""
ROWS_PER_BLOCK = 32_768
PAIRS_PER_BLOCK = 65_536
UNIT = 2.0**-8
"""Half the distance from 1 to the next number of bfloat16."""
ERROR = 2 * UNIT + UNIT**2 + UNIT * (1 + 2 * UNIT) + 2.0**-12
"""Both factors are rounded, the sum is, and additions in float32 err a little."""
TRIAL_ROWS = 2 * ROWS_PER_BLOCK


def is_supported() -> bool:
    """Tell whether this processor multiplies matrices in bfloat16."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_faster(rows: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> bool:
    """Tell whether this is faster than FAISS here, measured on some of the rows."""
    trial = np.ascontiguousarray(rows[:TRIAL_ROWS])
    flat: Any = faiss.IndexFlatIP(rows.shape[1])
    flat.add(trial)
    times = []
    for search in (nearest, lambda _, queries, k: flat.search(queries, k)):
        search(trial, queries, k)
        began = time.perf_counter()
        search(trial, queries, k)
        times.append(time.perf_counter() - began)
    return times[0] < times[1]


def nearest(
    rows: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the scores and the numbers of the `k` rows with the largest inner products, `(q, k)` each.

    Args:
        rows: `(n, d)`, n at least k.
        queries: `(q, d)`.
        k: how many rows for each query.
    """
    import torch

    first = rows[: max(k, ROWS_PER_BLOCK)]
    wrapped: Any = faiss
    scores, numbers = wrapped.knn(
        queries, np.ascontiguousarray(first), k, metric=faiss.METRIC_INNER_PRODUCT
    )  # (q, k) each
    best = _Best(queries, k, scores, numbers)
    rough = torch.from_numpy(queries).bfloat16()
    lengths = np.linalg.norm(queries, axis=1)
    for begin in range(len(first), len(rows), ROWS_PER_BLOCK):
        block = np.ascontiguousarray(rows[begin : begin + ROWS_PER_BLOCK])
        slack = ERROR * lengths * float(np.sqrt(np.einsum("nd,nd->n", block, block).max()))
        least = torch.from_numpy((best.least - slack).astype(np.float32))
        products = rough @ torch.from_numpy(block).bfloat16().T  # (q, b)
        pairs = (products.float() >= least[:, None]).nonzero().numpy()
        best.add(block, begin, pairs)
    return best.scores, best.numbers


class _Best:
    """The nearest rows of each query so far."""

    def __init__(
        self, queries: NDArray[np.float32], k: int, scores: NDArray[np.float32], numbers: NDArray[np.int64]
    ) -> None:
        self._queries = queries
        self._k = k
        self.scores = scores  # (q, k), best first
        self.numbers = numbers

    @property
    def least(self) -> NDArray[np.float32]:
        """The score that a row needs to be among the nearest of each query."""
        return self.scores[:, -1]

    def add(self, block: NDArray[np.float32], begin: int, pairs: NDArray[np.int64]) -> None:
        """Take over rows that are nearer: `pairs` are `(p, 2)`, query and row of the block."""
        if not len(pairs):
            return
        new = np.concatenate([
            np.einsum("pd,pd->p", self._queries[part[:, 0]], block[part[:, 1]])
            for part in np.split(pairs, range(PAIRS_PER_BLOCK, len(pairs), PAIRS_PER_BLOCK))
        ])  # fmt: skip
        count = len(self._queries)
        of = np.concatenate([np.repeat(np.arange(count), self._k), pairs[:, 0]])
        scores = np.concatenate([self.scores.ravel(), new])
        numbers = np.concatenate([self.numbers.ravel(), pairs[:, 1] + begin])
        order = np.lexsort((numbers, -scores, of))
        starts = np.searchsorted(of[order], np.arange(count))
        kept = order[(starts[:, None] + np.arange(self._k)).ravel()]
        self.scores = scores[kept].reshape(count, self._k)
        self.numbers = numbers[kept].reshape(count, self._k)
