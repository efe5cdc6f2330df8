"""Streamed answers, kept for a while so that whoever lost the connection can read on where it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from api.refusals import UnknownStreamError
from api.telling import Told, problem_of
from rag.errors import AbandonedError

MOST_KEPT = 256
"""Answers that are complete and kept; each is some ten thousand bytes."""
FIRST_READER_S = 10.0
"""How long a new stream waits for the one who asked, whose response begins after it."""


@dataclass(frozen=True)
class StreamTimes:
    """How long streams live, in seconds."""

    heartbeat_s: float = 15.0
    """Silence after which a heartbeat is sent."""
    grace_s: float = 5.0
    """How long the work goes on when nobody reads any more."""
    kept_s: float = 60.0
    """How long a stream can be read again after its end."""


@dataclass(frozen=True)
class Numbered:
    """An event of a stream; a heartbeat has the number of the event before it."""

    number: int
    name: str
    data: Any


class Stream:
    """What is told of one answer, recorded while it is told; any number of readers follow it."""

    def __init__(self, first: Told, told: AsyncIterator[Told], times: StreamTimes) -> None:
        """Record from the running event loop on; `told` ends early when nobody reads."""
        self.id = uuid4()
        self.owner: UUID | None = None
        """The API key that asked, where the stream is kept for it."""
        self.corpus = ""
        """The corpus that is answered from."""
        self._times = times
        self._events: list[Told] = [first]
        self._changed = asyncio.Event()
        self._readers = 0
        self.recording = asyncio.ensure_future(self._record(told))
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.call_later(FIRST_READER_S, self.stop)

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told."""
        return self.recording.done()

    @property
    def document_ids(self) -> frozenset[UUID]:
        """The documents that were told of."""
        told = (data["hits"] for name, data in self._events if name == "retrieval")
        return frozenset(UUID(hit["document_id"]) for hits in told for hit in hits)

    def has_after(self, number: int) -> bool:
        """Whether there is, or may come, an event after this one."""
        return not self.ended or number < len(self._events)

    def stop(self) -> None:
        """End the work."""
        self.recording.cancel()

    async def follow(self, after: int = 0) -> AsyncIterator[Numbered]:
        """Give the events after the one with this number, as they come, and heartbeats in silences."""
        self._readers += 1
        self._end.cancel()
        try:
            while True:
                changed = self._changed
                for name, data in self._events[after:]:
                    after += 1
                    yield Numbered(after, name, data)
                if self.ended and not self.has_after(after):
                    return
                if changed is not self._changed:
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), self._times.heartbeat_s)
                except TimeoutError:
                    yield Numbered(after, "heartbeat", {})
        finally:
            self._readers -= 1
            if not self._readers and not self.ended:
                self._end = self._loop.call_later(self._times.grace_s, self.stop)

    async def _record(self, told: AsyncIterator[Told]) -> None:
        try:
            async for event in told:
                self._append(event)
        except asyncio.CancelledError:
            self._append(("error", problem_of(AbandonedError("nobody read on: the work was ended"))))
            raise
        except Exception as error:
            self._append(("error", problem_of(error)))
        finally:
            self._end.cancel()
            # Readers look whether the task is done, which it is only after this.
            asyncio.get_running_loop().call_soon(self._wake)

    def _append(self, event: Told) -> None:
        self._events.append(event)
        self._wake()

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()


class Streams:
    """The streams of a server that can be read again."""

    def __init__(self, times: StreamTimes) -> None:
        """Keep none yet."""
        self.times = times
        self._streams: dict[UUID, Stream] = {}

    async def open(self, owner: UUID, corpus: str, told: AsyncIterator[Told]) -> Stream:
        """Begin a stream that its owner can find again; what fails before the first event is raised."""
        stream = Stream(await anext(told), told, self.times)
        stream.owner, stream.corpus = owner, corpus
        self._streams[stream.id] = stream
        stream.recording.add_done_callback(lambda _: self._keep_for_a_while(stream))
        return stream

    def find(self, stream_id: UUID, owner: UUID) -> Stream:
        """The stream of this id.

        Raises:
            UnknownStreamError: There is none any more, or it is somebody else's.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.owner != owner:
            raise UnknownStreamError(str(stream_id))
        return stream

    async def close(self) -> None:
        """End all work."""
        for stream in self._streams.values():
            stream.stop()
        for stream in list(self._streams.values()):
            with suppress(asyncio.CancelledError):
                await stream.recording
        self._streams.clear()

    def _keep_for_a_while(self, ended: Stream) -> None:
        asyncio.get_running_loop().call_later(self.times.kept_s, self._streams.pop, ended.id, None)
        complete = [stream.id for stream in self._streams.values() if stream.ended]
        for stream_id in complete[:-MOST_KEPT]:
            del self._streams[stream_id]


def event_id(stream: Stream, number: int) -> str:
    """What the event of this number is called in the field `id` of server-sent events."""
    return f"{stream.id}:{number}"


@dataclass(frozen=True)
class Place:
    """A place in a stream: behind the event of this number."""

    stream_id: UUID
    number: int


def place_of(last_event_id: str) -> Place:
    """Read the header `Last-Event-ID`.

    Raises:
        UnknownStreamError: It is no id of an event.
    """
    stream_id, _, number = last_event_id.partition(":")
    try:
        place = Place(UUID(stream_id), int(number))
    except ValueError:
        raise UnknownStreamError(last_event_id) from None
    if place.number < 0:
        raise UnknownStreamError(last_event_id)
    return place
