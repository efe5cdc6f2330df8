"""Work that is shared out among cores, each of which computes for itself.

The threads of one operation wait for each other at its end: in a network of small layers that is most of the
time that a second core could save. Parts that are computed side by side wait once.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


class Cores:
    """Threads in each of which torch uses one core; they are started when they are first needed."""

    def __init__(self, name: str) -> None:
        """The threads bear this name."""
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._starting = Lock()

    def map(self, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Do the work on all parts side by side; gives the results in order. A single part is done here."""
        if len(parts) < 2:
            return map(work, parts)
        with self._starting:
            if self._pool is None:
                self._pool = _started(torch.get_num_threads(), self._name)
        return self._pool.map(work, parts)


def _started(threads: int, name: str) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    together = Barrier(threads)  # so that each of the threads takes one of the calls
    for done in [pool.submit(_use_one_core, together) for _ in range(threads)]:
        done.result()
    torch.set_num_threads(threads)
    return pool


def _use_one_core(together: Barrier) -> None:
    """Let torch use one core in this thread.

    What is set counts for this thread and for all that have not asked yet, so this one has to ask before.
    """
    torch.get_num_threads()
    torch.set_num_threads(1)
    together.wait()
