"""The encoder, made fit for use by several threads and for the corpus that it fills."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
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
    """An encoder that several threads use: its tokenizer does not bear two of them at once.

    One thread of its own embeds what all of them wait for, as much at once as fits into one slice: for eight
    questions together that takes a third of the time that they take one after the other. Were it done by the
    threads that ask, torch would keep a team of helpers for each of them.
    """

    def __init__(self, encoder: "Encoder") -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._line: deque[_Slice] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")
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
            slice_ = texts[start : start + TEXTS_PER_SLICE]
            vectors[start : start + TEXTS_PER_SLICE] = self.begin(slice_).result()
        return vectors

    def begin(self, texts: Sequence[str]) -> "Future[NDArray[np.float32]]":
        """Let a few texts be embedded, at most one slice, while the caller does something else."""
        waiting = _Slice(texts)
        self._line.append(waiting)
        self._thread.submit(self._encode_next)
        return waiting.done

    def _encode_next(self) -> None:
        """Embed what waits, if the call before has left anything."""
        if self._line:
            with self._lock:
                self._encode_together(self._take())

    def _take(self) -> "list[_Slice]":
        """Take what has waited longest, at least one slice and at most as many texts as fit into one."""
        taken = [self._line.popleft()]
        room = TEXTS_PER_SLICE - len(taken[0].texts)
        while self._line and len(self._line[0].texts) <= room:
            taken.append(self._line.popleft())
            room -= len(taken[-1].texts)
        return taken

    def _encode_together(self, slices: "Sequence[_Slice]") -> None:
        try:
            vectors = self._encoder.encode([text for each in slices for text in each.texts])
        except BaseException as error:
            if len(slices) == 1:
                slices[0].done.set_exception(error)
                return
            for each in slices:  # one of them cannot be embedded, which is no matter of the others
                self._encode_together([each])
            return
        begin = 0
        for each in slices:
            each.done.set_result(vectors[begin : begin + len(each.texts)])
            begin += len(each.texts)

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return the character offsets of each text's tokens: see `Encoder.token_offsets`."""
        with self._lock:
            return self._encoder.token_offsets(texts)


@dataclass(frozen=True)
class _Slice:
    """Texts that wait to be embedded, and their vectors."""

    texts: Sequence[str]
    done: "Future[NDArray[np.float32]]" = field(default_factory=Future)


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
