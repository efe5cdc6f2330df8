"""Reading in a process of its own, ahead of those who take what was read.

A document that hangs, takes all memory or makes the process die is given up, the process is started anew, and
the next input is read. What was read waits here up to a bound; then the process waits.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from ingest.errors import IngestError, ReaderStartError, ReadingError
from ingest.inputs import Input
from ingest.limits import Limits
from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions
from ingest.worker import Begun, Channel, Ended, GivenUp, Items, Message, Order

_START_S = 60.0
_ORDERS_AHEAD = 8
_HELD_CHARACTERS = 2_000_000
_OVERHEAD_CHARACTERS = 200  # what anything counts for beside its text
_PROGRAM = "import sys; sys.path[:] = {path!r}; from ingest.worker import main; main()"


@dataclass(frozen=True)
class Retried:
    """The process died of an input, which is read once more from its beginning."""

    number: int


Reading = Begun | Items | Ended | GivenUp | Retried


class InputReading:
    """Inputs being read in a process of their own, in order; close it when it is not needed any more."""

    def __init__(self, inputs: Sequence[Input], options: ReadOptions, limits: Limits | None = None) -> None:
        self._inputs = inputs
        self._options = options
        self._limits = limits or Limits()
        self._deaths = [0] * len(inputs)
        self._buffer = _Buffer()
        self._process: _Process | None = None
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="reading", daemon=True)
        self._thread.start()

    def next(self, timeout_s: float) -> Reading | None:
        """Returns what was read next; None when nothing came in time. After the last `Ended`, don't ask.

        Raises:
            ReaderStartError: the process cannot be started.
        """
        got = self._buffer.get(timeout_s)
        if isinstance(got, IngestError):
            raise got
        return got

    def __iter__(self) -> Iterator[Reading]:
        """Gives all that is read, waiting for it; raises as `next` does."""
        left = len(self._inputs)
        while left:
            reading = self.next(1.0)
            if reading is not None:
                left -= isinstance(reading, Ended | GivenUp)
                yield reading

    def close(self) -> None:
        """Ends the process, whatever it does."""
        with self._starting:
            self._closing.set()
            if self._process is not None:
                self._process.kill()
        self._buffer.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._read_all()
        except IngestError as error:
            self._buffer.put(error, 0)
        except OSError as error:
            self._buffer.put(ReaderStartError(error.strerror or type(error).__name__), 0)
        except Exception as error:  # whoever waits for what is read must not wait for ever
            self._buffer.put(ReadingError(type(error).__name__), 0)

    def _read_all(self) -> None:
        done = 0
        while done < len(self._inputs):
            process = self._started()
            if process is None:
                return
            done = self._read_with(process, done)
            process.kill()
            process.close()

    def _read_with(self, process: "_Process", done: int) -> int:
        """Reads on behind `done` inputs to the end, or until the process has to be replaced; returns how far.

        Inputs are read one after the other, so the first that is not done is the one to blame.
        """
        ordered = done
        try:
            while done < len(self._inputs):
                for number in range(ordered, min(len(self._inputs), done + _ORDERS_AHEAD)):
                    process.channel.send(Order(number, self._inputs[number], self._options))
                    ordered = number + 1
                message: Message = process.channel.receive()
                self._hand_on(message)
                done += isinstance(message, Ended | GivenUp)
                if isinstance(message, GivenUp) and message.over_limit:
                    return done
        except TimeoutError:
            reason = f"nothing more came of it in {self._limits.document_s:g} s"
            self._hand_on(GivenUp(done, ProblemKind.LIMIT, reason, over_limit=True))
            return done + 1
        except (EOFError, OSError):
            if self._closing.is_set():
                return len(self._inputs)
            return done + self._blame(done, process.wait())
        return done

    def _blame(self, number: int, exit_code: int) -> int:
        """Hands on that the process died of an input; returns 1 when it is not to be tried again."""
        self._deaths[number] += 1
        if self._deaths[number] < self._limits.attempts:
            self._hand_on(Retried(number))
            return 0
        how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        reason = f"the process that read it died of it {self._deaths[number]} times ({how})"
        self._hand_on(GivenUp(number, ProblemKind.CRASHED, reason, over_limit=True))
        return 1

    def _hand_on(self, reading: object) -> None:
        assert isinstance(reading, Begun | Items | Ended | GivenUp | Retried)
        items = reading.items if isinstance(reading, Items) else ()
        texts = sum(len(item.text) for item in items if isinstance(item, RawDocument))
        self._buffer.put(reading, texts + _OVERHEAD_CHARACTERS * (1 + len(items)))

    def _started(self) -> "_Process | None":
        """Starts a process; None when nobody wants it any more."""
        with self._starting:
            if self._closing.is_set():
                return None
            self._process = _Process()
        self._process.greet(self._limits)
        return self._process


def read_apart(found: Input, options: ReadOptions, limits: Limits) -> Iterator[RawDocument | Problem]:
    """Gives what one input holds, read in a process of its own; that it was given up is a problem.

    Raises:
        ReaderStartError: the process cannot be started.
    """
    reading = InputReading([found], options, replace(limits, attempts=1))
    try:
        for one in reading:
            if isinstance(one, Items):
                yield from one.items
            elif isinstance(one, GivenUp):
                yield Problem(found.source, None, one.kind, one.reason)
    finally:
        reading.close()


class _Process:
    """The process and the socket to it."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        with its:
            self._popen = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(path=sys.path), str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for us to act on
            )
        self._socket = ours
        self.channel = Channel(ours)

    def greet(self, limits: Limits) -> None:
        """Waits until the process is ready.

        Raises:
            ReaderStartError: it does not become so.
        """
        self._socket.settimeout(_START_S)
        try:
            self.channel.send(limits)
            self.channel.receive()
        except (OSError, EOFError) as error:
            self.kill()
            self._popen.wait()
            reason = self._last_error()
            self.close()
            raise ReaderStartError(reason) from error
        self._socket.settimeout(limits.document_s)

    def wait(self) -> int:
        """Waits for its end; returns its exit code, negative for a signal."""
        return self._popen.wait()

    def kill(self) -> None:
        """Ends the process."""
        self._popen.kill()

    def close(self) -> None:
        """Lets go of what the process held here."""
        self._popen.wait()
        self.channel.close()
        self._errors.close()

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        return lines[-1] if lines else "it says nothing"


class _Buffer:
    """What was read and not yet taken; full when it holds much text."""

    def __init__(self) -> None:
        self._held: deque[tuple[Reading | IngestError, int]] = deque()
        self._characters = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, reading: Reading | IngestError, characters: int) -> None:
        """Adds what was read, when there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._characters < _HELD_CHARACTERS or self._closed)
            self._held.append((reading, characters))
            self._characters += characters
            self._changed.notify_all()

    def get(self, timeout_s: float) -> Reading | IngestError | None:
        """Takes the oldest; None when there is none in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held, timeout_s):
                return None
            reading, characters = self._held.popleft()
            self._characters -= characters
            self._changed.notify_all()
            return reading

    def close(self) -> None:
        """Lets nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
