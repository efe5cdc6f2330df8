"""Search over embeddings: exact while that is fastest, in cells that tune themselves above a size."""

import shutil
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from store.errors import IndexCorruptError
from store.index.base import DECIMALS, Base, Live, Source, VectorSettings, build
from store.index.coarse import HELD_OUT
from store.index.files import link_files
from store.index.locks import ReadWriteLock
from store.index.ranking import Ranking, check_k, nothing, rank, settle
from store.index.recent import Recent
from store.index.selection import only, positions

__all__ = ["VectorError", "VectorIndex", "VectorSettings"]

RECENT = "recent.faiss"
DEAD = "dead.npy"
BASE = "base"
DEFAULT = VectorSettings()
DEAD_SHARE = 1 / 4
"""A base of which so much was removed is built anew."""

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]


class VectorError(ValueError):
    """Vectors or ids that cannot be indexed or searched for."""


class VectorIndex:
    """Vectors by id, searched by inner product, which is the cosine as the vectors have unit length.

    A base in files, which never changes and in which some vectors may be dead, and the recent vectors in
    memory; `compact` makes a new base of both. Without a base, search is exact. Safe to use from several
    threads: searches run side by side, changes alone, and both go on while a base is built.
    """

    def __init__(
        self, dimension: int, folder: Path | None = None, settings: VectorSettings = DEFAULT
    ) -> None:
        """Make an empty index.

        Args:
            dimension: how many components every vector has.
            folder: of this index alone, for its bases; None: there is never any.
            settings: when search is exact and what it must find otherwise.
        """
        self._folder = folder
        self._settings = settings
        self._recent = Recent(dimension)
        self._base: Base | None = None
        self._dead: Ids = np.zeros(0, dtype=np.int64)
        self._touched: list[Ids] | None = None
        self._lock = ReadWriteLock()
        self._compacting = threading.Lock()
        self._real_queries: deque[Vectors] = deque(maxlen=HELD_OUT)

    @property
    def dimension(self) -> int:
        """How many components every vector has."""
        return self._recent.dimension

    @property
    def base_name(self) -> str | None:
        """The name of the base, which no other has; None without one."""
        return self._base.name if self._base is not None else None

    def __len__(self) -> int:
        with self._lock.reading():
            return len(self._recent) + (len(self._base) if self._base is not None else 0) - len(self._dead)

    def ids(self) -> Ids:
        """Return the ids that are there, `(n,)`, in no particular order."""
        with self._lock.reading():
            if self._base is None:
                return self._recent.ids()
            return np.concatenate([np.setdiff1d(self._base.ids, self._dead), self._recent.ids()])

    def describe(self) -> dict[str, Any]:
        """Return how vectors are searched, with what was measured, and how many are where."""
        with self._lock.reading():
            here: dict[str, Any] = {"recent": len(self._recent), "dead": len(self._dead)}
            if self._base is None:
                bytes_per_vector = 4.0 * self.dimension + 8
                return {"base": None, "kind": "exact", "bytes_per_vector": bytes_per_vector, **here}
            return {"base": self._base.name, **asdict(self._base.measured), **here}

    def add(self, ids: Ids, vectors: Vectors) -> None:
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
        with self._changing(unique):
            self._recent.add(unique.astype(np.int64), kept)

    def remove(self, ids: Ids) -> None:
        """Remove vectors; ids that are not there are ignored."""
        if len(ids):
            with self._changing(ids):
                self._recent.remove(ids)

    def search(self, queries: Vectors, k: int, allowed: Ids | None = None) -> list[Ranking]:
        """Return the `k` nearest vectors of each query, fewer only where there are not so many.

        Where there are cells, a share of the nearest may be missed, on average as much as the target leaves;
        their number is always complete. A query without length has no nearest vectors.

        Args:
            queries: `(q, dimension)`, unit length.
            k: how many per query, at least 1.
            allowed: `(m,)`, the only ids that may be found; None allows all.

        Raises:
            VectorError: wrong shape, NaN or infinity in a query.
            ValueError: `k` is less than 1.
        """
        self._check(queries)
        if self._folder is not None and len(queries) == 1:
            self._real_queries.append(np.array(queries[0], dtype=np.float32))
        return self._search(queries, k, allowed, exact=False)

    def search_exactly(self, queries: Vectors, k: int, allowed: Ids | None = None) -> list[Ranking]:
        """Return what `search` does, but never miss any; fastest for many queries at once."""
        self._check(queries)
        return self._search(queries, k, allowed, exact=True)

    @property
    def is_compaction_due(self) -> bool:
        """Whether so much has changed that `compact` is worth its while."""
        if self._folder is None:
            return False
        many_dead = self._base is not None and len(self._dead) > DEAD_SHARE * len(self._base)
        return len(self._recent) > self._settings.exact_below or many_dead

    def compact(self) -> None:
        """Build a base of all that is there now and put it in place of the old one in an instant."""
        if self._folder is None:
            raise ValueError("this index has no folder for a base; make it with one")
        with self._compacting:
            with self._lock.writing():
                self._touched = []
                source = self._source()
            try:
                built = None
                if len(source.ids):
                    built = build(self._folder / f"{BASE}-{uuid4().hex}", source, self._settings)
                with self._lock.writing():
                    old = self._base
                    touched, self._touched = self._touched, None
                    self._replace_base(built, np.unique(np.concatenate([np.zeros(0, np.int64), *touched])))
            finally:
                self._touched = None
            if old is not None:
                shutil.rmtree(old.folder, ignore_errors=True)

    def save(self, folder: Path) -> None:
        """Write the index into a folder, which must not exist yet; it shares the disk space of the base."""
        with self._lock.reading():
            folder.mkdir(parents=True)
            self._recent.save(folder / RECENT)
            np.save(folder / DEAD, self._dead)
            if self._base is not None:
                link_files(self._base.folder, folder / BASE)

    @classmethod
    def load(cls, folder: Path, own_folder: Path | None = None, settings: VectorSettings = DEFAULT) -> Self:
        """Read an index that `save` wrote; `own_folder` and `settings` are as for a new one.

        Raises:
            IndexCorruptError: a file is missing, damaged or holds another kind of index.
        """
        recent = Recent.load(folder / RECENT)
        index = cls(recent.dimension, own_folder, settings)
        index._recent = recent
        try:
            index._dead = np.load(folder / DEAD).astype(np.int64)
        except (OSError, ValueError, EOFError) as error:
            raise IndexCorruptError(str(folder / DEAD), f"it cannot be read ({error})") from error
        if (folder / BASE).exists():
            place = folder / BASE
            if own_folder is not None:
                place = own_folder / f"{BASE}-{uuid4().hex}"
                link_files(folder / BASE, place)
            index._base = Base.open(place, settings.device)
        return index

    def _search(self, queries: Vectors, k: int, allowed: Ids | None, *, exact: bool) -> list[Ranking]:
        check_k(k)
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        with self._lock.reading():
            live = self._live(allowed)
            selector = None if allowed is None else only(allowed)

            def fetch(some: Vectors, limit: int) -> list[Ranking]:
                found = self._recent.nearest(some, limit, selector)
                if self._base is None or live is None:
                    return found
                more = self._base.nearest(some, limit, live, exact=exact)
                return [_merge(a, b, limit) for a, b in zip(found, more, strict=True)]

            together = fetch(rows, k + 1)
            return [
                _settled(fetch, row[None, :], k, first) for row, first in zip(rows, together, strict=True)
            ]

    def _live(self, allowed: Ids | None) -> Live | None:
        if self._base is None:
            return None
        if allowed is None:
            return Live(self._dead, None)
        places = np.unique(positions(self._base.ids, allowed))
        if len(self._dead):
            places = np.setdiff1d(places, positions(self._base.ids, self._dead), assume_unique=True)
        return Live(self._dead, places)

    @contextmanager
    def _changing(self, ids: Ids) -> Iterator[None]:
        with self._lock.writing():
            if self._base is not None:
                there = self._base.ids[positions(self._base.ids, ids)]
                self._dead = np.union1d(self._dead, there)
            if self._touched is not None:
                self._touched.append(ids.astype(np.int64))
            yield

    def _source(self) -> Source:
        """What a base of all that is there now is built from."""
        recent_ids, recent = self._recent.ids(), self._recent.vectors()
        base = self._base
        kept = np.setdiff1d(base.ids, self._dead) if base is not None else np.zeros(0, dtype=np.int64)
        ids = np.concatenate([kept, recent_ids])
        order = np.argsort(ids)
        places = positions(base.ids, kept) if base is not None else kept

        def read(block: slice) -> Vectors:
            chosen = order[block]
            rows = np.empty((len(chosen), self.dimension), dtype=np.float32)
            old = chosen < len(kept)
            if base is not None:
                rows[old] = base.rows[places[chosen[old]]]
            rows[~old] = recent[chosen[~old] - len(kept)]
            return rows

        real = np.array(self._real_queries, dtype=np.float32).reshape(-1, self.dimension)
        return Source(ids[order], read, self.dimension, base, kept, real)

    def _replace_base(self, base: Base | None, touched: Ids) -> None:
        """Serve from a new base; what was touched since it was begun is as the recent vectors have it."""
        ids, vectors = self._recent.ids(), self._recent.vectors()
        newer = np.isin(ids, touched)
        recent = Recent(self.dimension)
        if newer.any():
            recent.add(ids[newer], np.ascontiguousarray(vectors[newer]))
        self._recent = recent
        self._base = base
        self._dead = base.ids[positions(base.ids, touched)] if base is not None else touched[:0]

    def _check(self, vectors: Vectors) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise VectorError(
                f"vectors have shape {vectors.shape}, expected (n, {self.dimension}): "
                "were they made by the encoder of this corpus?"
            )
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise VectorError(f"vector {row} holds NaN or infinity; encode its text again")


def _settled(fetch: Any, row: Vectors, k: int, first: Ranking) -> Ranking:
    if not row.any():
        return nothing()
    return settle(lambda limit: first if limit == k + 1 else fetch(row, limit)[0], k)


def _merge(one: Ranking, other: Ranking, limit: int) -> Ranking:
    if not len(one):
        return other
    ids, scores = np.concatenate([one.ids, other.ids]), np.concatenate([one.scores, other.scores])
    return rank(ids, scores, limit, DECIMALS)
