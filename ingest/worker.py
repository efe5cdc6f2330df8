"""The program of the process that reads: whatever a document does to it, it does to it alone.

It is given inputs and gives their documents, both pickled, through the socket whose number is its argument.
"""

import os
import pickle
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

from ingest.inputs import Input, read_input
from ingest.limits import Limits
from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions

_FLUSH_CHARACTERS = 100_000
_FLUSH_S = 0.2
_ORPHAN_S = 10.0  # how much later than its parent would the process ends itself
_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True)
class Order:
    """An input to be read; its number comes back with what was read."""

    number: int
    input: Input
    options: ReadOptions


@dataclass(frozen=True)
class Ready:
    """The process has started."""


@dataclass(frozen=True)
class Begun:
    """Reading an input has begun."""

    number: int


@dataclass(frozen=True)
class Items:
    """Some of what an input holds."""

    number: int
    items: tuple[RawDocument | Problem, ...]


@dataclass(frozen=True)
class Ended:
    """An input was read to its end."""

    number: int


@dataclass(frozen=True)
class GivenUp:
    """An input could not be read to its end; `over_limit`: a limit stopped it."""

    number: int
    kind: ProblemKind
    reason: str
    over_limit: bool
    trace: str | None = None


Message = Ready | Begun | Items | Ended | GivenUp


class Channel:
    """Whole Python values over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, value: object) -> None:
        """Send a value; raises OSError when the other side is gone."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        self._connection.sendall(_LENGTH.pack(len(data)))
        self._connection.sendall(data)

    def receive(self) -> Any:
        """Wait for a value; raises EOFError when the other side is gone."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            read = self._connection.recv_into(view)
            if not read:
                raise EOFError
            view = view[read:]
        return data

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def main() -> None:
    """Read what is ordered until nobody listens any more."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    limits: Limits = channel.receive()
    _bound_memory(limits.memory_bytes)
    channel.send(Ready())
    try:
        while True:
            order: Order = channel.receive()
            _Reading(channel, limits, order).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)


class _Reading:
    """The reading of one input."""

    def __init__(self, channel: Channel, limits: Limits, order: Order) -> None:
        self._channel = channel
        self._limits = limits
        self._order = order
        self._items: list[RawDocument | Problem] = []
        self._characters = 0
        self._held = 0
        self._sent_at = time.monotonic()

    def run(self) -> None:
        """Send the input's documents, and how it ended."""
        number = self._order.number
        self._send(Begun(number))
        try:
            for item in read_input(self._order.input, self._order.options):
                if not self._add(item):
                    reason = f"it gives more than {self._limits.input_characters:,} characters of text"
                    self._give_up(ProblemKind.LIMIT, reason, over_limit=True)
                    return
        except MemoryError:
            self._items.clear()
            megabytes = (self._limits.memory_bytes or 0) // 1_000_000
            reason = f"reading it takes more than {megabytes:,} MB of memory"
            self._give_up(ProblemKind.LIMIT, reason, over_limit=True)
        except Exception as error:  # a reader's own mistakes stop no other document
            # Its message may quote the document: the trace has places and the class only.
            frames = "".join(traceback.format_tb(error.__traceback__))
            name = type(error).__name__
            reason = f"the reader failed on it ({name})"
            self._give_up(ProblemKind.INTERNAL, reason, over_limit=False, trace=f"{frames}{name}")
        else:
            self._flush()
            self._send(Ended(number))

    def _add(self, item: RawDocument | Problem) -> bool:
        if isinstance(item, RawDocument):
            self._characters += len(item.text)
            self._held += len(item.text)
            if self._characters > self._limits.input_characters:
                return False
        self._items.append(item)
        if self._held >= _FLUSH_CHARACTERS or time.monotonic() - self._sent_at >= _FLUSH_S:
            self._flush()
        return True

    def _give_up(self, kind: ProblemKind, reason: str, *, over_limit: bool, trace: str | None = None) -> None:
        self._flush()
        self._send(GivenUp(self._order.number, kind, reason, over_limit, trace))

    def _flush(self) -> None:
        if self._items:
            self._send(Items(self._order.number, tuple(self._items)))
            self._items, self._held = [], 0

    def _send(self, message: Message) -> None:
        """Send; while the other side takes its time no clock runs, and after that a new one does."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._channel.send(message)
        self._sent_at = time.monotonic()
        if not isinstance(message, Ended | GivenUp):
            # An orphan that hangs ends by the signal's default action, which needs no cooperation.
            signal.setitimer(signal.ITIMER_REAL, self._limits.document_s + _ORPHAN_S)


def _bound_memory(memory_bytes: int | None) -> None:
    """Let allocations beyond the bound fail; address space that is only reserved does not count."""
    if memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
