"""Reading a snapshot that is used already, to see whether it is as it was written."""

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from store.index.snapshots import changed

logger = logging.getLogger(__name__)

STRETCH_BYTES = 8 << 20
STOP_S = 5.0


class Check:
    """A thread that reads files whole, resting after each stretch as long as that took.

    The files are opened at once: another process may replace the snapshot meanwhile.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.is_sound = True
        """Whether there is nothing that has not been found to be as it was written."""
        self.damage: str | None = None
        """What is wrong with the files, once that is known."""

    def start(self, folder: Path, digests: Mapping[str, str]) -> None:
        """Begin to compare the files of a folder with their SHA-256, each by its path from there."""
        self.is_sound = False
        with ExitStack() as opened:
            files = {name: opened.enter_context((folder / name).open("rb", buffering=0)) for name in digests}
            self._thread = threading.Thread(
                target=self._run, args=(files, digests, opened.pop_all()), name="index-check", daemon=True
            )
        self._thread.start()

    def wait(self) -> None:
        """Return when all was read."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End after the stretch that is being read."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _run(self, files: Mapping[str, BinaryIO], digests: Mapping[str, str], opened: ExitStack) -> None:
        began = time.monotonic()
        with opened:
            for name, file in files.items():
                try:
                    digest = self._digest(file)
                except OSError as error:
                    self.damage = f"{name} cannot be read ({error.strerror})"
                    return
                if digest is None:
                    return
                if digest != digests[name]:
                    self.damage = changed(name)
                    return
        self.is_sound = True
        logger.info("an index of %d files was checked in %.1f s", len(files), time.monotonic() - began)

    def _digest(self, file: BinaryIO) -> str | None:
        """The SHA-256 of a file; None if it is not wanted any more."""
        sha256 = hashlib.sha256()
        stretch = memoryview(bytearray(STRETCH_BYTES))
        began = time.monotonic()
        while size := file.readinto(stretch):  # type: ignore[attr-defined]  # a raw file has it
            sha256.update(stretch[:size])
            if self._stopping.wait(time.monotonic() - began):
                return None
            began = time.monotonic()
        return sha256.hexdigest()
