"""Locks between threads and between processes."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ReadWriteLock:
    """Many readers at once or one writer alone; a waiting writer goes before new readers. Not re-entrant."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._readers = 0
        self._writing = False
        self._writers_waiting = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock together with other readers."""
        with self._condition:
            self._condition.wait_for(lambda: not self._writing and not self._writers_waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._condition:
                self._readers -= 1
                self._condition.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock alone."""
        with self._condition:
            self._writers_waiting += 1
            try:
                self._condition.wait_for(lambda: not self._writing and not self._readers)
            finally:
                self._writers_waiting -= 1
                self._condition.notify_all()
            self._writing = True
        try:
            yield
        finally:
            with self._condition:
                self._writing = False
                self._condition.notify_all()


class FileLock:
    """A lock on a file that the operating system releases when its holder closes it, exits or is killed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def acquire(self) -> None:
        """Wait until no other holder is left, then hold the lock alone."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def acquire_shared(self) -> None:
        """Wait until nobody holds the lock alone, then hold it together with others."""
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def try_acquire(self) -> bool:
        """Hold the lock alone if that is possible at once; return whether it was."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release the lock."""
        self._file.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file lock at `path` alone."""
    lock = FileLock(path)
    try:
        lock.acquire()
        yield
    finally:
        lock.close()


@contextmanager
def locked_shared(path: Path) -> Iterator[None]:
    """Hold the file lock at `path` together with other readers."""
    lock = FileLock(path)
    try:
        lock.acquire_shared()
        yield
    finally:
        lock.close()
