"""Vectors that came since the last base was built: in memory, searched exactly."""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from store.errors import IndexCorruptError
from store.index.ranking import Ranking, nothing, rank

DECIMALS = 6


class Recent:
    """Vectors by id, 4 bytes per dimension each. Its owner sees to it that changes happen alone."""

    def __init__(self, dimension: int) -> None:
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._highest = -1

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """How many components every vector has."""
        return int(self._index.d)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids, `(n,)`, in the order in which they came."""
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def vectors(self) -> NDArray[np.float32]:
        """Return a copy of the vectors, `(n, d)`, in the order of `ids`."""
        flat: Any = faiss.downcast_index(self._index.index)
        held: NDArray[np.float32] = faiss.rev_swig_ptr(flat.get_xb(), len(self) * self.dimension)
        return held.reshape(len(self), self.dimension).copy()

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors, replacing those of the same ids; no id may come twice."""
        if ids.min() <= self._highest:  # most ids are new, and greater than all before
            self.remove(ids)
        self._index.add_with_ids(vectors, ids)
        self._highest = max(self._highest, int(ids.max()))

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove vectors; ids that are not there are ignored."""
        there = ids[np.isin(ids, self.ids())]
        if len(there):
            self._index.remove_ids(np.ascontiguousarray(there, dtype=np.int64))

    def nearest(self, queries: NDArray[np.float32], limit: int, selector: Any) -> list[Ranking]:
        """Return the `limit` nearest of each query `(q, d)` among those that the selector lets through."""
        size = min(limit, len(self))
        if size < 1 or not len(queries):
            return [nothing() for _ in queries]
        wrapped: Any = faiss  # its type stubs do not know what its Python wrappers take
        parameters = None if selector is None else wrapped.SearchParameters(sel=selector)
        scores, ids = self._index.search(queries, size, params=parameters)  # (q, size) each
        return [
            rank(row_ids[row_ids >= 0], row_scores[row_ids >= 0], limit, DECIMALS)  # FAISS pads with -1
            for row_ids, row_scores in zip(ids, scores, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write the vectors into a file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IndexCorruptError: the file is missing, damaged or holds another kind of index.
        """
        try:
            stored = faiss.read_index(str(path))
        except RuntimeError as error:
            raise IndexCorruptError(str(path), f"FAISS cannot read it ({str(error)[-200:]})") from error
        if not isinstance(stored, faiss.IndexIDMap2):
            raise IndexCorruptError(str(path), f"it holds a {type(stored).__name__}, not an IndexIDMap2")
        recent = cls(stored.d)
        recent._index = stored
        recent._highest = int(recent.ids().max(initial=-1))
        return recent
