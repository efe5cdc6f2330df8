"""Turns at the generator, which keeps the processor busy and serves nobody faster two at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from api.errors import BusyError

MAX_WAITING = 16


class Turns:
    """Lets `at_once` threads work at a time; `MAX_WAITING` others wait, `busy_after_s` at most.

    Those who wait hold a thread each that other requests need: so no more are let in.
    """

    def __init__(self, at_once: int, busy_after_s: float) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(at_once + MAX_WAITING)
        self._busy_after_s = busy_after_s

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold a turn for the time of the block.

        Raises:
            BusyError: Too many wait already, or nobody finished in time.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError(0.0)
        try:
            if not self._free.acquire(timeout=self._busy_after_s):
                raise BusyError(self._busy_after_s)
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._waiting.release()


def turns_of(request: Request) -> Turns:
    """The turns that a request's questions wait for."""
    turns: Turns = request.app.state.turns
    return turns


GeneratorTurns = Annotated[Turns, Depends(turns_of)]
