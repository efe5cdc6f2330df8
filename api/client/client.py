"""The two clients: `Client` waits, `AsyncClient` is awaited; what they send and read is the same."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel

from api.client.calls import Call, Download, Listing, PlainText
from api.client.problem import problem_of
from api.schemas.answers import AskBody

V = TypeVar("V", bound=BaseModel)

JSONL = "application/jsonl"
EVENTS = "text/event-stream"
CSRF_COOKIE, CSRF_HEADER = "groundwork_csrf", "X-CSRF-Token"
MOST_LOST = 4
"""So often in a row a lost connection is opened again."""
FIRST_WAIT_S = 0.2


@dataclass(frozen=True)
class Event:
    """Something that happened to a question: `name` says what, `data` is what the API's page says of it."""

    name: str
    data: dict[str, Any]
    id: str = ""


class Client:
    """A client that waits for each answer. Safe to use from several threads."""

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 120.0) -> None:
        """Get ready to call the server at `url`; `key` None only serves to ask how it is."""
        self._http = httpx.Client(base_url=url, headers=_headers(key), timeout=timeout_s)

    def send(self, call: Call[V], *, idempotency_key: str | None = None, if_match: str | None = None) -> V:
        """Make a call.

        Args:
            call: one of `api.client.calls`.
            idempotency_key: a name for the request, so that it is done once however often it is sent.
            if_match: the ETag that the document must still have.

        Raises:
            ProblemError: The server refuses it.
            httpx.HTTPError: The server cannot be reached.
        """
        request = _request(call, idempotency_key, if_match, _csrf(self._http.cookies))
        return _read(call, self._http.request(**request))

    def each(self, listing: Listing[V]) -> Iterator[V]:
        """Give the items of a list one by one, while they arrive; the server reads them as they are taken.

        Raises:
            ProblemError: The server refuses it.
            httpx.HTTPError: The server cannot be reached, or went away in the middle.
        """
        with self._http.stream("GET", listing.path, **_listed(listing)) as response:
            if not response.is_success:
                raise problem_of(response.status_code, response.read())
            for line in response.iter_lines():
                yield listing.item.model_validate_json(line)

    def download(self, call: Download) -> Iterator[bytes]:
        """Give the bytes of a file piece by piece, while the server makes them.

        Raises:
            ProblemError: The server refuses it.
            httpx.HTTPError: The server cannot be reached, or went away in the middle.
        """
        with self._http.stream("GET", call.path, params=_given(call.params)) as response:
            if not response.is_success:
                raise problem_of(response.status_code, response.read())
            yield from response.iter_bytes()

    def stream(self, body: AskBody) -> Iterator[Event]:
        """Ask a question and give the events of its answer; the last one, `done`, has the whole of it.

        A connection that is lost is opened again, and the answer goes on where it was.

        Raises:
            ProblemError: The server refuses it, or failed on its way (the event `error`).
            httpx.HTTPError: The server cannot be reached, or went away and did not come back.
        """
        resuming = Resuming()
        while True:
            try:
                asked = _streamed(body, resuming.last_id, _csrf(self._http.cookies))
                for event in self._events("POST", "/v1/ask", **asked):
                    resuming.seen(event)
                    yield event
                return
            except httpx.TransportError as error:
                time.sleep(resuming.wait_after(error))

    def resume_stream(self, stream_id: UUID, last_event_id: str | None = None) -> Iterator[Event]:
        """Give the events of a streamed answer after the one of this id, or all.

        Raises:
            ProblemError: The server refuses it, or has forgotten the stream.
            httpx.HTTPError: The server cannot be reached, or went away in the middle.
        """
        return self._events("GET", f"/v1/ask/streams/{stream_id}", headers=_resumed(last_event_id))

    def follow_job(self, job_id: UUID) -> Iterator[Event]:
        """Give what happens to a job as it happens: `progress` after `progress`, then `end`.

        Raises:
            ProblemError: The server refuses it.
            httpx.HTTPError: The server cannot be reached, or went away in the middle.
        """
        return self._events("GET", f"/v1/jobs/{job_id}/events", headers={"Accept": EVENTS})

    def _events(self, method: str, path: str, **request: Any) -> Iterator[Event]:
        with self._http.stream(method, path, **request) as response:
            if not response.is_success:
                raise problem_of(response.status_code, response.read())
            events = Events()
            for line in response.iter_lines():
                yield from events.take(line)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """A client for programs with an event loop."""

    def __init__(self, url: str, key: str | None = None, *, timeout_s: float = 120.0) -> None:
        """Get ready to call the server at `url`: see `Client`."""
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout_s)

    async def send(
        self, call: Call[V], *, idempotency_key: str | None = None, if_match: str | None = None
    ) -> V:
        """Make a call: see `Client.send`."""
        request = _request(call, idempotency_key, if_match, _csrf(self._http.cookies))
        return _read(call, await self._http.request(**request))

    async def each(self, listing: Listing[V]) -> AsyncIterator[V]:
        """Give the items of a list one by one: see `Client.each`."""
        async with self._http.stream("GET", listing.path, **_listed(listing)) as response:
            if not response.is_success:
                raise problem_of(response.status_code, await response.aread())
            async for line in response.aiter_lines():
                yield listing.item.model_validate_json(line)

    async def download(self, call: Download) -> AsyncIterator[bytes]:
        """Give the bytes of a file piece by piece: see `Client.download`."""
        async with self._http.stream("GET", call.path, params=_given(call.params)) as response:
            if not response.is_success:
                raise problem_of(response.status_code, await response.aread())
            async for piece in response.aiter_bytes():
                yield piece

    async def stream(self, body: AskBody) -> AsyncIterator[Event]:
        """Ask a question and give the events of its answer: see `Client.stream`."""
        resuming = Resuming()
        while True:
            try:
                asked = _streamed(body, resuming.last_id, _csrf(self._http.cookies))
                async for event in self._events("POST", "/v1/ask", **asked):
                    resuming.seen(event)
                    yield event
                return
            except httpx.TransportError as error:
                await asyncio.sleep(resuming.wait_after(error))

    def resume_stream(self, stream_id: UUID, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """Give the events of a streamed answer after the one of this id: see `Client.resume_stream`."""
        return self._events("GET", f"/v1/ask/streams/{stream_id}", headers=_resumed(last_event_id))

    def follow_job(self, job_id: UUID) -> AsyncIterator[Event]:
        """Give what happens to a job as it happens: see `Client.follow_job`."""
        return self._events("GET", f"/v1/jobs/{job_id}/events", headers={"Accept": EVENTS})

    async def _events(self, method: str, path: str, **request: Any) -> AsyncIterator[Event]:
        async with self._http.stream(method, path, **request) as response:
            if not response.is_success:
                raise problem_of(response.status_code, await response.aread())
            events = Events()
            async for line in response.aiter_lines():
                for event in events.take(line):
                    yield event

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()


class Resuming:
    """Where a stream is, so that it can go on after its connection was lost."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        """Of the last event that arrived."""
        self._lost = 0

    def seen(self, event: Event) -> None:
        """Note an event that arrived."""
        self.last_id, self._lost = event.id or self.last_id, 0

    def wait_after(self, error: httpx.TransportError) -> float:
        """How many seconds to wait before going on; raises the error where that is no use."""
        self._lost += 1
        if self.last_id is None or self._lost > MOST_LOST or isinstance(error, httpx.TimeoutException):
            raise error
        return FIRST_WAIT_S * 2.0 ** (self._lost - 1)


class Events:
    """Reads server-sent events line by line (HTML Living Standard, section 9.2)."""

    def __init__(self) -> None:
        self._name = self._id = ""
        self._data: list[str] = []

    def take(self, line: str) -> Iterator[Event]:
        """Give the event that this line ends, if it ends one.

        Raises:
            ProblemError: The event tells of an error.
        """
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "id":
                self._id = value
            elif field == "data":
                self._data.append(value)
            return
        name, data, self._name, self._data = self._name, "\n".join(self._data), "", []
        if name == "error":
            raise problem_of(int(json.loads(data).get("status", 500)), data.encode())
        if data:
            yield Event(name, json.loads(data), self._id)


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _csrf(cookies: httpx.Cookies) -> str | None:
    """The token that goes with the cookie of a login; None where nobody is logged in."""
    return cookies.get(CSRF_COOKIE)


def _request(
    call: Call[Any], idempotency_key: str | None, if_match: str | None, csrf: str | None
) -> dict[str, Any]:
    given = {"Idempotency-Key": idempotency_key, "If-Match": if_match, CSRF_HEADER: csrf}
    request: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "params": _given(call.params),
        "headers": {name: value for name, value in given.items() if value is not None},
    }
    if call.body is not None:
        request["json"] = call.body.model_dump(mode="json", exclude_unset=True)
    if call.upload is not None:
        request["files"] = [("file", file) for file in call.upload.files]
        request["data"] = dict(call.upload.fields)
    return request


def _listed(listing: Listing[Any]) -> dict[str, Any]:
    return {"params": _given(listing.params), "headers": {"Accept": JSONL}}


def _streamed(body: AskBody, last_id: str | None, csrf: str | None) -> dict[str, Any]:
    asked = body.model_copy(update={"stream": True})
    headers = _resumed(last_id) | ({} if csrf is None else {CSRF_HEADER: csrf})
    return {"json": asked.model_dump(mode="json", exclude_unset=True), "headers": headers}


def _resumed(last_id: str | None) -> dict[str, str]:
    return {"Accept": EVENTS} | ({} if last_id is None else {"Last-Event-ID": last_id})


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in params.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(call: Call[V], response: httpx.Response) -> V:
    if not response.is_success:
        raise problem_of(response.status_code, response.content)
    if issubclass(call.view, PlainText):
        return call.view(text=response.text)
    return call.view.model_validate_json(response.content or b"{}")
