"""Work that is shared out among cores, each of which computes for itself.

The threads of one operation wait for each other at its end: in a network of small layers that is most of the
time that a second core could save. Parts that are computed side by side wait once.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Barrier, BrokenBarrierError, Lock
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

TOKENS_AT_ONCE = 4096
"""More at once takes memory and gains nothing."""
TOKENS_TO_SHARE = 512
"""Fewer are best left to the threads of one operation."""
_TOKENS_OF_A_CORE = 256
"""Fewer take a core less time than what is done between them."""
_UNEVEN = 1.04
"""The longest part, as a multiple of an even one, from which on texts are cut."""
_LEAST_CUT = 32
"""No piece of a text is shorter."""
_FILLED_TO = (128, 8), (512, 32), (math.inf, 64)
"""Up to so many rows: to a multiple of this."""

Part = TypeVar("Part")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Piece:
    """Tokens of a text: from `first` to before `end`."""

    text: int
    first: int
    end: int

    @property
    def length(self) -> int:
        """How many they are."""
        return self.end - self.first


class Cores:
    """Threads in each of which torch uses one core; they are started when they are first needed."""

    def __init__(self, name: str) -> None:
        """The threads bear this name."""
        self._name = name
        self._pool: ThreadPoolExecutor | None = None
        self._number = 0
        self._starting = Lock()
        self._meeting = Lock()

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
        return self._threads().map(work, parts)

    def begin(self, work: Callable[[], Result]) -> "Future[Result]":
        """Let work be done on a core of its own while the caller goes on; here if torch uses one only."""
        if torch.get_num_threads() > 1:
            return self._threads().submit(work)
        done: Future[Result] = Future()
        done.set_result(work())
        return done

    def number(self) -> int:
        """How many parts are done side by side."""
        if torch.get_num_threads() == 1:
            return 1
        self._threads()
        return self._number

    def meet(self, work: Callable[[Part, Callable[[], object]], None], parts: Sequence[Part]) -> None:
        """Do the work on at most `number` parts, all of them at the same time.

        The work is handed a function that returns when all parts have called it.
        """
        barrier = Barrier(len(parts))

        def in_step(part: Part) -> None:
            try:
                work(part, barrier.wait)
            except BaseException:
                barrier.abort()  # the others wait no more
                raise

        with self._meeting:  # two such works, each with some of the threads, would wait forever
            done = [self._threads().submit(in_step, part) for part in parts]
            wait(done)
        errors = [error for each in done if (error := each.exception())]
        for error in sorted(errors, key=lambda e: isinstance(e, BrokenBarrierError)):
            raise error

    def _threads(self) -> ThreadPoolExecutor:
        with self._starting:
            if self._pool is None:
                self._number = torch.get_num_threads()
                self._pool = _started(self._number, self._name)
        return self._pool


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


def cut_evenly(lengths: Sequence[int], cores: int) -> list[list[Piece]]:
    """All tokens of texts in parts of as many, or in one where they are few.

    Texts are whole where that is nearly even, or where there are so many that each core has several parts.
    """
    whole = shared_out(lengths, cores)
    longest = max((sum(lengths[n] for n in part) for part in whole), default=0)
    total = sum(lengths)
    number_of = min(cores, total // _TOKENS_OF_A_CORE)
    if len(whole) > cores or number_of < 2 or total <= TOKENS_TO_SHARE or longest * cores <= _UNEVEN * total:
        return [[Piece(n, 0, lengths[n]) for n in part] for part in whole]
    parts: list[list[Piece]] = [[] for _ in range(number_of)]
    before = 0
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        first, length = 0, lengths[number]
        while first < length:
            part = min(number_of - 1, (before + first + _LEAST_CUT - 1) * number_of // total)
            end = min(length, -(-(part + 1) * total // number_of) - before)
            if length - end < _LEAST_CUT:
                end = length
            parts[part].append(Piece(number, first, end))
            first = end
        before += length
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
