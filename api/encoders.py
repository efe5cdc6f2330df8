"""The encoder, made fit for use by several threads and for the corpus that it fills."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from api.lazy import Lazy
from ingest.cuts import ChunkSize
from store import corpora
from store.types import Corpus

if TYPE_CHECKING:
    from api.build import Application
    from rag.encoder import Encoder

TEXTS_PER_SLICE = 64
USUAL_ENCODER = "all-MiniLM-L6-v2"
"""The encoder that the default chunk size was made for."""


class SharedEncoder:
    """An encoder that several threads use: its tokenizer does not bear two of them at once."""

    def __init__(self, encoder: "Encoder") -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self.name = encoder.name
        self.revision = encoder.revision
        self.dimension = encoder.dimension
        self.window = encoder.window

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text: see `Encoder.encode`.

        Between the slices of a long list others get their turn: a question waits for one slice of an upload.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_PER_SLICE):
            with self._lock:
                slice_vectors = self._encoder.encode(texts[start : start + TEXTS_PER_SLICE])
            vectors[start : start + TEXTS_PER_SLICE] = slice_vectors
        return vectors

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the character offsets of each text's tokens: see `Encoder.token_offsets`."""
        with self._lock:
            return self._encoder.token_offsets(texts)


class CorpusEncoder:
    """What embeds the documents of one corpus; loaded, and compared with the corpus, at its first use."""

    def __init__(self, application: "Application", corpus: Corpus) -> None:
        self._application = application
        self._corpus = corpus
        self._fitting = Lazy(self._load)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text.

        Raises:
            EncoderMismatchError: The corpus was embedded by another encoder.
        """
        return self._fitting.get().encode(texts)

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the character offsets of each text's tokens.

        Raises:
            EncoderMismatchError: The corpus was embedded by another encoder.
        """
        return self._fitting.get().token_offsets(texts)

    def chunk_size(self) -> ChunkSize:
        """How large chunks may be for the encoder to read them whole; loads it unless it is the usual one."""
        if self._corpus.encoder == USUAL_ENCODER:
            return ChunkSize()
        return ChunkSize.for_window(self._fitting.get().window)

    def _load(self) -> SharedEncoder:
        encoder = self._application.encoder
        with self._application.database.transaction() as session:
            corpora.get_or_create(
                session, self._corpus.name, encoder.name, encoder.revision, encoder.dimension
            )
        return encoder
