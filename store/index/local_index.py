"""The two indexes of one corpus, kept in step with PostgreSQL through the index log."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from store import corpora, index_log
from store.errors import IndexCorruptError
from store.index import snapshots
from store.index.checking import Check
from store.index.compaction import Compaction
from store.index.conditions import fulfilling
from store.index.files import link_files
from store.index.filling import CHUNKS_PER_BATCH, add_chunks, batches, contents_of, language_of
from store.index.keywords import KeywordIndex
from store.index.locks import FileLock, locked
from store.index.query import KeywordQuery
from store.index.ranking import Ranking
from store.index.tantivy_index import TantivyIndex
from store.index.vectors import DEFAULT, VectorError, VectorIndex, VectorSettings
from store.index.working import WorkingFolder
from store.postgres import Database
from store.types import Corpus

logger = logging.getLogger(__name__)

LOCK = "lock"
KEYWORDS = "keywords"
VECTORS = "vectors"
MIN_CHANGES_TO_SAVE = 256
FOLDER_DELETED = "its folder was deleted"


class LocalIndex:
    """Both indexes of one corpus: a snapshot, and the log's changes since.

    Safe to use from several threads, and from several processes on one directory: each works on its own copy,
    and they share the snapshot.
    """

    def __init__(
        self,
        directory: Path,
        corpus: Corpus,
        database: Database,
        *,
        engine: type[KeywordIndex] = TantivyIndex,
        vectors: VectorSettings = DEFAULT,
        refresh_interval_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load the snapshot in `directory`; rebuild both indexes from the database if there is none to trust.

        Args:
            directory: for this corpus alone.
            corpus: whose chunks to search.
            database: holds the chunks.
            engine: of the keyword index.
            vectors: how vectors are searched.
            refresh_interval_s: a search looks for changes if nobody has for so long.
            clock: seconds that only go up.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._corpus = corpus
        self._database = database
        self._refresh_interval_s = refresh_interval_s
        self._clock = clock
        self._engine = engine
        self._vector_settings = vectors
        self._compaction = Compaction(directory)
        self._check = Check()
        self._contents = contents_of(corpus, engine)
        self._refreshing = threading.Lock()
        self._closed = False
        self._engine_failed = False
        self._unsaved = 0
        self._position = 0
        self._base_position = 0
        self._keywords: KeywordIndex
        self._vectors: VectorIndex
        # One process opens at a time: those that wait load the snapshot that the first has built.
        with locked(directory / LOCK):
            self._working = WorkingFolder.make(directory)
            try:
                self._load_or_rebuild()
            except BaseException:
                self._working.close()
                raise
        self._refreshed_at = clock()

    @property
    def position(self) -> int:
        """The index log's sequence number up to which its changes are in both indexes."""
        return self._position

    @property
    def behind_s(self) -> float:
        """Seconds since the index last had all changes that were committed by then."""
        return self._clock() - self._refreshed_at

    def __len__(self) -> int:
        return len(self._vectors)

    def files(self) -> list[Path]:
        """Return the files that searches read."""
        return [path for path in self._working.path.rglob("*") if path.is_file()]

    def describe_vectors(self) -> dict[str, Any]:
        """Return how vectors are searched, with what was measured of it."""
        return self._vectors.describe()

    def __repr__(self) -> str:
        return f"index of corpus {self._corpus.name!r}"

    def search_keywords(self, query: str, k: int, allowed: NDArray[np.int64] | None = None) -> Ranking:
        """Return the `k` chunks that match the words of any text best; see `KeywordIndex.search`."""
        self._refresh_if_due()
        return self._keywords.search(query, k, allowed)

    def search_vectors(
        self, vector: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Ranking:
        """Return the `k` chunks nearest to a vector of shape `(dimension,)`; see `VectorIndex.search`."""
        self._refresh_if_due()
        return self._vectors.search(vector[None, :], k, allowed)[0]

    def fulfilling(self, query: KeywordQuery) -> NDArray[np.int64] | None:
        """Return the ids, ascending, of the chunks that fulfil a query's conditions; None: there are none."""
        if not query.has_conditions:
            return None
        self._refresh_if_due()
        return fulfilling(self._keywords, self._vectors.ids, query)

    def has_phrase(self, phrase: str) -> bool:
        """Tell whether any chunk has a word, or several in this order; True of what holds no word."""
        having = self._keywords.having(phrase)
        return having is None or len(having) > 0

    def count_word(self, word: str) -> int:
        """Return how many chunks have a word; see `KeywordIndex.count`."""
        self._refresh_if_due()
        return self._keywords.count(word)

    def similar_words(self, word: str, distance: int, k: int) -> NDArray[np.int64]:
        """Return up to `k` chunks that have a word spelt much like this one; see `KeywordIndex.similar`."""
        return self._keywords.similar(word, distance, k)

    def refresh(self) -> None:
        """Take over all changes that are committed by now; save a snapshot when many have come together.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached; the indexes stay as they were.
        """
        with self._refreshing:
            self._catch_up()
            if self._closed:
                return
            if self._vectors.is_compaction_due and self._check.is_sound:
                self._compact()
            if self._is_save_due():
                self._save()

    def save(self) -> None:
        """Write a snapshot, unless another process is just doing so or the last one is as new."""
        self._check.wait()
        with self._refreshing:
            if self._closed:
                return
            if lost := self._lost():
                self._start_over(lost)
            else:
                self._save()

    def close(self) -> None:
        """Save a snapshot if that is worth it, free memory and disk; nothing can be searched afterwards.

        A snapshot that cannot be saved is logged only: the next process replays the log instead.
        """
        self._compaction.wait()
        self._check.stop()
        with self._refreshing:
            if self._closed:
                return
            self._closed = True
            try:
                if self._is_save_due() and self._working.is_there():
                    self._save()
            except Exception as error:
                logger.error(
                    "the snapshot of the %r was not saved: %s: %s", self, type(error).__name__, error
                )
            try:
                self._keywords.close()
            finally:
                self._working.close()

    def _refresh_if_due(self) -> None:
        if self._clock() - self._refreshed_at < self._refresh_interval_s:
            return
        if self._refreshing.acquire(blocking=False):  # else another thread is at it: search what there is
            try:
                self._catch_up()
            finally:
                self._refreshing.release()

    def _catch_up(self) -> None:
        if self._closed:
            return
        if lost := self._lost() or self._replay_or_tell_why_not():
            self._start_over(lost)
        self._engine_failed = False
        self._refreshed_at = self._clock()

    def _lost(self) -> str | None:
        """What is known of the files without a look into the log; None: nothing is wrong with them."""
        return self._check.damage if self._working.is_there() else FOLDER_DELETED

    def _replay_or_tell_why_not(self) -> str | None:
        """Apply the changes since; return None, or why only building the indexes again can help."""
        with self._database.transaction() as session:
            if index_log.position(session, self._corpus.id) < self._position:
                return (
                    "the log ends before it, as after a restore of the database or once the corpus is deleted"
                )
            settings = corpora.settings_of(session, self._corpus.id)
            if settings is not None and (reason := self._adopt(settings)):
                return reason
            try:
                self._replay(session, self._vectors, self._position)
            except VectorError:
                raise
            except (OSError, ValueError) as error:  # what the keyword engines raise
                # The first failure may pass (a full disk); to build again costs too much to try at once.
                if self._working.is_there() and not self._engine_failed:
                    self._engine_failed = True
                    raise
                self._engine_failed = False
                return f"the keyword engine fails on its files ({type(error).__name__})"
        return None

    def _adopt(self, settings: Mapping[str, Any]) -> str | None:
        """Note what is chosen for the corpus by now; return why the indexes do not fit it, if they do not."""
        before, after = language_of(self._corpus.settings), language_of(settings)
        if before == after:
            return None
        self._corpus = replace(self._corpus, settings=settings)
        self._contents = contents_of(self._corpus, self._engine)
        return f"its language was {before} and is to be {after}"

    def _open_keywords(self, folder: Path) -> KeywordIndex:
        return self._engine(folder, language_of(self._corpus.settings))

    def _start_over(self, reason: str) -> None:
        """Build both indexes again, in a new folder; searches go on in the old ones meanwhile."""
        logger.warning("%r is set aside: %s; building it again from PostgreSQL", self, reason)
        self._directory.mkdir(parents=True, exist_ok=True)
        with locked(self._directory / LOCK):
            working = WorkingFolder.make(self._directory)
            old, old_working = self._keywords, self._working
            try:
                self._rebuild(working)
            except BaseException:
                working.close()
                raise
            self._working, self._check, self._unsaved = working, Check(), 0
            try:
                # A snapshot from before a restore would seem sound once the log has grown past it.
                snapshots.discard(self._directory)
                if len(self):
                    self._write_snapshot()
            finally:
                try:
                    old.close()
                finally:
                    old_working.close()

    def _replay(self, session: Session, vectors: VectorIndex, position: int) -> None:
        """Apply the log from a position on. Breaking off is harmless: all of it can be applied again."""
        while changes := index_log.read_after(session, self._corpus.id, position, CHUNKS_PER_BATCH):
            latest = {change.chunk_id: change.chunk for change in changes}
            gone = np.array([i for i, chunk in latest.items() if chunk is None], dtype=np.int64)
            self._keywords.remove(gone)
            vectors.remove(gone)
            add_chunks(self._keywords, vectors, [chunk for chunk in latest.values() if chunk is not None])
            position = changes[-1].sequence
            self._unsaved += len(latest)
        if position > self._position:
            self._keywords.commit()
            self._position = position

    def _compact(self) -> None:
        """Serve from the base that another process has built, or build one while this one is served."""
        try:
            if self._compaction.is_running or self._adopt_base():
                return
        except (IndexCorruptError, OSError) as error:  # just replaced, perhaps; the next snapshot will do
            logger.info("the %r does not take the newest snapshot: %s", self, error)
        self._compaction.start(self._vectors, self.save)

    def _adopt_base(self) -> bool:
        manifest = snapshots.read_manifest(self._directory)
        if manifest is None or manifest.contents != self._contents:
            return False
        newer = manifest.position > self._base_position
        if not newer or manifest.vectors.get("base") in (None, self._vectors.base_name):
            return False
        with locked(self._directory / LOCK):
            vectors = self._load_vectors(snapshots.verify(self._directory, manifest, self._contents))
        with self._database.snapshot() as session:
            self._replay(session, vectors, manifest.position)
        self._vectors, self._base_position = vectors, manifest.position
        return True

    def _load_vectors(self, snapshot: Path) -> VectorIndex:
        return VectorIndex.load(snapshot / VECTORS, self._working.path / VECTORS, self._vector_settings)

    def _load_or_rebuild(self) -> None:
        try:
            if self._load():
                return
            logger.info("building the indexes of corpus %r", self._corpus.name)
        except IndexCorruptError as error:
            logger.warning(
                "index snapshot %s is set aside: %s; building it again from PostgreSQL",
                error.path,
                error.reason,
            )
            snapshots.discard(self._directory)
        self._rebuild(self._working)
        if len(self):
            self._write_snapshot()

    def _load(self) -> bool:
        manifest = snapshots.read_manifest(self._directory)
        if manifest is None:
            return False
        folder, is_checked = snapshots.find_sound(self._directory, manifest, self._contents)
        link_files(folder / KEYWORDS, self._working.path / KEYWORDS)
        self._keywords = self._open_keywords(self._working.path / KEYWORDS)
        self._vectors = self._load_vectors(folder)
        self._position = self._base_position = manifest.position
        with self._database.snapshot() as session:
            if index_log.position(session, self._corpus.id) < manifest.position:
                raise IndexCorruptError(str(folder), "the database was restored to an earlier state")
            self._replay(session, self._vectors, self._position)
            expected = index_log.count_searchable(session, self._corpus.id)
        if not len(self._vectors) == len(self._keywords) == expected:
            counts = f"{len(self._vectors)} vectors and {len(self._keywords)} texts for {expected} chunks"
            raise IndexCorruptError(str(folder), f"with the changes since, it has {counts}")
        if not is_checked:
            self._check.start(folder, manifest.files)
        return True

    def _rebuild(self, working: WorkingFolder) -> None:
        """Fill new indexes, and put them in place of those there may be once they are complete."""
        keywords = self._open_keywords(working.path / "rebuilt")
        vectors = VectorIndex(self._corpus.dimension, working.path / VECTORS, self._vector_settings)
        with self._database.snapshot() as session:
            position = index_log.position(session, self._corpus.id)
            for chunks in batches(index_log.snapshot_rows(session, self._corpus.id)):
                add_chunks(keywords, vectors, chunks)
        keywords.commit()
        if vectors.is_compaction_due:
            vectors.compact()
        self._keywords, self._vectors = keywords, vectors
        self._position = self._base_position = position

    def _is_save_due(self) -> bool:
        """Tell whether so much has changed that a snapshot, whose cost grows with size, is worth writing."""
        return self._check.is_sound and self._unsaved >= max(MIN_CHANGES_TO_SAVE, len(self) // 8)

    def _save(self) -> None:
        lock = FileLock(self._directory / LOCK)
        try:
            here = self._contents, self._position, self._vectors.base_name
            if lock.try_acquire() and snapshots.is_older(self._directory, *here):
                self._write_snapshot()
        finally:
            lock.close()

    def _write_snapshot(self) -> None:
        def fill(folder: Path) -> None:
            self._keywords.save(folder / KEYWORDS)
            self._vectors.save(folder / VECTORS)

        about = snapshots.About(self._position, len(self), self._vectors.describe())
        snapshots.write(self._directory, self._contents, about, fill)
        self._unsaved = 0
