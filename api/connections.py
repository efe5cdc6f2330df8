"""Connections: kept between requests, and closed when they say nothing where something has to come."""

import asyncio
import resource
import socket
from collections.abc import Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_FILES = 65_536
MOST_HEAD_BYTES = 65_536
"""How large a request's line and headers may be together."""


class HeadError(ValueError):
    """A request whose head means nothing, or different things to different readers."""


def patient_for(silent_after_s: float) -> type[HttpToolsProtocol]:
    """A protocol for uvicorn that bears so many seconds of silence where something has to come."""

    class Patient(HttpToolsProtocol):
        """HTTP/1.1 whose requests have to arrive and whose responses have to be taken without long pauses.

        How long a connection may rest between two requests is uvicorn's own to watch.
        """

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._arriving: asyncio.TimerHandle | None = None
            self._taking: asyncio.TimerHandle | None = None
            self._in_body = False
            self._head_bytes = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            _send_at_once(transport)
            self._expect_more()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel(self._arriving)
            self._cancel(self._taking)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._head_bytes += 0 if self._in_body else len(data)
            self._unset_keepalive_if_required()
            try:
                self._read(memoryview(data))
            except httptools.HttpParserError:
                self.send_400_response("This is no request of HTTP/1.1.")
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")
            if self._in_body and self._is_answered():
                return  # it is read for nothing, which does not go on for ever
            self._cancel(self._arriving)
            if (self._in_body or self._is_answered()) and not self.transport.is_closing():
                self._expect_more()

        def _read(self, data: memoryview) -> None:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as wish:
                    self.parser.feed_data(_without_upgrade(self.parser.get_method(), self.url, self.headers))
                    data = data[wish.args[0] :]

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head_bytes = 0  # what comes with its first byte is looked at when all of it is there

        def on_headers_complete(self) -> None:
            _check_head(self.parser, self.url, self.headers)
            if self.parser.should_upgrade():
                return  # it comes again, without the wish
            self._in_body, self._head_bytes = True, 0
            super().on_headers_complete()
            self.headers = []  # what comes behind a body is none of the request's

        def on_message_complete(self) -> None:
            if self.parser.should_upgrade():
                return
            super().on_message_complete()
            self._in_body = False

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taking = self.loop.call_later(silent_after_s, self._abort)

        def resume_writing(self) -> None:
            self._cancel(self._taking)
            super().resume_writing()

        def _is_answered(self) -> bool:
            """Whether all that was asked has its response, so that only the client can go on."""
            return self.cycle is None or self.cycle.response_complete

        def _expect_more(self) -> None:
            self._arriving = self.loop.call_later(silent_after_s, self._give_up)

        def _give_up(self) -> None:
            if self.flow.read_paused:  # it is we who do not listen
                self._expect_more()
            else:
                self._abort()

        def _abort(self) -> None:
            self.transport.abort()

        def _cancel(self, timer: asyncio.TimerHandle | None) -> None:
            if timer is not None:
                timer.cancel()

    return Patient


def _check_head(
    parser: httptools.HttpRequestParser, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> None:
    """Refuse heads that are too large, or that those on the way here may have understood otherwise.

    Raises:
        HeadError: It is one of these.
    """
    if parser.get_method() == b"CONNECT":
        raise HeadError("this is no proxy")
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (not hosts and parser.get_http_version() == "1.1"):
        raise HeadError(f"the request names {hosts} hosts")
    size_bytes = len(url) + sum(len(name) + len(value) for name, value in headers)
    if size_bytes > MOST_HEAD_BYTES:
        raise HeadError(f"the head has {size_bytes} bytes; at most {MOST_HEAD_BYTES} are read")


def _without_upgrade(method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of a request that would like another protocol, which is not spoken here, without that wish.

    The parser would take all behind such a head for the other protocol, also the body of a request.
    """
    fields = (name + b": " + value + b"\r\n" for name, value in headers if name != b"upgrade")
    return method + b" " + url + b" HTTP/1.1\r\n" + b"".join(fields) + b"\r\n"


def _send_at_once(transport: asyncio.Transport) -> None:
    """Let the system send the body of a response without waiting for the word that its head arrived.

    asyncio asks for this only of sockets that name their protocol, which those made for listening do not; and
    a caller's system waits 40 ms before it gives that word.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def allow_many_connections() -> None:
    """Let this process have as many open connections as the system allows it; often it begins with 1,024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
