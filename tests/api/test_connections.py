"""Connections of `rag serve`: how long they are kept, and what may come over them; by bare sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.build import Application
from api.connections import MOST_HEAD_BYTES, patient_for
from api.settings import Settings

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def impatient(app: Any, silent_after_s: float, keep_alive_s: int = 60) -> Iterator[int]:
    """A server with the connections of `rag serve`; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    http = patient_for(silent_after_s)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, http=http, timeout_keep_alive=keep_alive_s))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes it in time, without a word."""
    connection.settimeout(20)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_body_does_not_wait_for_word_of_its_head(settings: Settings, application: Application) -> None:
    with impatient(create_app(settings, application), 60.0) as port, httpx.Client(timeout=60) as client:
        took_s = []
        for _ in range(40):
            begun = time.perf_counter()
            client.get(f"http://127.0.0.1:{port}/health").raise_for_status()
            took_s.append(time.perf_counter() - begun)
    assert min(took_s[20:]) < 0.035  # a system that waits does so for 40 ms


def test_silent_connections_block_nobody_and_are_closed(settings: Settings, application: Application) -> None:
    begun_head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
    begun_body = b"POST /v1/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with impatient(create_app(settings, application), 1.0) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for number, connection in enumerate(silent):
            connection.sendall((b"", begun_head, begun_body)[number % 3])
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).status_code == 200
        # A body that stays away may be refused for want of a key before its time is over.
        assert all(is_closed(connection) for number, connection in enumerate(silent) if number % 3 < 2)
        for connection in silent:
            connection.close()


def test_slow_client_that_goes_on_is_served(settings: Settings, application: Application) -> None:
    with (
        impatient(create_app(settings, application), 5.0) as port,
        socket.create_connection(("127.0.0.1", port)) as slow,
    ):
        slow.settimeout(20)
        for piece in (b"GET /hea", b"lth HTTP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
            slow.sendall(piece)
            time.sleep(0.1)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")


def test_client_that_takes_nothing_is_let_go(settings: Settings) -> None:
    ended = threading.Event()

    async def talk_much(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(500):  # more than any buffer on the way holds
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        ended.set()

    with impatient(talk_much, 0.5) as port, socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(20)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was sent: its method, its headers but the host, and its body."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    headers = b",".join(name + b"=" + value for name, value in scope["headers"] if name != b"host")
    content = b" ".join((scope["method"].encode(), headers, body))
    length = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": content})


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answers before the body has come."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


def sent(connection: socket.socket, *pieces: bytes) -> bytes:
    """What comes back within a moment."""
    connection.settimeout(20)
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(0.02)
    return connection.recv(100_000)


def test_connection_rests_between_requests_longer_than_within_them() -> None:
    with impatient(echo, 0.3) as port, socket.create_connection(("127.0.0.1", port)) as kept:
        assert sent(kept, HEALTH).startswith(b"HTTP/1.1 200")
        time.sleep(1.0)
        assert sent(kept, HEALTH).startswith(b"HTTP/1.1 200")
        kept.sendall(HEALTH[:20])
        begun = time.monotonic()
        assert is_closed(kept)
        assert time.monotonic() - begun < 30  # and not after the 60 seconds that it may rest


@pytest.mark.parametrize("rest", [b"", b"\r\n"])
def test_connection_that_rests_too_long_is_closed(rest: bytes) -> None:
    with impatient(echo, 0.5, keep_alive_s=1) as port, socket.create_connection(("127.0.0.1", port)) as kept:
        assert sent(kept, HEALTH).startswith(b"HTTP/1.1 200")
        kept.sendall(rest)
        begun = time.monotonic()
        assert is_closed(kept)
        assert time.monotonic() - begun < 30


def test_body_that_nobody_reads_is_not_taken_for_ever() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with impatient(refuse, 0.5) as port, socket.create_connection(("127.0.0.1", port)) as stubborn:
        assert sent(stubborn, head).startswith(b"HTTP/1.1 413")
        begun = time.monotonic()
        with pytest.raises(OSError):
            while True:
                stubborn.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - begun < 30


def test_next_request_follows_a_body_that_was_refused() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    with impatient(refuse, 5.0) as port, socket.create_connection(("127.0.0.1", port)) as kept:
        assert sent(kept, head).startswith(b"HTTP/1.1 413")
        assert sent(kept, b"hello", HEALTH).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + MOST_HEAD_BYTES * b"x" + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_head_that_can_be_misunderstood_is_refused(head: bytes) -> None:
    with impatient(echo, 5.0) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        assert sent(connection, head).startswith(b"HTTP/1.1 400")
        assert is_closed(connection)


def test_head_without_end_is_refused() -> None:
    with impatient(echo, 20.0) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with pytest.raises(OSError):
            for _ in range(2000):
                connection.sendall(1000 * b"x")
                time.sleep(0.001)


def test_large_bodies_in_pieces_are_no_heads() -> None:
    body = 3 * MOST_HEAD_BYTES * b"x"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with impatient(echo, 5.0) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20)
        for piece in (head, body[:100], body[100:-1], body[-1:] + HEALTH):
            connection.sendall(piece)
            time.sleep(0.02)
        came = b""
        while came.count(b"HTTP/1.1 200") < 2:
            came += connection.recv(100_000)


def test_what_follows_a_body_is_no_header() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with impatient(echo, 5.0) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        came = sent(connection, head, b"2\r\nab\r\n", b"0\r\nAuthorization: Bearer x\r\n\r\n")
        assert came.endswith(b"POST transfer-encoding=chunked ab")
        assert sent(connection, HEALTH).endswith(b"GET  ")


def test_request_that_would_like_another_protocol_is_answered_in_this_one() -> None:
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + wish + b"Content-Length: 2\r\n\r\n"
    with impatient(echo, 5.0) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        assert sent(connection, head + b"ab").endswith(b" ab")
        assert sent(connection, head, b"c", b"d").endswith(b" cd")
        assert sent(connection, HEALTH).endswith(b"GET  ")
