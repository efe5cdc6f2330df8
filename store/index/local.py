"""The indexes of all corpora on this machine."""

import logging
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from store.errors import DatabaseUnavailableError, StoppingError
from store.figures import IndexState
from store.index.keywords import KeywordIndex
from store.index.local_index import LocalIndex
from store.index.rank_bm25_index import RankBM25Index
from store.index.tantivy_index import TantivyIndex
from store.index.vectors import DEFAULT, VectorSettings
from store.postgres import Database
from store.types import Corpus

__all__ = ["ENGINES", "LocalIndex", "LocalIndexes"]

logger = logging.getLogger(__name__)

ENGINES: Mapping[str, type[KeywordIndex]] = {"tantivy": TantivyIndex, "rank-bm25": RankBM25Index}


class LocalIndexes:
    """The indexes of all corpora, each opened when first asked for. Safe to use from several threads."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        *,
        engine: type[KeywordIndex] = TantivyIndex,
        vectors: VectorSettings = DEFAULT,
        refresh_interval_s: float = 1.0,
    ) -> None:
        self._directory = directory
        self._database = database
        self._engine = engine
        self._vectors = vectors
        self._refresh_interval_s = refresh_interval_s
        self._lock = threading.Lock()
        self._opening: dict[int, threading.Lock] = {}
        self._open: dict[int, LocalIndex] = {}
        self._closed = False

    def for_corpus(self, corpus: Corpus) -> LocalIndex:
        """Return the corpus's index; the first call loads it, or builds it, which can take a while.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            StoppingError: All indexes have been closed, perhaps while this one was being opened.
        """
        with self._lock:
            opening = self._opening.setdefault(corpus.id, threading.Lock())
        with opening:
            with self._lock:
                if self._closed:
                    raise StoppingError
                index = self._open.get(corpus.id)
            if index is None:
                index = LocalIndex(
                    self._directory / str(corpus.id),
                    corpus,
                    self._database,
                    engine=self._engine,
                    vectors=self._vectors,
                    refresh_interval_s=self._refresh_interval_s,
                )
                with self._lock:
                    closed = self._closed
                    if not closed:
                        self._open[corpus.id] = index
                if closed:
                    index.close()
                    raise StoppingError
            return index

    def refresh_all(self) -> None:
        """Refresh every index that is open; one that fails is logged and does not stop the others.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached; the indexes stay as they were.
        """
        for index in self._opened():
            try:
                index.refresh()
            except DatabaseUnavailableError:
                raise
            except Exception as error:
                # Nothing is lost: the changes stay in the log, and the next refresh applies them again.
                logger.error("refreshing the %r failed: %s", index, type(error).__name__)

    def states(self) -> list[IndexState]:
        """How far each index is that is open."""
        with self._lock:
            opened = dict(self._open)
        return [IndexState(corpus_id, index.position, index.behind_s) for corpus_id, index in opened.items()]

    def files(self) -> list[Path]:
        """The files that searches read in the indexes that are open."""
        return [path for index in self._opened() for path in index.files()]

    def discard(self, corpus: Corpus) -> None:
        """Close a deleted corpus's index and delete its files."""
        with self._lock:
            index = self._open.pop(corpus.id, None)
        if index is not None:
            index.close()
        shutil.rmtree(self._directory / str(corpus.id), ignore_errors=True)

    def close(self) -> None:
        """Close every index that is open, and those that are still being opened; see `LocalIndex.close`."""
        with self._lock:
            self._closed = True
            opened, self._open = list(self._open.values()), {}
        for index in opened:
            index.close()

    def _opened(self) -> list[LocalIndex]:
        with self._lock:
            return list(self._open.values())
