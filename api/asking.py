"""Questions that are being answered: each in a thread, and told of as events while it is."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from api.metrics import Metrics
from api.settings import Settings
from rag.answer import AnswerHit
from rag.errors import BusyError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class AskingThreads:
    """Threads that questions are answered in, apart from those of other requests; none waits for one."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        """Let so many questions be in work, or in line for the generator."""
        self.metrics = metrics
        self._most = most
        self.in_work = 0
        """How many are in work or in line; only the event loop changes it."""
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="ask")

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics) -> "AskingThreads":
        """As many as may be in one batch of the generator or wait for it; each holds little but a thread."""
        return cls(settings.concurrent_answers + settings.waiting_answers, metrics)

    def start(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Begin the work in a thread.

        Raises:
            BusyError: there is none left.
        """
        if self.in_work >= self._most:
            self.metrics.count_refusal()
            raise BusyError(f"{self._most} questions are being answered already: try again later")
        self.in_work += 1
        run = copy_context().run  # the id of the request, and its trace, go with it
        begun = asyncio.get_running_loop().run_in_executor(self._pool, run, work)
        begun.add_done_callback(self._count_out)
        begun.add_done_callback(_retrieve)
        return begun

    def _count_out(self, done: "asyncio.Future[Any]") -> None:
        self.in_work -= 1

    def close(self) -> None:
        """Wait for the threads."""
        self._pool.shutdown()


def _retrieve(done: "asyncio.Future[Any]") -> None:
    """Look at the error of work that nobody waits for any more, so that asyncio does not complain."""
    if not done.cancelled():
        done.exception()


class Listening:
    """A client that waits for an answer: what happens in the thread becomes events in the event loop."""

    def __init__(self) -> None:
        """Listen from the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._left = threading.Event()
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        """Names and data, in their order."""

    def wanted(self) -> bool:
        """Whether the client is still there."""
        return not self._left.is_set()

    def leave(self) -> None:
        """The client has gone: the work ends at its next step."""
        self._left.set()

    def found(self, hits: tuple[AnswerHit, ...]) -> None:
        """Tell of what was retrieved."""
        self._tell("retrieval", {"hits": hits})

    def write(self, text: str) -> None:
        """Tell of a part of the answer."""
        self._tell("token", {"text": text})

    def _tell(self, name: str, data: object) -> None:
        if self.wanted():
            self._loop.call_soon_threadsafe(self.events.put_nowait, (name, data))
