"""Vectors in a base with cells: what is found, what changes, and what was measured."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from store.errors import IndexCorruptError
from store.index import base, batched, coarse, device
from store.index.coarse import Measured
from store.index.vectors import VectorIndex, VectorSettings

COUNT = 6000
DIMENSION = 32
SETTINGS = VectorSettings(target_recall=0.95, exact_below=2000, device="cpu")


def clustered(count: int, seed: int) -> np.ndarray:
    """Unit vectors around 60 centres, which are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((60, DIMENSION))
    draw = np.random.default_rng(seed)
    vectors = centres[draw.integers(60, size=count)] + 0.5 * draw.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


ROWS = clustered(COUNT, seed=1)
QUERIES = clustered(50, seed=2)
IDS = np.arange(COUNT) * 3


def nearest(ids: np.ndarray, rows: np.ndarray, query: np.ndarray, k: int) -> list[int]:
    return ids[np.argsort(-(rows @ query), kind="stable")[:k]].tolist()


def recall(index: VectorIndex, k: int, allowed: np.ndarray | None = None) -> float:
    """Share of the nearest that is found, with the number of results checked."""
    rows = np.ones(COUNT, dtype=bool) if allowed is None else np.isin(IDS, allowed)
    shares = []
    for query, found in zip(QUERIES, index.search(QUERIES, k, allowed), strict=True):
        expected = nearest(IDS[rows], ROWS[rows], query, k)
        assert len(found) == len(expected)
        assert set(found.ids.tolist()) <= set(IDS[rows].tolist())
        shares.append(len(set(expected) & set(found.ids.tolist())) / len(expected))
    return float(np.mean(shares))


@pytest.fixture
def cells_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is faster depends on the machine."""
    monkeypatch.setattr(base, "_is_worth_it", lambda p50_ms, exact_p50_ms: True)
    monkeypatch.setattr(base, "FEW", 300)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with cells, saved: to build one takes half a second."""
    folder = tmp_path_factory.mktemp("vectors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_is_worth_it", lambda p50_ms, exact_p50_ms: True)
        index = VectorIndex(DIMENSION, folder / "own", SETTINGS)
        index.add(IDS, ROWS)
        assert index.is_compaction_due
        index.compact()
        assert not index.is_compaction_due
    index.save(folder / "saved")
    return folder / "saved"


@pytest.fixture
def index(saved: Path, tmp_path: Path, cells_are_worth_it: None) -> VectorIndex:
    return VectorIndex.load(saved, tmp_path / "own", SETTINGS)


def test_cells_find_what_the_target_asks_for_and_say_so(index: VectorIndex) -> None:
    described = index.describe()
    assert (described["kind"], described["vectors"], described["recent"]) == ("inverted file", COUNT, 0)
    assert described["cells"] == 128 and 1 <= described["probes"][0] <= 64
    assert described["recall"][0] >= 0.95
    assert described["bytes_per_vector"] > 4 * DIMENSION
    assert described["p50_ms"] > 0 and described["exact_p50_ms"] > 0 and described["build_s"] > 0
    assert recall(index, 10) >= 0.93
    assert recall(index, 100) >= 0.93


def test_scores_are_exact_although_codes_are_not(index: VectorIndex) -> None:
    for query, found in zip(QUERIES, index.search(QUERIES, 5), strict=True):
        assert found.scores.tolist() == pytest.approx((ROWS[found.ids // 3] @ query).tolist(), abs=1e-5)


@pytest.mark.parametrize("count", [1, 3, 60, 290, 310, 600, 3000, 5990, 6000])
def test_a_filter_of_any_width_gives_as_many_as_there_are(index: VectorIndex, count: int) -> None:
    allowed = np.random.default_rng(count).permutation(IDS)[:count]
    found = recall(index, 20, np.concatenate([allowed, [-1, 1, 10**12]]))
    assert found == 1.0 if count <= 600 else found >= 0.93


def test_a_filter_far_from_the_query_is_filled_all_the_same(index: VectorIndex) -> None:
    far = np.sort(IDS[np.argsort(ROWS @ QUERIES[0])[:400]])
    found = index.search(QUERIES[:1], 50, far)[0]
    expected = np.sort(ROWS[far // 3] @ QUERIES[0])[::-1][:50]
    assert found.scores == pytest.approx(expected, abs=1e-5)


def test_exact_search_misses_nothing(index: VectorIndex) -> None:
    for query, found in zip(QUERIES, index.search_exactly(QUERIES, 30), strict=True):
        assert set(found.ids.tolist()) == set(nearest(IDS, ROWS, query, 30))


def test_what_comes_and_goes_after_a_base_was_built_counts_at_once(index: VectorIndex) -> None:
    new, removed, replaced = 7, IDS[:100], IDS[200]
    index.add(np.array([new, replaced]), QUERIES[:2])
    index.remove(np.append(removed, 10**9))
    assert len(index) == COUNT + 1 - 100 == len(index.ids())
    first = index.search(QUERIES[:2], 1)
    assert [found.ids.tolist() for found in first] == [[new], [replaced]]
    assert not set(index.search(ROWS[50:51], 200)[0].ids.tolist()) & set(removed.tolist())
    assert index.search(ROWS[50:51], 5, removed)[0].ids.tolist() == []
    both = np.array([new, int(IDS[300]), int(IDS[50])])
    assert sorted(index.search(ROWS[300:301], 9, both)[0].ids.tolist()) == [new, IDS[300]]


def test_a_second_base_takes_the_cells_of_the_first(index: VectorIndex) -> None:
    more = clustered(2500, seed=3)
    index.add(np.arange(2500) * 3 + 1, more)
    index.add(IDS[:10], QUERIES[:10])
    index.remove(IDS[10:20])
    assert index.is_compaction_due
    before = index.describe()
    index.compact()
    after = index.describe()
    assert after["base"] != before["base"] and after["trained_on"] == COUNT
    assert (after["vectors"], after["recent"], after["dead"]) == (COUNT + 2490, 0, 0)
    assert index.search(QUERIES[:1], 1)[0].ids.tolist() == [IDS[0]]
    hits = [index.search(more[i : i + 1], 1)[0].ids.tolist() == [3 * i + 1] for i in range(100)]
    assert np.mean(hits) >= 0.95


def test_cells_are_chosen_anew_once_there_are_twice_as_many(index: VectorIndex) -> None:
    index.add(np.arange(7000) * 3 + 1, clustered(7000, seed=3))
    index.compact()
    assert index.describe()["trained_on"] == COUNT + 7000


def test_a_base_of_which_much_was_removed_is_built_anew(index: VectorIndex) -> None:
    index.remove(IDS[:1600])
    assert index.is_compaction_due
    index.compact()
    assert (len(index), index.describe()["dead"]) == (COUNT - 1600, 0)
    index.remove(IDS)
    index.compact()
    assert (len(index), index.base_name) == (0, None)
    assert [len(found) for found in index.search(QUERIES, 5)] == [0] * 50


def test_changes_and_searches_go_on_while_a_base_is_built(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(np.array([1, 4]), QUERIES[:2])
    build, begun, go_on = base.build, threading.Event(), threading.Event()

    def waiting(*arguments: Any) -> base.Base:
        begun.set()
        assert go_on.wait(30)
        return build(*arguments)

    monkeypatch.setattr("store.index.vectors.build", waiting)
    thread = threading.Thread(target=index.compact)
    thread.start()
    assert begun.wait(30)
    index.remove(np.array([1, int(IDS[5])]))
    index.add(np.array([4, 7, int(IDS[6])]), QUERIES[2:5])

    def check() -> None:
        assert len(index) == COUNT + 2 - 2 + 1
        found = [ranking.ids.tolist()[0] for ranking in index.search(QUERIES[2:5], 1)]
        assert found == [4, 7, IDS[6]]
        assert index.search(QUERIES[:1], 5, np.array([1, int(IDS[5])]))[0].ids.tolist() == []

    check()
    go_on.set()
    thread.join()
    check()
    assert (index.describe()["recent"], index.describe()["dead"]) == (3, 4)
    index.compact()
    check()


def test_a_base_that_cannot_be_built_leaves_what_there_is(
    index: VectorIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("disk full")

    before = index.search(QUERIES, 5)
    with monkeypatch.context() as patch:
        patch.setattr(base, "_build_cells", full)
        with pytest.raises(OSError, match="disk full"):
            index.compact()
    assert len(list((tmp_path / "own").iterdir())) == 1
    assert [f.ids.tolist() for f in index.search(QUERIES, 5)] == [f.ids.tolist() for f in before]
    index.add(np.array([1]), QUERIES[:1])
    index.compact()
    assert index.search(QUERIES[:1], 1)[0].ids.tolist() == [1]


def test_a_loaded_index_maps_its_files_and_gives_the_same_answer(index: VectorIndex, tmp_path: Path) -> None:
    index.add(np.array([1]), QUERIES[:1])
    index.remove(IDS[:5])
    index.save(tmp_path / "saved")
    loaded = VectorIndex.load(tmp_path / "saved", tmp_path / "other", SETTINGS)
    assert loaded.describe() == index.describe()
    for one, other in zip(loaded.search(QUERIES, 10), index.search(QUERIES, 10), strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.scores.tolist() == other.scores.tolist()
    shared = [path for path in (tmp_path / "other").rglob("*.faiss") if path.stat().st_nlink >= 3]
    assert len(shared) == 2
    maps = Path("/proc/self/maps").read_text()
    assert all(str(path) in maps for path in shared)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "recent": lambda folder: (folder / "recent.faiss").write_bytes(b"rubbish" * 100),
    "no recent": lambda folder: (folder / "recent.faiss").unlink(),
    "other recent": lambda folder: faiss.write_index(faiss.IndexFlatL2(4), str(folder / "recent.faiss")),
    "dead": lambda folder: (folder / "dead.npy").write_bytes(b""),
    "no dead": lambda folder: (folder / "dead.npy").unlink(),
    "rows": lambda folder: replace_with(folder / "base" / "rows.faiss", b"rubbish"),
    "cut rows": lambda folder: replace_with(
        folder / "base" / "rows.faiss", (folder / "base" / "rows.faiss").read_bytes()[:5000]
    ),
    "cells": lambda folder: replace_with(folder / "base" / "cells.faiss", b""),
    "description": lambda folder: replace_with(folder / "base" / "base.json", b"{}"),
}


def replace_with(path: Path, content: bytes) -> None:
    path.unlink()  # others share its content
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(index: VectorIndex, tmp_path: Path, damage: str) -> None:
    index.save(tmp_path / "saved")
    DAMAGES[damage](tmp_path / "saved")
    with pytest.raises(IndexCorruptError):
        VectorIndex.load(tmp_path / "saved")


def test_search_stays_exact_where_cells_are_no_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_is_worth_it", lambda p50_ms, exact_p50_ms: False)
    index = VectorIndex(DIMENSION, tmp_path / "own", SETTINGS)
    index.add(IDS, ROWS)
    index.compact()
    assert index.describe()["kind"] == "exact" and index.describe()["p50_ms"] > 0
    assert recall(index, 10) == 1.0


def test_search_stays_exact_where_everything_is_to_be_found(tmp_path: Path) -> None:
    index = VectorIndex(DIMENSION, tmp_path / "own", replace(SETTINGS, target_recall=1.0))
    index.add(IDS, ROWS)
    index.compact()
    assert index.describe()["kind"] == "exact"
    assert recall(index, 10) == 1.0


def test_real_queries_are_held_out_where_there_are_enough(tmp_path: Path, cells_are_worth_it: None) -> None:
    index = VectorIndex(DIMENSION, tmp_path / "own", SETTINGS)
    index.add(IDS, ROWS)
    for query in QUERIES[:40]:
        index.search(query[None], 3)
    index.compact()
    assert (index.describe()["real_queries"], index.describe()["held_out"]) == (40, 128)


def test_an_index_without_a_folder_stays_in_memory() -> None:
    index = VectorIndex(DIMENSION, settings=SETTINGS)
    index.add(IDS, ROWS)
    assert not index.is_compaction_due
    with pytest.raises(ValueError, match="no folder"):
        index.compact()


def test_cells_grow_as_a_power_of_the_depth_between_those_measured() -> None:
    measured = Measured("inverted file", vectors=10**6, cells=4096, probes=(12, 24, 64, 256))
    wanted = {5: 12, 10: 12, 50: 24, 200: 64, 200.02: 65, 447: 128, 1000: 256, 1001: None}
    assert {depth: measured.probes_for(depth) for depth in wanted} == wanted


def test_tuning_chooses_the_fewest_cells_for_each_depth() -> None:
    """With p cells, p of every 12 neighbours are found."""

    def search(queries: np.ndarray, depth: int, probes: int) -> list[np.ndarray]:
        return [np.arange(depth)[np.arange(depth) % 12 < probes] for _ in queries]

    def exact(queries: np.ndarray, k: int) -> np.ndarray:
        return np.tile(np.arange(k), (len(queries), 1))

    start = Measured("inverted file", vectors=500, cells=64, target_recall=0.5)
    tuned = coarse.tune(search, exact, QUERIES, start)
    assert (tuned.probes, tuned.recall) == ((6, 6, 6), (0.6, 0.52, 0.51))
    assert [tuned.probes_for(depth) for depth in (5, 10, 11, 200, 201)] == [6, 6, 6, 6, None]
    assert coarse.tune(search, exact, QUERIES, replace(start, cells=8)).probes == ()


def test_products_in_bfloat16_miss_no_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "ROWS_PER_BLOCK", 1000)
    rows = np.concatenate([ROWS, ROWS[:500]])  # neighbours that are equal, in other blocks
    queries = np.concatenate([QUERIES, 5 * ROWS[:20]])
    scores, numbers = batched.nearest(rows, queries, 20)
    expected = np.sort(queries @ rows.T, axis=1)[:, :-21:-1]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert np.take_along_axis(queries @ rows.T, numbers, axis=1) == pytest.approx(expected, abs=1e-5)
    assert all(len(set(row)) == 20 for row in numbers.tolist())


def test_products_in_bfloat16_serve_many_queries(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "MIN_QUERIES", 10)
    monkeypatch.setattr(batched, "TRIAL_ROWS", 1000)
    used = []
    monkeypatch.setattr(batched, "is_supported", lambda: True)
    monkeypatch.setattr(batched, "is_faster", lambda rows, queries, k: used.append(k) is None)
    for query, found in zip(QUERIES, index.search_exactly(QUERIES, 9), strict=True):
        assert set(found.ids.tolist()) == set(nearest(IDS, ROWS, query, 9))
    assert used == [10]


def test_without_a_device_the_processor_searches(caplog: pytest.LogCaptureFixture) -> None:
    if hasattr(faiss, "StandardGpuResources"):
        pytest.skip("there may be a device")
    assert device.find_device("auto") is None
    assert not caplog.records
    assert device.find_device("gpu") is None
    assert "searched on the processor" in caplog.text


def test_a_device_that_does_not_take_an_index_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def copy(self, index: Any) -> Any:
            raise RuntimeError("Error in allocMemory:\ncudaMalloc error out of memory")

    assert device.copy_or_fall_back(Full(), None, "an index of 5 vectors") is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == (
        "an index of 5 vectors is searched on the processor: the device does not take it "
        "(cudaMalloc error out of memory)"
    )


class OnProcessor:
    """A device that is none: copies stay where they are."""

    def copy(self, index: Any) -> Any:
        return faiss.clone_index(index)


def test_an_index_on_a_device_gives_the_same_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_device", lambda wanted: OnProcessor())
    index = VectorIndex(DIMENSION, tmp_path / "own", SETTINGS)
    index.add(IDS, ROWS)
    index.compact()
    assert recall(index, 10) == recall(index, 10, IDS[::2]) == 1.0
    index.remove(IDS[:10])
    index.add(np.array([1]), QUERIES[:1])
    assert index.search(QUERIES[:1], 3)[0].ids.tolist()[0] == 1


@pytest.mark.gpu
def test_a_gpu_finds_what_the_processor_finds(tmp_path: Path) -> None:
    found = []
    for wanted in ("cpu", "gpu"):
        index = VectorIndex(DIMENSION, tmp_path / wanted, replace(SETTINGS, device=wanted, target_recall=1))
        index.add(IDS, ROWS)
        index.compact()
        found.append(index.search(QUERIES, 20))
    assert device.find_device("gpu") is not None
    for one, other in zip(*found, strict=True):
        assert one.scores.tolist() == pytest.approx(other.scores.tolist(), abs=1e-4)
        assert len(set(one.ids.tolist()) & set(other.ids.tolist())) >= 19
