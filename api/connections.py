"""Connections that say nothing: closed after a while, so that they take nothing from the others."""

import asyncio
import resource
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_FILES = 65_536


def patient_for(silent_after_s: float) -> type[H11Protocol]:
    """A protocol for uvicorn that bears so many seconds of silence where something has to come."""

    class Patient(H11Protocol):
        """HTTP/1.1 whose requests have to arrive and whose responses have to be taken without long pauses."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._arriving: asyncio.TimerHandle | None = None
            self._taking: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            _send_at_once(transport)
            self._expect_more()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel(self._arriving)
            self._cancel(self._taking)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._cancel(self._arriving)
            # The time between two requests is uvicorn's own to watch.
            if self.conn.their_state is h11.SEND_BODY or (
                self.conn.their_state is h11.IDLE and self._begun()
            ):
                self._expect_more()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._taking = self.loop.call_later(silent_after_s, self._abort)

        def resume_writing(self) -> None:
            self._cancel(self._taking)
            super().resume_writing()

        def _begun(self) -> bool:
            """Whether a part of a request's head is here."""
            return bool(self.conn.trailing_data[0])

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
