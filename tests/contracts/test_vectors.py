"""The vector contract, run against the FAISS index."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from store.errors import IndexCorruptError
from store.index.vectors import VectorIndex
from tests.contracts.vectors import DIMENSION, VectorContract, units


class TestVectorIndex(VectorContract):
    def make(self) -> VectorIndex:
        return VectorIndex(DIMENSION)

    def reload(self, index: VectorIndex, path: Path) -> VectorIndex:
        index.save(path / "vectors")
        return VectorIndex.load(path / "vectors")

    @pytest.mark.parametrize("content", [b"", b"rubbish" * 100])
    def test_a_damaged_file_is_refused(self, tmp_path: Path, content: bytes):
        (tmp_path / "vectors").write_bytes(content)
        with pytest.raises(IndexCorruptError, match="FAISS cannot read it"):
            VectorIndex.load(tmp_path / "vectors")

    def test_a_cut_file_is_refused(self, index: VectorIndex, tmp_path: Path):
        index.add(np.arange(100), units(100))
        index.save(tmp_path / "vectors")
        (tmp_path / "vectors").write_bytes((tmp_path / "vectors").read_bytes()[:500])
        with pytest.raises(IndexCorruptError):
            VectorIndex.load(tmp_path / "vectors")

    def test_another_kind_of_index_is_refused(self, tmp_path: Path):
        faiss.write_index(faiss.IndexFlatL2(4), str(tmp_path / "vectors"))
        with pytest.raises(IndexCorruptError, match="IndexFlatL2"):
            VectorIndex.load(tmp_path / "vectors")

    def test_a_missing_file_is_refused(self, tmp_path: Path):
        with pytest.raises(IndexCorruptError, match="missing"):
            VectorIndex.load(tmp_path / "missing")
