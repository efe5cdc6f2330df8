"""Work that is shared out among cores, each of which computes for itself.

The threads of one operation wait for each other at its end: in a network of small layers that is most of the
time that a second core could save. Parts that are computed side by side wait once.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

TOKENS_AT_ONCE = 4096
"""More at once takes memory and gains nothing."""
TOKENS_TO_SHARE = 512
"""Fewer are best left to the threads of one operation."""
_FILLED_TO = (128, 8), (512, 32), (math.inf, 64)
"""Up to so many rows: to a multiple of this."""

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
        """Do the work on all parts side by side; gives the results in order.

        A single part is done here, with as many cores as torch uses here.
        """
        return map(work, parts) if len(parts) < 2 else self.map_each(work, parts)

    def map_each(self, work: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Do the work on all parts side by side, a single part on one core too; gives the results in order.

        What is as short as a question takes longer on two cores than on one.
        """
        if torch.get_num_threads() == 1:
            return map(work, parts)
        with self._starting:
            if self._pool is None:
                self._pool = _started(torch.get_num_threads(), self._name)
        return self._pool.map(work, parts)


def shared_out(lengths: Sequence[int], cores: int) -> list[list[int]]:
    """The numbers of texts in parts of about as many tokens, so many that no core has nothing to do.

    Texts of equal length are side by side in a part.
    """
    total = sum(lengths)
    number_of = cores * -(-total // (TOKENS_AT_ONCE * cores)) if total > TOKENS_TO_SHARE else 1
    parts: list[list[int]] = [[] for _ in range(number_of)]
    before = 0
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        parts[(2 * before + lengths[number]) * number_of // (2 * total)].append(number)
        before += lengths[number]
    return [part for part in parts if part]


def filled(rows: Tensor) -> Tensor:
    """The rows `(t, …)` with some of zeros behind them.

    For each size of a product that it meets torch makes a program, which takes as long as several products,
    and keeps it for a while; so there should be few sizes.
    """
    step = next(step for most, step in _FILLED_TO if len(rows) <= most)
    return F.pad(rows, (*(0, 0) * (rows.ndim - 1), 0, -len(rows) % step))


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
