"""What a search finds."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from store.types import Chunk


@dataclass(frozen=True)
class Hit:
    """A chunk with its scores; None where an index did not have it among its candidates, or was not asked.

    `keyword` is BM25, `vector` the cosine, `fused` what both make together, `rerank` the reranker's
    relevance, `nearness` how near the chunk is to the best ones, and `final` what these make together with
    `fused`. The order comes from `final`, else from `fused`.
    `folded` are the ids of chunks left out because they say the same.
    """

    chunk: Chunk
    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None = None
    final: float | None = None
    nearness: float | None = None
    folded: tuple[int, ...] = ()


@dataclass(frozen=True)
class Found:
    """The result of one search, and how far the index had followed the index log when it was asked.

    `reason` says why there is no hit, where that is known; `query_vector` is what the query was embedded as,
    None where it was not.
    """

    hits: tuple[Hit, ...]
    index_position: int
    reason: str | None = None
    query_vector: NDArray[np.float32] | None = field(default=None, compare=False)
