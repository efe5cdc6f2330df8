"""Too many questions, clients that go or say nothing, and a server that stops: over real HTTP."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import httpx2
import pytest
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from api.app import create_app
from api.build import Application
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
