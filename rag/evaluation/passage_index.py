"""Keyword and vector indexes over passages that are not in a database: for measuring retrieval."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.retriever.fusion import hybrid, reciprocal_rank
from store.index.ranking import Ranking
from store.index.tantivy_index import TantivyIndex
from store.index.vectors import VectorIndex

MODES = ("keyword", "vector", "rrf", "weighted")


class Encodes(Protocol):
    """What is needed of an encoder."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """`(len(texts), dimension)`, unit length."""


class PassageIndex:
    """Texts numbered from 0, searchable in every mode."""

    def __init__(
        self,
        texts: Sequence[str],
        encoder: Encodes,
        folder: Path,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Embed and index the texts; `progress` is told how many of how many are done."""
        self.texts = texts
        self._encoder = encoder
        self.keywords = TantivyIndex(folder)
        """The keyword half."""
        self._vectors = VectorIndex(encoder.dimension)
        self.rows: NDArray[np.float32] = np.zeros((len(texts), encoder.dimension), dtype=np.float32)
        """The texts' vectors, by number."""
        order = np.argsort([len(t) for t in texts], kind="stable").astype(np.int64)
        for begin in range(0, len(order), 512):
            ids = order[begin : begin + 512]
            batch = [texts[i] for i in ids]
            self.keywords.add(ids, batch)
            self.rows[ids] = encoder.encode(batch)
            self._vectors.add(ids, self.rows[ids])
            if progress:
                progress(begin + len(ids), len(texts))
        self.keywords.commit()

    def search(self, query: str, mode: str, k: int, depth: int = 200) -> list[int]:
        """The numbers of the k best texts.

        Args:
            query: what is looked for.
            mode: one of MODES.
            k: how many to return.
            depth: how many each index contributes to a fusion.
        """
        return [int(i) for i in self.rank(query, mode, depth).ids[:k]]

    def rank(self, query: str, mode: str, depth: int) -> Ranking:
        """The ranking behind `search`."""
        if mode == "keyword":
            return self.keywords.search(query, depth)
        vector = self._encoder.encode([query])
        nearest = self._vectors.search(vector, depth)[0]
        if mode == "vector":
            return nearest
        keyword = self.keywords.search(query, depth)
        if mode == "rrf":
            return reciprocal_rank([keyword, nearest])
        return hybrid(keyword, nearest, [0.5, 0.5])

    def close(self) -> None:
        """Let the index's files go."""
        self.keywords.close()
