"""Too many questions, clients that go or say nothing, and a server that stops: over real HTTP."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from api.app import create_app
from api.build import Application
from api.connections import patient_for
from api.settings import Settings
from rag.generator.generate import Asked, Generated, LocalGenerator
from tests.api.conftest import assert_problem, serving_app
from tests.api.test_streams import Held, held

__all__ = ["held"]

QUESTION = "How many days of leave are granted to everyone?"
CHAT = {"model": "groundwork/handbook", "messages": [{"role": "user", "content": QUESTION}]}


class Server:
    """A server that answers two questions at once and lets one more wait."""

    def __init__(self, app: FastAPI, url: str, headers: httpx.Headers) -> None:
        self._app = app
        self.url = url
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)
        self.threads = ThreadPoolExecutor(20)

    def ask(self, **more: object) -> httpx.Response:
        return self.http.post("/v1/ask", json={"question": QUESTION, "corpus": "handbook", **more})

    def ask_and_wait(self, count: int) -> "list[Future[httpx.Response]]":
        return [self.threads.submit(self.ask) for _ in range(count)]

    def wait_until_in_work(self, count: int) -> None:
        until = time.monotonic() + 20
        while self._app.state.asking.in_work != count:
            assert time.monotonic() < until
            time.sleep(0.01)

    def ask_by_mcp(self, timeout_s: float = 60.0) -> Any:
        async def call() -> Any:
            headers = {"Authorization": self.http.headers["Authorization"]}
            async with httpx2.AsyncClient(headers=headers, timeout=timeout_s) as http_client:
                transport = streamable_http_client(f"{self.url}/mcp", http_client=http_client)
                async with Client(transport) as client:
                    return await asyncio.wait_for(
                        client.call_tool("ask", {"question": QUESTION, "corpus": "handbook"}), timeout_s
                    )

        return asyncio.run(call())


@pytest.fixture
def server(
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    reader: httpx.Client,
    handbook: str,
) -> Iterator[Server]:
    small = settings.model_copy(update={"concurrent_answers": 2, "waiting_answers": 1})
    parts = build_loaded(small)
    app = create_app(small, parts)
    with serving_app(app) as url:
        server = Server(app, url, reader.headers)
        yield server
        server.http.close()
        server.threads.shutdown()
    parts.close()


def test_one_question_too_many_is_refused_at_once_on_every_route(server: Server, held: Held) -> None:
    asked = server.ask_and_wait(3)
    server.wait_until_in_work(3)
    begun = time.monotonic()
    for response in (server.ask(), server.ask(stream=True)):
        assert_problem(response, 503, "3 questions", "try again")
        assert response.headers["retry-after"] == "5"
    unknown = server.http.post(
        "/v1/ask", json={"question": "?", "corpus": "x"}, headers={"Authorization": "Bearer gw_x"}
    )
    assert unknown.status_code == 503, "whose question it is is looked up in its place among the others"
    for stream in (False, True):
        chat = server.http.post("/v1/chat/completions", json={**CHAT, "stream": stream})
        assert (chat.status_code, chat.headers["retry-after"]) == (503, "5")
        assert "3 questions" in chat.json()["error"]["message"]
    by_mcp = server.ask_by_mcp()
    assert by_mcp.is_error and "3 questions" in by_mcp.content[0].text
    assert time.monotonic() - begun < 20
    assert server.http.post("/v1/search", json={"query": "leave", "corpus": "handbook"}).status_code == 200
    held.go.set()
    assert [one.result().status_code for one in asked] == [200] * 3
    assert server.ask().status_code == 200


def test_many_at_once_are_answered_or_refused_and_nothing_else(server: Server) -> None:
    statuses = [one.result().status_code for one in server.ask_and_wait(20)]
    assert set(statuses) <= {200, 503} and 200 in statuses
    assert server.ask().status_code == 200


def test_assistant_that_hangs_up_ends_the_work(server: Server, held: Held) -> None:
    with pytest.raises((TimeoutError, ExceptionGroup)):
        server.ask_by_mcp(timeout_s=2)
    assert held.unwanted.wait(20)


def test_stopping_server_finishes_the_answers_that_are_in_work(
    *,
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    reader: httpx.Client,
    handbook: str,
    generator: LocalGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, begun, go = generator.answer, threading.Event(), threading.Event()

    def answer_slowly(batch: Sequence[Asked]) -> list[Generated]:
        begun.set()
        go.wait(20)
        return real(batch)

    monkeypatch.setattr(generator, "answer", answer_slowly)
    parts = build_loaded(settings)
    with ThreadPoolExecutor() as threads:
        app = create_app(settings, parts)
        with serving_app(app) as url:
            server = Server(app, url, reader.headers)
            asked = threads.submit(server.ask)
            assert begun.wait(20)
            threading.Timer(0.5, go.set).start()
        assert asked.result().status_code == 200
        with pytest.raises(httpx.ConnectError):
            server.http.get("/health")
    parts.close()


@contextmanager
def impatient(app: Any, silent_after_s: float) -> Iterator[int]:
    """A server with the connections of `rag serve`; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, http=patient_for(silent_after_s)))
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
