"""Building the base of a vector index in the background, in one process at a time."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from store.index.locks import FileLock
from store.index.vectors import VectorIndex

logger = logging.getLogger(__name__)

LOCK = "compacting"
WAIT_S = 5.0


class Compaction:
    """Builds bases in a thread. Others on the same directory wait for the snapshot with the result."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._thread: threading.Thread | None = None
        self._given_up = False

    @property
    def is_running(self) -> bool:
        """Whether a base is just being built."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, vectors: VectorIndex, then: Callable[[], None]) -> None:
        """Build a base while `vectors` goes on serving, and call `then`, unless another process is at it."""
        lock = FileLock(self._directory / LOCK)
        if not lock.try_acquire():
            lock.close()
            return
        self._thread = threading.Thread(
            target=self._run, args=(vectors, then, lock), name="compaction", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Wait a little for a base that is being built; one that takes longer is given up."""
        self._given_up = True
        if self._thread is not None:
            self._thread.join(WAIT_S)

    def _run(self, vectors: VectorIndex, then: Callable[[], None], lock: FileLock) -> None:
        try:
            vectors.compact()
            then()
        except Exception as error:
            # Nothing is lost: what there is goes on being served, and the next refresh tries again.
            level = logging.DEBUG if self._given_up else logging.ERROR
            logger.log(
                level, "building the base of a vector index failed: %s: %s", type(error).__name__, error
            )
        finally:
            lock.close()
