"""The vector contract, run against the index without a base, with one that is exact, and with cells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store.index import base, coarse
from store.index.vectors import VectorIndex, VectorSettings
from tests.contracts.vectors import DIMENSION, VectorContract


class TestVectorsInMemory(VectorContract):
    def make(self, folder: Path) -> VectorIndex:
        return VectorIndex(DIMENSION)

    def reload(self, index: VectorIndex, path: Path) -> VectorIndex:
        index.save(path / "vectors")
        return VectorIndex.load(path / "vectors")


class Compacted(VectorIndex):
    """Makes a base after every change, so that nothing stays in memory."""

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        super().add(ids, vectors)
        self.compact()

    def remove(self, ids: np.ndarray) -> None:
        super().remove(ids)
        self.compact()


class TestVectorsInABase(TestVectorsInMemory):
    changes = 2
    settings = VectorSettings(exact_below=10**6)

    def make(self, folder: Path) -> VectorIndex:
        return Compacted(DIMENSION, folder / "own", self.settings)

    def reload(self, index: VectorIndex, path: Path) -> VectorIndex:
        index.save(path / "vectors")
        return Compacted.load(path / "vectors", path / "again", self.settings)


class TestVectorsInCells(TestVectorsInABase):
    """With as many cells looked into as give every neighbour."""

    settings = VectorSettings(exact_below=9, target_recall=0.999)

    @pytest.fixture(autouse=True)
    def cells_whatever_they_cost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "FEW", 0)
        monkeypatch.setattr(coarse, "median_ms", lambda search, queries: -float(search(queries[:1]) is None))
        monkeypatch.setattr(coarse, "tune", all_cells)
        monkeypatch.setattr(base, "_is_worth_it", lambda p50, exact_p50: True)


def all_cells(search: Any, exact: Any, queries: np.ndarray, measured: coarse.Measured) -> coarse.Measured:
    return replace(measured, probes=(measured.cells,) * 4, recall=(1.0,) * 4)
