"""Vectors that do not change any more: in files, which all processes of a machine share in memory."""

import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import faiss
import numpy as np
from numpy.typing import NDArray

from store.errors import IndexCorruptError
from store.index import batched, coarse, device
from store.index.coarse import Measured
from store.index.ranking import Ranking, nothing, rank
from store.index.selection import only, positions, without

logger = logging.getLogger(__name__)

ROWS = "rows.faiss"
CELLS = "cells.faiss"
DESCRIPTION = "base.json"
DECIMALS = 6
FEW = 2048
"""Up to so many allowed vectors are compared one by one."""
NARROW = 1 / 10
"""Up to this share of all, allowed vectors are searched exactly: they may lie in cells far from a query."""
RETRAIN_GROWTH = 2.0
"""Cells are chosen anew once there are so many times as many vectors as when they were."""


@dataclass(frozen=True)
class VectorSettings:
    """How vectors are searched."""

    target_recall: float = 0.99
    """Share of the nearest vectors that must be found; 1: search is always exact."""
    exact_below: int = 20_000
    """Up to so many vectors search is exact, and all are kept in memory."""
    device: str = "auto"
    """Where vectors are searched: "cpu"; "gpu"; or "auto", which is a GPU if there is one."""


@dataclass(frozen=True)
class Live:
    """Which vectors of a base count.

    `dead` are the ids, ascending, that were removed or replaced; `allowed` the places, in the base's order,
    of those that may be found and are not dead; None allows all.
    """

    dead: NDArray[np.int64]
    allowed: NDArray[np.int64] | None


class Base:
    """Vectors by id, in two files: whole, and in cells where that measured faster."""

    def __init__(self, folder: Path, name: str, measured: Measured, device_wanted: str) -> None:
        self.folder = folder
        self.name = name
        self.measured = measured
        mapped: Any = faiss
        try:
            self._flat: Any = mapped.read_index(str(folder / ROWS), mapped.IO_FLAG_MMAP_IFC)
            self._check_is(self._flat, "IndexIDMap", ROWS)
            self._cells: Any = None
            if measured.probes:
                self._cells = _shared_out(mapped.read_index(str(folder / CELLS), mapped.IO_FLAG_MMAP_IFC))
        except RuntimeError as error:
            raise IndexCorruptError(str(folder), f"FAISS cannot read it ({str(error)[-200:]})") from error
        self.ids = np.asarray(mapped.vector_to_array(self._flat.id_map), dtype=np.int64)
        inner = mapped.downcast_index(self._flat.index)
        self.rows: NDArray[np.float32] = mapped.rev_swig_ptr(
            inner.get_xb(), self._flat.ntotal * self._flat.d
        ).reshape(self._flat.ntotal, self._flat.d)
        """All vectors in the order of their ids: a view of the file."""
        self._batched: bool | None = None
        self._on_device: Any = None
        found = device.find_device(device_wanted)
        if found is not None:
            self._on_device = device.copy_or_fall_back(found, self._flat, f"an index of {len(self)} vectors")

    @classmethod
    def open(cls, folder: Path, device_wanted: str) -> Self:
        """Open what `build` wrote.

        Raises:
            IndexCorruptError: the files are missing, damaged or of something else.
        """
        try:
            fields: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            lists = {
                key: tuple(value) for key, value in fields["measured"].items() if isinstance(value, list)
            }
            measured = Measured(**{**fields["measured"], **lists})
            name = str(fields["name"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise IndexCorruptError(str(folder), f"its description cannot be read ({error})") from error
        return cls(folder, name, measured, device_wanted)

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    def nearest(self, queries: NDArray[np.float32], limit: int, live: Live, *, exact: bool) -> list[Ranking]:
        """Return the `limit` nearest of each query `(q, d)`, fewer only where there are not so many."""
        count = len(self) - len(live.dead) if live.allowed is None else len(live.allowed)
        if not count:
            return [nothing() for _ in queries]
        if live.allowed is not None and count <= FEW:
            return self._nearest_of_few(queries, limit, live.allowed)
        selector = self._selector(live)
        limit = min(limit, count)
        exact = exact or count <= NARROW * len(self)
        # One more than is asked for tells whether there is a tie at the end; it need not be found.
        depth = max(1, limit - 1) * len(self) / count
        probes = None if exact else self.measured.probes_for(depth)
        if probes is None or self._on_device is not None:
            return self._nearest_of_all(queries, limit, selector)
        found = self._nearest_in_cells(queries, limit, probes, selector)
        # Cells that hold too few: all that are allowed can lie in others.
        return [
            ranking if len(ranking) == limit else self._nearest_of_all(queries[i : i + 1], limit, selector)[0]
            for i, ranking in enumerate(found)
        ]

    def _nearest_of_few(
        self, queries: NDArray[np.float32], limit: int, places: NDArray[np.int64]
    ) -> list[Ranking]:
        scores = queries @ self.rows[places].T  # (q, m)
        return [rank(self.ids[places], row, limit, DECIMALS) for row in scores]

    def _nearest_of_all(self, queries: NDArray[np.float32], limit: int, selector: Any) -> list[Ranking]:
        if selector is None and self._on_device is not None and limit < device.MAX_K:
            found = self._on_device.search(queries, min(len(self), limit + 10))[1]
            return [self._scored(query, ids, limit) for query, ids in zip(queries, found, strict=True)]
        if selector is None and len(queries) >= batched.MIN_QUERIES and self._is_batched(queries, limit):
            scores, numbers = batched.nearest(self.rows, queries, limit)
            found_ids = self.ids[numbers]
        else:
            wrapped: Any = faiss
            parameters = None if selector is None else wrapped.SearchParameters(sel=selector)
            scores, found_ids = self._flat.search(queries, limit, params=parameters)
        return [
            rank(ids[ids >= 0], row[ids >= 0], limit, DECIMALS)  # FAISS pads with -1 where it finds too few
            for ids, row in zip(found_ids, scores, strict=True)
        ]

    def _nearest_in_cells(
        self, queries: NDArray[np.float32], limit: int, probes: int, selector: Any
    ) -> list[Ranking]:
        wrapped: Any = faiss
        parameters = wrapped.SearchParametersIVF(sel=selector, nprobe=probes)
        candidates = min(len(self), max(2 * limit, limit + 64))
        found = self._cells.search(queries, candidates, params=parameters)[1]
        return [self._scored(query, ids, limit) for query, ids in zip(queries, found, strict=True)]

    def _scored(self, query: NDArray[np.float32], ids: NDArray[np.int64], limit: int) -> Ranking:
        places = positions(self.ids, ids[ids >= 0])
        return rank(self.ids[places], self.rows[places] @ query, limit, DECIMALS)

    def _selector(self, live: Live) -> Any:
        if live.allowed is not None:
            return only(self.ids[live.allowed]) if len(live.allowed) < len(self) else None
        return without(live.dead) if len(live.dead) else None

    def _is_batched(self, queries: NDArray[np.float32], k: int) -> bool:
        if self._batched is None:
            self._batched = (
                len(self) >= batched.TRIAL_ROWS
                and batched.is_supported()
                and batched.is_faster(self.rows, queries, k)
            )
        return self._batched

    def _check_is(self, index: Any, kind: str, file: str) -> None:
        if type(index).__name__ != kind:
            raise IndexCorruptError(
                str(self.folder / file), f"it holds a {type(index).__name__}, not an {kind}"
            )


@dataclass(frozen=True)
class Source:
    """What a base is built from: ids, ascending, and what reads the vectors of a stretch of them.

    `kept` are the ids, ascending, whose vectors are those of `previous`, whose cells can serve again.
    """

    ids: NDArray[np.int64]
    read: Callable[[slice], NDArray[np.float32]]
    dimension: int
    previous: Base | None
    kept: NDArray[np.int64]
    real_queries: NDArray[np.float32]


def build(folder: Path, source: Source, settings: VectorSettings) -> Base:
    """Write a base into a new folder, tuned and measured, and open it."""
    folder.mkdir(parents=True)
    try:
        return _build(folder, source, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _build(folder: Path, source: Source, settings: VectorSettings) -> Base:
    began = time.perf_counter()
    _write_rows(folder / ROWS, source)
    exact = _describe(folder, Measured("exact", len(source.ids), bytes_per_vector=4.0 * source.dimension + 8))
    base = Base.open(folder, settings.device)
    measured = exact
    if settings.target_recall < 1 and len(source.ids) > settings.exact_below:
        measured = _build_cells(base, source, settings)
    built = round(time.perf_counter() - began, 2)
    _describe(folder, replace(measured, build_s=built), base.name)
    logger.info("%d vectors are searched by %s, built in %.1f s", len(base), measured.kind, built)
    return Base.open(folder, settings.device)


def _write_rows(path: Path, source: Source) -> None:
    wrapped: Any = faiss
    flat = wrapped.IndexIDMap(wrapped.IndexFlatIP(source.dimension))
    for begin in range(0, len(source.ids), coarse.ROWS_PER_BLOCK):
        block = slice(begin, begin + coarse.ROWS_PER_BLOCK)
        flat.add_with_ids(np.ascontiguousarray(source.read(block)), np.ascontiguousarray(source.ids[block]))
    wrapped.write_index(flat, str(path))


def _describe(folder: Path, measured: Measured, name: str | None = None) -> Measured:
    fields = {"name": name or uuid4().hex, "measured": asdict(measured)}
    (folder / DESCRIPTION).write_text(json.dumps(fields), encoding="utf-8")
    return measured


def _shared_out(cells: Any) -> Any:
    """Let a single query's cells be shared out among the cores, not only many queries."""
    cells.parallel_mode = 1
    return cells


def _build_cells(base: Base, source: Source, settings: VectorSettings) -> Measured:
    """Put the vectors into cells and measure; returns how to search from now on."""
    queries = coarse.held_out_queries(base.rows, source.real_queries)
    timed = queries[: coarse.TIMED_QUERIES]
    everything = Live(np.zeros(0, dtype=np.int64), None)
    one_by_one = partial(base.nearest, limit=coarse.DEPTHS[0], live=everything, exact=True)
    measured = replace(base.measured, exact_p50_ms=coarse.median_ms(one_by_one, timed))
    index, codes, trained_on = _cells_of(base, source, settings)
    base._cells = _shared_out(index)
    found = coarse.tune(
        lambda rows, depth, probes: [r.ids for r in base._nearest_in_cells(rows, depth, probes, None)],
        lambda rows, k: np.stack([r.ids for r in base.nearest(rows, k, everything, exact=True)]),
        queries,
        replace(
            measured, kind="inverted file", cells=int(index.nlist), codes=codes, trained_on=trained_on,
            target_recall=settings.target_recall, real_queries=min(len(source.real_queries), len(queries)),
            bytes_per_vector=measured.bytes_per_vector + index.code_size + 8,
        ),
    )  # fmt: skip
    if found.probes:
        p50 = coarse.median_ms(
            lambda query: base._nearest_in_cells(query, coarse.DEPTHS[0], found.probes[0], None), timed
        )
        if _is_worth_it(p50, measured.exact_p50_ms or 0.0):
            wrapped: Any = faiss
            wrapped.write_index(index, str(base.folder / CELLS))
            return replace(found, p50_ms=p50)
    logger.info("%d vectors: cells reach the target no faster than exact search", len(base))
    return replace(measured, held_out=len(queries), p50_ms=measured.exact_p50_ms)


def _cells_of(base: Base, source: Source, settings: VectorSettings) -> tuple[Any, str, int]:
    """Return the filled cells, what they hold, and on how many vectors they were chosen."""
    wrapped: Any = faiss
    before = source.previous
    if before is not None and before.measured.probes:
        trained_on = before.measured.trained_on
        if len(base) <= RETRAIN_GROWTH * trained_on:
            index = wrapped.read_index(str(before.folder / CELLS))
            gone = np.setdiff1d(before.ids, source.kept, assume_unique=True)
            if len(gone):
                index.remove_ids(gone)
            new = positions(base.ids, np.setdiff1d(base.ids, source.kept, assume_unique=True))
            coarse.fill(index, base.ids[new], base.rows[new])
            return index, before.measured.codes, trained_on
    codes = coarse.faster_codes(base.rows)
    found = device.find_device(settings.device)
    index = coarse.train(base.rows, codes, found.copy if found is not None else None)
    coarse.fill(index, base.ids, base.rows)
    return index, codes, len(base)


def _is_worth_it(p50_ms: float, exact_p50_ms: float) -> bool:
    return p50_ms < exact_p50_ms
