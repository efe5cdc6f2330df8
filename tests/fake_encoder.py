"""An encoder without a model: texts that share words are near each other."""

import re
from collections.abc import Sequence
from concurrent.futures import Future
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from store.index.search_text import search_text
from store.types import NewChunk


class FakeEncoder:
    """Counts words in `dimension` buckets; the same on every machine and in every process."""

    def __init__(self, name: str = "fake", revision: str = "r1", dimension: int = 64) -> None:
        self.name = name
        self.revision = revision
        self.dimension = dimension
        self.window = 256

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, crc32(word.encode()) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def begin(self, texts: Sequence[str]) -> "Future[NDArray[np.float32]]":
        done: Future[NDArray[np.float32]] = Future()
        done.set_result(self.encode(texts))
        return done

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Each word is a token."""
        return [[word.span() for word in re.finditer(r"\S+", text)] for text in texts]

    def chunks_of(self, text: str, heading_path: tuple[str, ...] = ()) -> list[NewChunk]:
        """A chunk per line."""
        chunks = []
        start = 0
        for line in text.splitlines():
            embedding = self.encode([search_text(heading_path, line)])[0].astype(np.float16)
            chunks.append(NewChunk(start, start + len(line), line, heading_path, embedding))
            start += len(line) + 1
        return chunks
