"""Answers concurrent questions together: what waits while the model works goes through it at once.

A question that finds the model idle is begun at once; where several were answered together before, others
are probably on their way, and the next batch waits some milliseconds for them. Questions wait in one line
for each user, and a batch takes from the lines in turn: who asks a hundred questions waits behind who asks
one. The line as a whole is bounded; so is the time that a question waits.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from rag.errors import AbandonedError, BusyError, GenerationError
from rag.generator.calibration import Calibration
from rag.generator.generate import Asked, Generated, Watcher
from rag.generator.passages import Passage
from rag.generator.prompt import Conversation, Talks
from rag.generator.settings import GREEDY, GenerationSettings

logger = logging.getLogger(__name__)

LOOK_UP_S = 0.2
"""How often a question that waits looks whether anybody still wants the answer."""


class BatchGenerator(Protocol):
    """What answers several questions at once; one thread at a time uses it."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def calibration(self) -> Calibration:
        """When it abstains."""

    def check(self, settings: GenerationSettings) -> None:
        """See whether answers can be made in this way."""

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        """Answer several questions, each from its own passages."""

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer."""


@dataclass(frozen=True)
class BatchSettings:
    """How questions are put together."""

    at_once: int = 8
    """The most questions in one batch."""
    gather_s: float = 0.004
    """How long the first question of a batch waits for others, where the batch before had several."""
    most_waiting: int = 32
    """Questions that may wait; one more is refused."""
    busy_after_s: float = 60.0
    """How long a question waits before it is refused."""


@dataclass
class _Waiting:
    """A question in line, or a call that needs the model for itself."""

    work: "Asked | Callable[[], Any]"
    user: str
    done: "Future[Any]" = field(default_factory=Future)


class Batcher:
    """A generator that many threads share; one thread of its own works with the model."""

    def __init__(self, generator: BatchGenerator, settings: BatchSettings) -> None:
        """Start the thread; `close` ends it."""
        self._generator = generator
        self._settings = settings
        self._lines: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """What the log calls the generator."""
        return self._generator.name

    @property
    def calibration(self) -> Calibration:
        """When it abstains."""
        return self._generator.calibration

    def check(self, settings: GenerationSettings) -> None:
        """See whether answers can be made in this way.

        Raises:
            GenerationError: they cannot.
        """
        self._generator.check(settings)

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        settings: GenerationSettings = GREEDY,
        watcher: Watcher | None = None,
        *,
        user: str = "",
    ) -> Generated:
        """Answer a question together with those of others; the calling thread waits.

        Raises:
            GenerationError: this generator cannot answer with these settings.
            BusyError: too many wait already, it did not get its turn in time, or the batcher was closed.
            AbandonedError: the watcher did not want the answer any more before its turn came.
        """
        self.check(settings)
        told = _Retold(watcher) if watcher else None
        answered: Generated = self._wait(Asked(question, tuple(passages), settings, told), user)
        return answered

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer.

        Raises:
            BusyError: as of `generate`.
        """
        found: list[float] = self._wait(lambda: self._generator.relevance(question, passages), "")
        return found

    def say(self, conversation: Conversation, most_tokens: int) -> str:
        """Continue a conversation, with a generator that can.

        Raises:
            GenerationError: this generator only answers questions.
            BusyError: as of `generate`.
        """
        if not isinstance(self._generator, Talks):
            raise GenerationError(f"the generator {self.name} answers questions and does nothing else")
        talks = self._generator
        said: str = self._wait(lambda: talks.say(conversation, most_tokens), "")
        return said

    def close(self) -> None:
        """Finish the batch in work, refuse all that wait, and end the thread."""
        with self._changed:
            self._closed = True
            for waiting in self._take(len(self)):
                waiting.done.set_exception(BusyError("the server is stopping: ask again in a moment"))
            self._changed.notify_all()
        self._thread.join()

    def __len__(self) -> int:
        """How many wait."""
        return sum(not w.done.cancelled() for line in self._lines.values() for w in line)

    def _wait(self, work: "Asked | Callable[[], Any]", user: str) -> Any:
        waiting = _Waiting(work, user)
        with self._changed:
            if self._closed:
                raise BusyError("the server is stopping: ask again in a moment")
            if len(self) >= self._settings.most_waiting:
                raise BusyError(f"{len(self)} questions are waiting already: try again later")
            self._lines.setdefault(user, deque()).append(waiting)
            self._changed.notify_all()
        until = time.monotonic() + self._settings.busy_after_s
        while (left := until - time.monotonic()) > 0:
            with suppress(FutureTimeoutError):
                return waiting.done.result(min(left, LOOK_UP_S))
            if not _wanted(work) and waiting.done.cancel():
                raise AbandonedError("the question was given up before its turn came")
        if waiting.done.cancel():
            raise BusyError(
                f"the question waited {self._settings.busy_after_s:g} s for its turn: try again later"
            )
        return waiting.done.result()  # its turn has come

    def _take(self, most: int) -> list[_Waiting]:
        """Take so many from the lines, one of each user in turn; those that gave up are passed over."""
        taken: list[_Waiting] = []
        while self._lines and len(taken) < most:
            user, line = self._lines.popitem(last=False)
            waiting = line.popleft()
            if line:
                self._lines[user] = line  # to the end of the turn
            if waiting.done.set_running_or_notify_cancel():
                taken.append(waiting)
        return taken

    def _run(self) -> None:
        several = False  # were in the batch before
        while True:
            with self._changed:
                while not self._lines and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                until = time.monotonic() + (self._settings.gather_s if several else 0)
                while len(self) < self._settings.at_once and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
                batch = self._take(self._settings.at_once)
            several = len(batch) > 1
            self._work(batch)

    def _work(self, batch: Sequence[_Waiting]) -> None:
        questions = [w for w in batch if isinstance(w.work, Asked)]
        if questions:
            self._answer(questions)
        for waiting in batch:
            if not isinstance(waiting.work, Asked):
                _settle(waiting, waiting.work)

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        asked = [w.work for w in batch if isinstance(w.work, Asked)]
        try:
            answers = self._generator.answer(asked)
        except Exception as error:
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            logger.warning("a batch of %d failed (%s): each is tried alone", len(batch), type(error).__name__)
            for waiting in batch:
                self._answer([waiting])
            return
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.done.set_result(answer)


def _wanted(work: "Asked | Callable[[], Any]") -> bool:
    return not isinstance(work, Asked) or work.watcher is None or work.watcher.wanted()


class _Retold:
    """A watcher that hears nothing twice when a batch failed and its answer is made anew."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._begun: bool | None = None
        self._heard = self._told = 0

    def wanted(self) -> bool:
        return self._watcher.wanted()

    def begin(self, answerable_probability: float) -> bool:
        self._told = 0
        if self._begun is None:
            self._begun = self._watcher.begin(answerable_probability)
        return self._begun

    def write(self, text: str) -> None:
        new = text[max(0, self._heard - self._told) :]
        self._told += len(text)
        self._heard = max(self._heard, self._told)
        if new:
            self._watcher.write(new)


def _settle(waiting: _Waiting, work: Callable[[], Any]) -> None:
    try:
        waiting.done.set_result(work())
    except Exception as error:
        waiting.done.set_exception(error)
