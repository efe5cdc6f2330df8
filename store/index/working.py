"""A folder of one process's own, beside the folders of others."""

import shutil
from pathlib import Path
from typing import Self
from uuid import uuid4

from store.index.locks import FileLock

IN_USE = "in-use"


class WorkingFolder:
    """A folder that is deleted when closed or, if its process was killed, by the next one that is made."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, directory: Path) -> Self:
        """Make a new folder in `directory` and delete those that nobody uses; one process at a time."""
        for other in directory.glob("working-*"):
            _delete_if_unused(other)
        path = directory / f"working-{uuid4().hex}"
        path.mkdir()
        lock = FileLock(path / IN_USE)
        lock.acquire()
        return cls(path, lock)

    def is_there(self) -> bool:
        """Tell whether the folder is still there: nobody else should delete it, but a person may."""
        return (self.path / IN_USE).exists()

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _delete_if_unused(folder: Path) -> None:
    try:
        lock = FileLock(folder / IN_USE)
    except FileNotFoundError:  # its owner has just deleted it
        return
    try:
        if lock.try_acquire():
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.close()
