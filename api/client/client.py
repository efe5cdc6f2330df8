"""The two clients: `Client` waits, `AsyncClient` is awaited; what they send and read is the same."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from api.client.calls import Call, Listing
from api.client.problem import problem_of
from api.schemas.answers import AskBody

V = TypeVar("V", bound=BaseModel)

JSONL = "application/jsonl"
EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Event:
    """Something that happened to a question: `name` says what, `data` is what the API's page says of it."""

    name: str
    data: dict[str, Any]


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
        return _read(call, self._http.request(**_request(call, idempotency_key, if_match)))

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

    def stream(self, body: AskBody) -> Iterator[Event]:
        """Ask a question and give the events of its answer; the last one, `done`, has the whole of it.

        Raises:
            ProblemError: The server refuses it, or failed on its way (the event `error`).
            httpx.HTTPError: The server cannot be reached, or went away in the middle.
        """
        with self._http.stream("POST", "/v1/ask", **_streamed(body)) as response:
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
        return _read(call, await self._http.request(**_request(call, idempotency_key, if_match)))

    async def each(self, listing: Listing[V]) -> AsyncIterator[V]:
        """Give the items of a list one by one: see `Client.each`."""
        async with self._http.stream("GET", listing.path, **_listed(listing)) as response:
            if not response.is_success:
                raise problem_of(response.status_code, await response.aread())
            async for line in response.aiter_lines():
                yield listing.item.model_validate_json(line)

    async def stream(self, body: AskBody) -> AsyncIterator[Event]:
        """Ask a question and give the events of its answer: see `Client.stream`."""
        async with self._http.stream("POST", "/v1/ask", **_streamed(body)) as response:
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


class Events:
    """Reads server-sent events line by line (HTML Living Standard, section 9.2)."""

    def __init__(self) -> None:
        self._name = ""
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
            elif field == "data":
                self._data.append(value)
            return
        name, data, self._name, self._data = self._name, "\n".join(self._data), "", []
        if name == "error":
            raise problem_of(int(json.loads(data).get("status", 500)), data.encode())
        if data:
            yield Event(name, json.loads(data))


def _headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _request(call: Call[Any], idempotency_key: str | None, if_match: str | None) -> dict[str, Any]:
    given = {"Idempotency-Key": idempotency_key, "If-Match": if_match}
    request: dict[str, Any] = {
        "method": call.method,
        "url": call.path,
        "params": _given(call.params),
        "headers": {name: value for name, value in given.items() if value is not None},
    }
    if call.body is not None:
        request["json"] = call.body.model_dump(mode="json", exclude_unset=True)
    if call.upload is not None:
        request["files"] = {"file": (call.upload.name, call.upload.content)}
        request["data"] = dict(call.upload.fields)
    return request


def _listed(listing: Listing[Any]) -> dict[str, Any]:
    return {"params": _given(listing.params), "headers": {"Accept": JSONL}}


def _streamed(body: AskBody) -> dict[str, Any]:
    asked = body.model_copy(update={"stream": True})
    return {"json": asked.model_dump(mode="json", exclude_unset=True), "headers": {"Accept": EVENTS}}


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in params.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(call: Call[V], response: httpx.Response) -> V:
    if not response.is_success:
        raise problem_of(response.status_code, response.content)
    return call.view.model_validate_json(response.content or b"{}")
