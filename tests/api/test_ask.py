import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.build import Application
from api.settings import Settings
from rag.generator.generate import Asked, Generated, LocalGenerator
from rag.search import SearchRequest
from store import corpora
from store.postgres import Database
from store.types import Role
from tests.api.conftest import Clients, assert_problem, send_text, serving
from tests.rag.test_rerank import make_cross_encoder

QUESTION = "How many days of leave are granted?"


def ask(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/v1/ask", json={"question": QUESTION, "corpus": "handbook", **body})


def test_answer_has_exactly_the_promised_fields(reader: httpx.Client, handbook: str) -> None:
    answer = ask(reader).raise_for_status().json()
    assert set(answer) == {
        "response_id",
        "session_id",
        "answer",
        "abstained",
        "abstain_reason",
        "answerable_probability",
        "sentences",
        "citations",
        "hits",
        "scores",
        "timings_ms",
        "model",
        "index_position",
        "query",
        "query_changes",
        "not_scored",
    }
    hit = answer["hits"][0]
    assert {"chunk_id", "document_id", "source", "text", "start", "end", "scores"} <= set(hit)
    assert set(hit["scores"]) == {"keyword", "vector", "fused", "rerank", "final", "nearness"}


def test_every_citation_quotes_its_document(reader: httpx.Client, handbook: str) -> None:
    answer = ask(reader).json()
    for citation in answer["citations"]:
        version = {"version": citation["document_version"]}
        shown = reader.get(f"/v1/documents/{citation['document_id']}/text", params=version).json()
        assert shown["text"][citation["start"] : citation["end"]] == citation["quote"]
        start, end = citation["answer_start"], citation["answer_end"]
        assert answer["answer"][start:end] == citation["quote"]
    for hit in answer["hits"]:
        text = reader.get(f"/v1/documents/{hit['document_id']}/text").json()["text"]
        assert text[hit["start"] : hit["end"]] == hit["text"]


def test_same_question_gets_the_same_answer(reader: httpx.Client, handbook: str) -> None:
    same = ("answer", "abstained", "sentences", "citations", "hits", "answerable_probability")
    first, second = ask(reader).json(), ask(reader).json()
    assert [first[name] for name in same] == [second[name] for name in same]
    assert first["response_id"] != second["response_id"]


def test_empty_corpus_makes_it_abstain_with_a_reason(contributor: httpx.Client) -> None:
    contributor.post("/v1/corpora", json={"name": "handbook"})
    answer = ask(contributor).json()
    assert answer["abstained"] is True
    assert answer["abstain_reason"]
    assert answer["citations"] == answer["hits"] == []


def test_document_of_another_process_is_found_within_a_second(
    reader: httpx.Client,
    contributor: httpx.Client,
    handbook: str,
    settings: Settings,
    application: Application,
) -> None:
    ask(reader).raise_for_status()
    with serving(settings, None) as url:  # indexes and connections of its own
        headers = contributor.headers
        with httpx.Client(base_url=url, headers=headers, timeout=60) as elsewhere:
            send_text(elsewhere, "wiki:sabbatical", "A sabbatical takes six months.")
    application.refresh_indexes()
    found = reader.post("/v1/search", json={"query": "sabbatical", "corpus": handbook}).json()
    assert found["hits"][0]["source"] == "wiki:sabbatical"


def test_filters_say_which_documents_may_be_read(reader: httpx.Client, handbook: str) -> None:
    assert ask(reader, filters={"source": "wiki:leave"}).json()["hits"]
    assert ask(reader, filters={"source": "wiki:other"}).json()["hits"] == []


@pytest.mark.parametrize("filters", [{"year": {"near": 1}}, {"and": []}, {"a": "\0"}])
def test_filter_that_means_nothing_is_422(
    reader: httpx.Client, handbook: str, filters: dict[str, object]
) -> None:
    assert_problem(ask(reader, filters=filters), 422, "filter")


@pytest.mark.parametrize("question", ["", " \n ", "\0"])
def test_empty_question_is_422(reader: httpx.Client, handbook: str, question: str) -> None:
    assert_problem(ask(reader, question=question), 422, "empty")


def test_question_of_100000_characters_is_422_and_names_the_limit(
    reader: httpx.Client, handbook: str
) -> None:
    assert_problem(ask(reader, question="why " * 25_000), 422, "4,000")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"top_k": 0}, "top_k"),
        ({"top_k": 10**6}, "top_k"),
        ({"top_k": "many"}, "top_k"),
        ({"corpus": "a\0"}, "corpus"),
        ({"question": None}, "question"),
        ({"temperature": 1}, "temperature"),
        ({"generation": {"temperature": -1}}, "generation.temperature"),
        ({"generation": {"beams": 9}}, "generation.beams"),
        ({"generation": {"style": "haiku"}}, "generation.style"),
        ({"generation": {"beams": 2, "temperature": 1}}, "Set beams to 1"),
        ({"session_id": "mine"}, "session_id"),
    ],
)
def test_field_that_cannot_be_used_is_422_and_named(
    reader: httpx.Client, handbook: str, body: dict[str, object], word: str
) -> None:
    assert_problem(ask(reader, **body), 422, word)


@pytest.mark.parametrize(
    "content", [b"{", b"", b"[]", b'"x"', b"\xff", b'{"question": "\\ud800", "corpus": "c"}']
)
def test_body_that_is_no_object_is_a_client_error(reader: httpx.Client, content: bytes) -> None:
    response = reader.post("/v1/ask", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == "application/problem+json"


def test_unknown_corpus_is_404(reader: httpx.Client, handbook: str) -> None:
    assert_problem(ask(reader, corpus="handbok"), 404, "'handbok'", "'handbook'")


def test_session_goes_on_for_its_user_only(reader: httpx.Client, clients: Clients, handbook: str) -> None:
    session_id = ask(reader).json()["session_id"]
    assert ask(reader, session_id=session_id).json()["session_id"] == session_id
    stranger = clients.of(Role.READER, "stranger")
    assert_problem(ask(stranger, session_id=session_id), 404, session_id)


def events_of(response: httpx.Response) -> list[tuple[str, Any]]:
    """The events of a streamed answer, by name and data."""
    assert response.headers["content-type"].startswith("text/event-stream")
    events = []
    for block in response.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields["event"], json.loads(fields["data"])))
    return events


@pytest.mark.parametrize("generation", [{}, {"beams": 3}, {"temperature": 1.5, "seed": 4, "top_k": 50}])
def test_streamed_answer_is_the_answer_that_comes_without_streaming(
    reader: httpx.Client, handbook: str, generation: dict[str, object]
) -> None:
    plain = ask(reader, generation=generation).raise_for_status().json()
    _, done = events_of(ask(reader, generation=generation, stream=True))[-1]
    of_its_own = ("response_id", "session_id", "timings_ms")
    assert {k: v for k, v in done.items() if k not in of_its_own} == {
        k: v for k, v in plain.items() if k not in of_its_own
    }


def test_streamed_answer_ends_with_the_whole_of_it(reader: httpx.Client, handbook: str) -> None:
    events = events_of(ask(reader, stream=True))
    names = [name for name, _ in events]
    done = events[-1][1]
    assert names[0] == "retrieval"
    assert names[-1] == "done"
    assert "".join(data["text"] for name, data in events if name == "token") == done["answer"]
    assert [data for name, data in events if name == "citation"] == done["citations"]


def test_failure_of_a_streamed_question_is_a_problem(reader: httpx.Client, handbook: str) -> None:
    assert_problem(ask(reader, question="", stream=True), 422, "empty")


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "vector"])
def test_search_finds_in_every_mode(reader: httpx.Client, handbook: str, mode: str) -> None:
    body = {"query": "parental leave", "corpus": handbook, "mode": mode, "top_k": 1}
    deadline = time.monotonic() + 60  # an index follows within a second, on a busy machine later
    while not (hits := reader.post("/v1/search", json=body).json()["hits"]):
        assert time.monotonic() < deadline
    assert len(hits) == 1
    assert hits[0]["source"] == "wiki:leave"
    assert (hits[0]["scores"]["keyword"] is None) == (mode == "vector")
    assert hits[0]["scores"]["rerank"] is None


def test_reranked_search_tells_the_reranker_s_scores(reader: httpx.Client, handbook: str) -> None:
    body = {"query": "parental leave", "corpus": handbook, "rerank": True}
    found = reader.post("/v1/search", json=body).json()
    final = [hit["scores"]["final"] for hit in found["hits"]]
    assert final == sorted(final, reverse=True)
    assert all(0 <= hit["scores"]["rerank"] <= 1 for hit in found["hits"])
    assert found["reranked"] == len(found["hits"])


def test_a_cross_encoder_of_the_settings_reranks(
    settings: Settings, build_loaded: Callable[[Settings], Application], handbook: str, tmp_path: Path
) -> None:
    folder = make_cross_encoder(tmp_path / "mine", outputs=1)
    application = build_loaded(settings.model_copy(update={"reranker": str(folder)}))
    found = application.searcher.search(SearchRequest("parental leave", handbook, rerank=True))
    assert application.reranker.name == "mine"
    assert found.reranked == len(found.hits) > 0
    application.close()


def test_a_search_says_what_was_sent_and_shows_what_is_around(reader: httpx.Client, handbook: str) -> None:
    body = {"query": "parentel leave", "corpus": handbook, "top_k": 1, "expand": "section"}
    found = reader.post("/v1/search", json=body).raise_for_status().json()
    assert found["query"] == "parental leave"
    assert found["query_changes"] == [{"rule": "spelling", "before": "parentel", "after": "parental"}]
    (hit,) = found["hits"]
    assert hit["text"] in hit["context"]["text"]


@pytest.mark.parametrize(
    "change",
    [{"diversity": 2}, {"rerank_budget_ms": 0}, {"expand": "all"}, {"mode": "best"}, {"filters": [1]}],
    ids=str,
)
def test_a_search_out_of_range_is_422(reader: httpx.Client, handbook: str, change: dict[str, object]) -> None:
    body = {"query": "leave", "corpus": handbook, **change}
    assert_problem(reader.post("/v1/search", json=body), 422, *change)


def test_a_search_that_finds_nothing_says_why(reader: httpx.Client, handbook: str) -> None:
    body = {"query": "leave", "corpus": handbook, "filters": {"yeer": 2020}}
    found = reader.post("/v1/search", json=body).json()
    assert found["hits"] == [] and "no document has the field 'yeer'" in found["reason"]


def test_a_follow_up_is_answered_in_its_conversation(reader: httpx.Client, handbook: str) -> None:
    first = ask(reader, question="How long is parental leave?").json()
    second = ask(reader, question="Who grants it?", session_id=first["session_id"]).json()
    assert second["query"] == "Who grants parental leave?"
    assert second["query_changes"][0]["rule"] == "reference"
    logged = reader.get(f"/v1/responses/{second['response_id']}").json()
    assert (logged["question"], logged["body"]["query"]) == ("Who grants it?", second["query"])


def test_unusable_retrieval_settings_are_409(reader: httpx.Client, handbook: str, database: Database) -> None:
    with database.transaction() as session:
        corpora.change_settings(session, handbook, "retrieval", {"fusion": "best"})
    found = reader.post("/v1/search", json={"query": "leave", "corpus": handbook})
    assert_problem(found, 409, "fusion is 'best'", "rag retrieval reset --corpus handbook")


def test_question_that_waits_too_long_for_its_turn_is_503(
    *,
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    generator: LocalGenerator,
    reader: httpx.Client,
    handbook: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn, asked = threading.Event(), threading.Event()
    real = generator.answer

    def answer_in_turn(batch: Sequence[Asked]) -> list[Generated]:
        asked.set()
        turn.wait(20)
        return real(batch)

    monkeypatch.setattr(generator, "answer", answer_in_turn)
    parts = build_loaded(settings.model_copy(update={"busy_after_s": 0.5, "concurrent_answers": 1}))
    body = {"question": QUESTION, "corpus": handbook}
    with serving(settings, parts) as url, ThreadPoolExecutor() as threads:
        first = threads.submit(httpx.post, f"{url}/v1/ask", json=body, headers=reader.headers, timeout=60)
        assert asked.wait(20)
        response = httpx.post(f"{url}/v1/ask", json=body, headers=reader.headers, timeout=60)
        turn.set()
        assert first.result().status_code == 200
    parts.close()
    assert_problem(response, 503, "waited 0.5 s")
    assert response.headers["retry-after"] == "5"


def test_client_that_hangs_up_ends_the_work(
    *,
    settings: Settings,
    application: Application,
    reader: httpx.Client,
    generator: LocalGenerator,
    handbook: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = threading.Event()
    real = generator.answer

    def answer_until_nobody_waits(batch: Sequence[Asked]) -> list[Generated]:
        while all(one.watcher and one.watcher.wanted() for one in batch):
            ended.wait(0.01)
        ended.set()
        return real(batch)

    monkeypatch.setattr(generator, "answer", answer_until_nobody_waits)
    quick = settings.model_copy(update={"stream_grace_s": 0.1})
    with serving(quick, application) as url:
        for stream in (True, False):
            ended.clear()
            body = {"question": QUESTION, "corpus": handbook, "stream": stream}
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{url}/v1/ask", json=body, headers=reader.headers, timeout=1)
            assert ended.wait(20)
    assert reader.get("/v1/responses").json()["responses"] == []


def test_silence_of_a_streamed_answer_has_heartbeats_and_its_failure_an_error(
    *,
    settings: Settings,
    application: Application,
    generator: LocalGenerator,
    reader: httpx.Client,
    handbook: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_slowly(batch: Sequence[Asked]) -> list[Generated]:
        time.sleep(0.3)
        raise ValueError("a text that must not be shown")

    monkeypatch.setattr(generator, "answer", fail_slowly)
    quick = settings.model_copy(update={"heartbeat_s": 0.05})
    with serving(quick, application) as url:
        body = {"question": QUESTION, "corpus": handbook, "stream": True}
        response = httpx.post(f"{url}/v1/ask", json=body, headers=reader.headers, timeout=60)
    told = events_of(response)
    assert [name for name, _ in told][:2] == ["retrieval", "heartbeat"]
    assert told[-1][0] == "error" and told[-1][1]["status"] == 500
    assert "must not be shown" not in response.text
