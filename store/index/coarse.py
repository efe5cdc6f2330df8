"""Inverted files over vectors that tune themselves: built, measured against exact search, and searched.

A query is compared with the vectors of the cells nearest to it only (Sivic and Zisserman 2003; Jégou, Douze
and Schmid 2011), in one byte per component where that is faster. What this finds is scored again exactly.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

DEPTHS = (10, 50, 200, 1000)
"""For how many nearest vectors the search is tuned."""
HELD_OUT = 128
TRAINING_PER_CELL = 48
LEAST_PER_CELL = 39
"""Fewer vectors than this do not tell where a cell is."""
TRAINING_ROUNDS = 8
MIN_REAL_QUERIES = 32
SEED = 20_231_119
ROWS_PER_BLOCK = 50_000
TIMED_QUERIES = 15

Exact = Callable[[NDArray[np.float32], int], NDArray[np.int64]]
"""Queries `(q, d)` and k to the ids `(q, k)` of their nearest vectors, by exact search."""


@dataclass(frozen=True)
class Measured:
    """How vectors are searched and what that gave on held-out queries.

    `recall` and `probes` belong to `DEPTHS`; they are empty where search is exact. Times are medians of
    single queries on the machine that built the index.
    """

    kind: str
    """"exact" or "inverted file"."""
    vectors: int
    cells: int = 0
    codes: str = ""
    probes: tuple[int, ...] = ()
    recall: tuple[float, ...] = ()
    target_recall: float = 1.0
    p50_ms: float | None = None
    exact_p50_ms: float | None = None
    bytes_per_vector: float = 0.0
    build_s: float = 0.0
    held_out: int = 0
    real_queries: int = 0
    trained_on: int = 0
    """How many vectors there were when the cells were chosen."""

    def probes_for(self, depth: float) -> int | None:
        """How many cells to look into to find so many nearest vectors; None: all, that is exactly.

        Between two depths that were measured, cells grow as a power of the depth.
        """
        at = next((i for i, d in enumerate(DEPTHS[: len(self.probes)]) if depth <= d), None)
        if at is None:
            return None
        if at == 0 or depth == DEPTHS[at]:
            return self.probes[at]
        less, more = DEPTHS[at - 1 : at + 1]
        few, many = self.probes[at - 1 : at + 1]
        share = math.log(depth / less) / math.log(more / less)
        return math.ceil(few * math.pow(many / few, share))


def cells_for(count: int) -> int:
    """Return how many cells so many vectors are put in: a power of two near four times their root."""
    near_root = 2 ** round(np.log2(4 * np.sqrt(count)))
    most = 2 ** int(np.log2(max(1, count / LEAST_PER_CELL)))
    return int(min(near_root, most))


def train(rows: NDArray[np.float32], codes: str, cloned_to_device: Callable[[Any], Any] | None = None) -> Any:
    """Return an empty inverted file whose cells fit the rows `(n, d)`.

    Args:
        rows: unit length.
        codes: what vectors are kept as: "Flat" or "SQ8".
        cloned_to_device: puts an index on a device, where the cells are then chosen; None: on the processor.
    """
    cells = cells_for(len(rows))
    index: Any = faiss.index_factory(rows.shape[1], f"IVF{cells},{codes}", faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical = True
    index.cp.niter = TRAINING_ROUNDS
    index.cp.seed = SEED
    index.cp.max_points_per_centroid = TRAINING_PER_CELL
    if cloned_to_device is not None:
        index.clustering_index = cloned_to_device(faiss.IndexFlatIP(rows.shape[1]))
    draw = np.random.default_rng(SEED)
    sample = np.sort(draw.choice(len(rows), min(len(rows), cells * TRAINING_PER_CELL), replace=False))
    index.train(np.ascontiguousarray(rows[sample]))
    return index


def fill(index: Any, ids: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
    """Add rows under their ids, a block at a time."""
    for begin in range(0, len(ids), ROWS_PER_BLOCK):
        block = slice(begin, begin + ROWS_PER_BLOCK)
        index.add_with_ids(np.ascontiguousarray(rows[block]), np.ascontiguousarray(ids[block]))


def faster_codes(rows: NDArray[np.float32]) -> str:
    """Return whether this machine goes through whole vectors or through one byte per component faster."""
    sample = np.ascontiguousarray(rows[:ROWS_PER_BLOCK])
    times = {}
    for codes in ("SQ8", "Flat"):
        index: Any = faiss.index_factory(rows.shape[1], codes, faiss.METRIC_INNER_PRODUCT)
        index.train(sample)
        index.add(sample)
        times[codes] = median_ms(partial(index.search, k=10), sample[:TIMED_QUERIES])
    return min(times, key=lambda codes: times[codes])


def held_out_queries(rows: NDArray[np.float32], real: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return queries that are no rows: rows slightly moved, half of them towards another row besides.

    Real queries `(m, d)` take the place of as many, where there are enough of them.
    """
    draw = np.random.default_rng(SEED + 1)
    queries = rows[np.sort(draw.choice(len(rows), HELD_OUT, replace=len(rows) < HELD_OUT))].copy()
    noise = draw.standard_normal(queries.shape).astype(np.float32)
    queries += 0.3 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries[::2] += 0.25 * rows[draw.integers(len(rows), size=len(queries[::2]))]
    if len(real) >= MIN_REAL_QUERIES:
        real = real[-HELD_OUT:]
        queries = np.concatenate([real, queries[: HELD_OUT - len(real)]])
    norms = np.linalg.norm(queries, axis=1, keepdims=True)
    return np.ascontiguousarray(queries / np.where(norms > 0, norms, 1))


def tune(
    search: Callable[[NDArray[np.float32], int, int], list[NDArray[np.int64]]],
    exact: Exact,
    queries: NDArray[np.float32],
    measured: Measured,
) -> Measured:
    """Choose for each depth the fewest cells with which the target's share of the nearest is found.

    Args:
        search: queries, depth and number of cells to the ids that are found.
        exact: what they are compared with.
        queries: `(q, d)`, none of them indexed.
        measured: with the target and the number of cells; probes stay empty from the depth on for which
            even half of all cells do not reach the target.
    """
    depths = [depth for depth in DEPTHS if depth <= measured.vectors]
    nearest = exact(queries, max(depths, default=1))
    probes: list[int] = []
    recalls: list[float] = []
    steps = list(_steps(measured.cells // 2))
    for depth in depths:
        for step in [s for s in steps if s >= max(probes, default=1)]:
            recall = recall_of(search(queries, depth, step), nearest[:, :depth])
            if recall >= measured.target_recall:
                probes.append(step)
                recalls.append(round(recall, 4))
                break
        else:
            break
    return replace(measured, probes=tuple(probes), recall=tuple(recalls), held_out=len(queries))


def recall_of(found: list[NDArray[np.int64]], nearest: NDArray[np.int64]) -> float:
    """Return which share of the nearest ids `(q, k)` was found."""
    hits = sum(len(np.intersect1d(ids, row)) for ids, row in zip(found, nearest, strict=True))
    return hits / max(1, nearest.size)


def median_ms(search: Callable[[NDArray[np.float32]], Any], queries: NDArray[np.float32]) -> float:
    """Return the median time of a search for one query at a time, in milliseconds."""
    times = []
    for i in range(len(queries)):
        began = time.perf_counter()
        search(queries[i : i + 1])
        times.append(1000 * (time.perf_counter() - began))
    return round(float(np.median(times)), 3)


def _steps(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, …: two for each doubling."""
    step = 1
    while step <= most:
        yield step
        if step > 1 and step * 3 // 2 <= most:
            yield step * 3 // 2
        step *= 2
