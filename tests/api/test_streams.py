"""Streams that are dropped and read on, over real HTTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.build import Application
from api.settings import Settings
from rag.generator.generate import Asked, Generated, LocalGenerator
from store.types import Role
from tests.api.conftest import Clients, assert_problem, serving

QUESTION = "How many days of leave are granted to everyone?"
ASKED = {"question": QUESTION, "corpus": "handbook", "stream": True}


@dataclass(frozen=True)
class Told:
    name: str
    id: str
    data: Any


def told(response: httpx.Response) -> Iterator[Told]:
    """The events of a stream as they arrive."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            yield Told(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}


def whole(response: httpx.Response) -> list[Told]:
    assert response.status_code == 200, response.text
    return list(told(response))


@dataclass
class Held:
    """A generator that waits with its answer."""

    go: threading.Event
    unwanted: threading.Event


@pytest.fixture
def held(generator: LocalGenerator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(threading.Event(), threading.Event())
    real = generator.answer

    def answer_when_let(batch: Sequence[Asked]) -> list[Generated]:
        while not held.go.wait(0.01):
            if not all(one.watcher and one.watcher.wanted() for one in batch):
                held.unwanted.set()
                break
        return real(batch)

    monkeypatch.setattr(generator, "answer", answer_when_let)
    yield held
    held.go.set()


def drop_after_first(client: httpx.Client) -> Told:
    """Ask, and hang up after the first event."""
    with client.stream("POST", "/v1/ask", json=ASKED) as response:
        return next(told(response))


def test_every_event_has_an_id_and_the_score_comes_before_the_end(
    reader: httpx.Client, handbook: str
) -> None:
    events = whole(reader.post("/v1/ask", json=ASKED))
    streams, numbers = zip(*(event.id.split(":") for event in events), strict=True)
    assert len(set(streams)) == 1
    assert [int(number) for number in numbers] == list(range(1, len(events) + 1))
    score, done = events[-2:]
    assert (score.name, done.name) == ("score", "done")
    assert score.data == {
        "answerable_probability": done.data["answerable_probability"],
        "scores": done.data["scores"],
    }


@pytest.mark.parametrize("way", ["get", "post"])
def test_dropped_stream_goes_on_behind_the_last_event(
    reader: httpx.Client, handbook: str, held: Held, way: str
) -> None:
    first = drop_after_first(reader)
    assert first.name == "retrieval"
    held.go.set()
    headers = {"Last-Event-ID": first.id}
    if way == "get":
        rest = whole(reader.get(f"/v1/ask/streams/{first.id.partition(':')[0]}", headers=headers))
    else:
        rest = whole(reader.post("/v1/ask", json=ASKED, headers=headers))
    assert [int(event.id.split(":")[1]) for event in rest] == list(range(2, len(rest) + 2))
    done = rest[-1]
    assert done.name == "done"
    assert "".join(event.data["text"] for event in rest if event.name == "token") == done.data["answer"]
    assert len(reader.get("/v1/responses").json()["responses"]) == 1


def test_stream_can_be_read_again_whole_and_its_end_is_204(reader: httpx.Client, handbook: str) -> None:
    events = whole(reader.post("/v1/ask", json=ASKED))
    path = f"/v1/ask/streams/{events[0].id.partition(':')[0]}"
    assert whole(reader.get(path)) == events
    ended = reader.get(path, headers={"Last-Event-ID": events[-1].id})
    assert (ended.status_code, ended.content) == (204, b"")


def test_stream_belongs_to_its_key_and_ids_are_checked(
    clients: Clients, reader: httpx.Client, handbook: str
) -> None:
    events = whole(reader.post("/v1/ask", json=ASKED))
    path = f"/v1/ask/streams/{events[0].id.partition(':')[0]}"
    for other in (clients.of(Role.READER, "ada"), clients.of(Role.ADMINISTRATOR, "root")):
        assert_problem(other.get(path), 404, "Ask again")
        assert_problem(other.post("/v1/ask", json=ASKED, headers={"Last-Event-ID": events[0].id}), 404)
    for wrong in ("x", "1:2", f"{path.rpartition('/')[2]}:-1", f"{path.rpartition('/')[2]}:"):
        assert_problem(reader.get(path, headers={"Last-Event-ID": wrong}), 404, "Last-Event-ID")


def test_stream_of_a_deleted_corpus_is_not_shown_again(
    reader: httpx.Client, administrator: httpx.Client, handbook: str
) -> None:
    events = whole(reader.post("/v1/ask", json=ASKED))
    administrator.delete(f"/v1/corpora/{handbook}").raise_for_status()
    assert_problem(reader.get(f"/v1/ask/streams/{events[0].id.partition(':')[0]}"), 404, "corpus")


def test_stream_with_a_document_that_is_gone_is_not_shown_again(
    reader: httpx.Client, contributor: httpx.Client, handbook: str
) -> None:
    events = whole(reader.post("/v1/ask", json=ASKED))
    path = f"/v1/ask/streams/{events[0].id.partition(':')[0]}"
    assert reader.get(path).status_code == 200
    document_id = events[0].data["hits"][0]["document_id"]
    contributor.delete(f"/v1/documents/{document_id}").raise_for_status()
    assert_problem(reader.get(path), 404, "Ask again")


def test_work_ends_when_nobody_comes_back_and_the_stream_says_so(
    *,
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    reader: httpx.Client,
    handbook: str,
    held: Held,
) -> None:
    quick = settings.model_copy(update={"stream_grace_s": 0.1})
    parts = build_loaded(quick)
    with (
        serving(quick, parts) as url,
        httpx.Client(base_url=url, headers=reader.headers, timeout=60) as client,
    ):
        first = drop_after_first(client)
        assert held.unwanted.wait(20)
        events = whole(client.get(f"/v1/ask/streams/{first.id.partition(':')[0]}"))
    parts.close()
    assert [event.name for event in events] == ["retrieval", "error"]
    assert events[-1].data["status"] == 499
    assert reader.get("/v1/responses").json()["responses"] == []


def test_stream_is_forgotten_after_its_time(
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    reader: httpx.Client,
    handbook: str,
) -> None:
    quick = settings.model_copy(update={"stream_kept_s": 0.1})
    parts = build_loaded(quick)
    with (
        serving(quick, parts) as url,
        httpx.Client(base_url=url, headers=reader.headers, timeout=60) as client,
    ):
        events = whole(client.post("/v1/ask", json=ASKED))
        path = f"/v1/ask/streams/{events[0].id.partition(':')[0]}"
        until = time.monotonic() + 20
        while client.get(path).status_code == 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert_problem(client.get(path), 404, "not any more")
    parts.close()
