"""Exact search over embeddings with FAISS."""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from store.errors import IndexCorruptError
from store.index.locks import ReadWriteLock
from store.index.ranking import Ranking, nothing, rank, settle

DECIMALS = 6
BITMAP_MAX_ID = 1 << 27
"""Up to this id a filter is a bitmap (16 MiB at most); beyond it, a hash set, which is half as fast."""


class VectorError(ValueError):
    """Vectors or ids that cannot be indexed or searched for."""


class VectorIndex:
    """Vectors by id, searched exactly by inner product, which is the cosine as the vectors have unit length.

    Safe to use from several threads: searches run side by side, changes alone. Every vector costs
    4 bytes per dimension of memory.
    """

    def __init__(self, dimension: int) -> None:
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._lock = ReadWriteLock()

    @property
    def dimension(self) -> int:
        """How many components every vector has."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids that are there, `(n,)`, in no particular order."""
        with self._lock.reading():
            return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, replacing those whose id is there already; of an id given twice the last one counts.

        Args:
            ids: `(n,)`, none negative.
            vectors: `(n, dimension)`, unit length.

        Raises:
            VectorError: wrong shape, NaN or infinity, or a negative id. Nothing is added then.
        """
        self._check(vectors)
        if ids.shape != (len(vectors),):
            raise VectorError(f"{len(vectors)} vectors came with ids of shape {ids.shape}; give each an id")
        if not len(ids):
            return
        if ids.min() < 0:
            raise VectorError(f"id {ids.min()} is negative; ids count from 0")
        unique, last = np.unique(ids[::-1], return_index=True)
        kept = np.ascontiguousarray(vectors[::-1][last], dtype=np.float32)
        with self._lock.writing():
            self._remove(unique)
            self._index.add_with_ids(kept, unique.astype(np.int64))

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove vectors; ids that are not there are ignored."""
        with self._lock.writing():
            self._remove(ids)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> list[Ranking]:
        """Return the `k` nearest vectors of each query, fewer only where there are not so many.

        Args:
            queries: `(q, dimension)`, unit length.
            k: how many per query, at least 1.
            allowed: `(m,)`, the only ids that may be found; None allows all.

        Raises:
            VectorError: wrong shape, NaN or infinity in a query.
            ValueError: `k` is less than 1.
        """
        self._check(queries)
        with self._lock.reading():
            parameters = None if allowed is None else _only(allowed)
            together = self._nearest(queries, k + 1, parameters)
            return [
                self._settled(query, k, first, parameters)
                for query, first in zip(queries, together, strict=True)
            ]

    def save(self, path: Path) -> None:
        """Write the index into a file."""
        with self._lock.reading():
            faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an index that `save` wrote.

        Raises:
            IndexCorruptError: the file is missing, damaged or holds another kind of index.
        """
        try:
            stored = faiss.read_index(str(path))
        except RuntimeError as error:
            raise IndexCorruptError(str(path), f"FAISS cannot read it ({str(error)[-200:]})") from error
        if not isinstance(stored, faiss.IndexIDMap2):
            raise IndexCorruptError(str(path), f"it holds a {type(stored).__name__}, not an IndexIDMap2")
        index = cls(stored.d)
        index._index = stored
        return index

    def _settled(self, query: NDArray[np.float32], k: int, first: Ranking, parameters: Any) -> Ranking:
        def fetch(limit: int) -> Ranking:
            return first if limit == k + 1 else self._nearest(query[None, :], limit, parameters)[0]

        return settle(fetch, k)

    def _nearest(self, queries: NDArray[np.float32], limit: int, parameters: Any) -> list[Ranking]:
        size = min(limit, len(self))
        if size < 1 or not len(queries):
            return [nothing() for _ in queries]
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        scores, ids = self._index.search(rows, size, params=parameters)  # (q, size) each
        rankings = []
        for row_ids, row_scores in zip(ids, scores, strict=True):
            found = row_ids >= 0  # FAISS pads with -1 where it finds too few
            rankings.append(rank(row_ids[found], row_scores[found], limit, DECIMALS))
        return rankings

    def _remove(self, ids: NDArray[np.int64]) -> None:
        there = ids[np.isin(ids, faiss.vector_to_array(self._index.id_map))]
        if len(there):
            self._index.remove_ids(np.ascontiguousarray(there, dtype=np.int64))

    def _check(self, vectors: NDArray[np.float32]) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise VectorError(
                f"vectors have shape {vectors.shape}, expected (n, {self.dimension}): "
                "were they made by the encoder of this corpus?"
            )
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise VectorError(f"vector {row} holds NaN or infinity; encode its text again")


def _only(allowed: NDArray[np.int64]) -> Any:
    ids = np.ascontiguousarray(allowed[allowed >= 0], dtype=np.int64)
    wrapped: Any = faiss  # its type stubs do not know what its Python wrappers take
    if len(ids) and ids.max() >= BITMAP_MAX_ID:
        return wrapped.SearchParameters(sel=wrapped.IDSelectorBatch(ids))
    bits = np.zeros(int(ids.max(initial=0)) + 1, dtype=bool)
    bits[ids] = True
    return wrapped.SearchParameters(sel=wrapped.IDSelectorBitmap(np.packbits(bits, bitorder="little")))
