"""Reading into memory, after the start, what the first questions and pages will need."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from api.build import Application
from store import warming
from store.errors import StoreError
from store.index.locks import FileLock

logger = logging.getLogger(__name__)

LOCK = "warm-up.lock"
DATABASE_LOCK = 0x475741524D
"""The advisory lock of the one that has a PostgreSQL of yours read; the bytes spell GWARM."""
LOOK_S = 1.0
"""How often a process looks whether another one of this machine is done."""
STOP_S = 8.0
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""How much memory a container may use, in bytes, or `max`."""


@dataclass(frozen=True)
class Reading:
    """How much was read, and whether all of it was: there was room for it, and time."""

    size_bytes: int
    is_whole: bool


class WarmUp:
    """A thread that reads the files of indexes and database once, resting as long as it reads.

    The operating system keeps in memory what was read, for all processes of the machine: one of them reads,
    and the others wait until it has.
    """

    def __init__(self, parts: Application) -> None:
        self._parts = parts
        self.is_done = False
        """Whether this process, or another, has read what there was room for."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)

    def start(self) -> None:
        """Begin, unless the settings want none."""
        if self._parts.settings.warm_up and not self._stopping.is_set():
            self._thread.start()

    def stop(self) -> None:
        """End after the stretch that is being read."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        _give_way()
        try:
            self._parts.settings.data_dir.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._parts.settings.data_dir / LOCK)
            with closing(lock):
                if lock.try_acquire():
                    self._read()
                else:
                    while not self._stopping.wait(LOOK_S) and not lock.try_acquire():
                        pass
        except (StoreError, OSError) as error:
            # Nothing depends on it: what was not read now is read when it is asked for.
            logger.warning("warming up was broken off: %s", error)
        except Exception as error:
            logger.warning("warming up was broken off: %s", type(error).__name__)
        else:
            self.is_done = not self._stopping.is_set()

    def _read(self) -> None:
        share, database = self._parts.settings.warm_up, self._parts.database
        room = int(free_memory_bytes() * share)
        began = time.monotonic()
        indexes = self._take(warming.read_files(self._parts.index_files()), room)
        if database.folder is not None:
            with database.transaction() as session:
                files = warming.files_of(database.folder, warming.relations(session))
            tables = self._take(warming.read_files(files), room - indexes.size_bytes)
        else:
            tables = self._have_read()
        if self._stopping.is_set():
            return
        logger.info(
            "warmed up in %.1f s: %.0f MB of indexes and %.0f MB of the database were read%s",
            time.monotonic() - began, indexes.size_bytes / 1e6, tables.size_bytes / 1e6,
            "" if indexes.is_whole and tables.is_whole else f"; RAG_WARM_UP={share:g} has no room for more",
        )  # fmt: skip

    def _have_read(self) -> Reading:
        """Have a PostgreSQL that is not ours read, a share of what it says that its machine can keep."""
        database = self._parts.database
        lock = database.try_lock(DATABASE_LOCK)
        if lock is None:  # a server on another machine has it read
            return Reading(0, is_whole=True)
        try:
            room = int(warming.memory_bytes(database) * self._parts.settings.warm_up)
            return self._take(warming.read_through_server(database), room)
        finally:
            lock.release()

    def _take(self, stretches: Iterator[int], room: int) -> Reading:
        """Read on as long as there is room, with a rest after each stretch as long as it took."""
        taken, began = 0, time.monotonic()
        for size_bytes in stretches:
            taken += size_bytes
            if taken > room or self._stopping.wait(time.monotonic() - began):
                return Reading(taken, is_whole=False)
            began = time.monotonic()
        return Reading(taken, is_whole=True)


def free_memory_bytes() -> int:
    """How much memory can be used without taking it from others, here or in this container."""
    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # not Linux, or no limit
        free = min(free, int(MEMORY_LIMIT.read_text(encoding="utf-8")))
    return free


def _give_way() -> None:
    """Let the disk serve others first; but not the processor: whoever holds the GIL must not wait."""
    with suppress(psutil.Error, OSError, AttributeError):  # not Linux, or not allowed
        psutil.Process(threading.get_native_id()).ionice(psutil.IOPRIO_CLASS_IDLE)
