from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from rag.generator.settings import GenerationSettings
from store.types import Role
from tests.api.conftest import Clients, assert_problem


def ask(client: httpx.Client, question: str) -> str:
    response = client.post("/v1/ask", json={"question": question, "corpus": "handbook"})
    response_id: str = response.raise_for_status().json()["response_id"]
    return response_id


def listed(client: httpx.Client, **wanted: str | int) -> list[str]:
    page = client.get("/v1/responses", params=wanted).raise_for_status().json()
    return [response["id"] for response in page["responses"]]


def test_response_is_logged_as_it_was_given(reader: httpx.Client, handbook: str) -> None:
    body = {"question": "Leave?", "corpus": handbook, "generation": {"temperature": 0.5, "seed": 3}}
    answer = reader.post("/v1/ask", json=body).json()
    logged = reader.get(f"/v1/responses/{answer['response_id']}").json()
    assert logged["body"] == answer
    assert (logged["user"], logged["corpus"], logged["question"]) == ("ada", handbook, "Leave?")
    assert logged["parameters"]["generation"] == asdict(GenerationSettings(temperature=0.5, seed=3))
    assert [hit["chunk_id"] for hit in logged["hits"]] == [hit["chunk_id"] for hit in answer["hits"]]
    assert [citation["quote"] for citation in logged["citations"]] == [
        citation["quote"] for citation in answer["citations"]
    ]
    assert logged["timings_ms"] == answer["timings_ms"]


def test_reader_sees_only_own_responses(reader: httpx.Client, clients: Clients, handbook: str) -> None:
    own = ask(reader, "Mine?")
    other = ask(clients.of(Role.CONTRIBUTOR, "eve"), "Hers?")
    assert listed(reader) == [own]
    assert_problem(reader.get(f"/v1/responses/{other}"), 404, other)
    assert_problem(reader.get("/v1/responses", params={"user": "eve"}), 403, "reviewer")
    assert listed(reader, user="ada") == [own]


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMINISTRATOR])
def test_reviewer_sees_all_responses_newest_first(
    reader: httpx.Client, clients: Clients, handbook: str, role: Role
) -> None:
    first, second = ask(reader, "Mine?"), ask(clients.of(Role.READER, "eve"), "Hers?")
    reviewer = clients.of(role, "rita")
    assert listed(reviewer) == [second, first]
    assert listed(reviewer, user="eve") == [second]
    assert reviewer.get(f"/v1/responses/{first}").status_code == 200


def test_filters_narrow_the_list(reader: httpx.Client, handbook: str) -> None:
    first, second = ask(reader, "How long is LEAVE?"), ask(reader, "Who books trains?")
    shown = reader.get(f"/v1/responses/{first}").json()
    now = datetime.now(UTC)
    assert listed(reader, text="leave?") == [first]
    assert listed(reader, session_id=shown["session_id"]) == [first]
    assert listed(reader, model=shown["model"], corpus=handbook) == [second, first]
    assert listed(reader, corpus="other") == []
    assert listed(reader, since=(now - timedelta(hours=1)).isoformat()) == [second, first]
    assert listed(reader, until=(now - timedelta(hours=1)).isoformat()) == []
    both = listed(reader, abstained="true") + listed(reader, abstained="false")
    assert sorted(both) == sorted([first, second])


def test_list_has_scores_and_is_ordered_by_figures(reader: httpx.Client, handbook: str) -> None:
    first, second = ask(reader, "How many days of leave are granted?"), ask(reader, "Who books trains?")
    page = reader.get("/v1/responses").raise_for_status().json()["responses"]
    answerability = {response["id"]: response["scores"]["answerability"] for response in page}
    by_score = sorted((first, second), key=lambda id: answerability[id])
    assert listed(reader, order="score.answerability") == by_score
    assert listed(reader, order="-score.answerability") == by_score[::-1]
    slow = sorted(page, key=lambda response: response["total_ms"])
    assert listed(reader, order="latency") == [response["id"] for response in slow]
    ordered = reader.get("/v1/responses", params={"order": "latency", "limit": 1}).json()
    assert_problem(reader.get("/v1/responses", params={"cursor": ordered["next"]}), 400, "cursor")
    assert_problem(reader.get("/v1/responses", params={"order": "colour"}), 422, "order")


def test_pages_follow_each_other(reader: httpx.Client, handbook: str) -> None:
    asked = [ask(reader, f"Question {number}?") for number in range(3)]
    page = reader.get("/v1/responses", params={"limit": 2}).json()
    assert [response["id"] for response in page["responses"]] == [asked[2], asked[1]]
    rest = reader.get("/v1/responses", params={"limit": 2, "cursor": page["next"]}).json()
    assert [response["id"] for response in rest["responses"]] == [asked[0]]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "wanted", [{"limit": "0"}, {"since": "yesterday"}, {"text": "\0"}, {"session_id": "x"}]
)
def test_filter_that_cannot_be_used_is_422_and_named(reader: httpx.Client, wanted: dict[str, str]) -> None:
    assert_problem(reader.get("/v1/responses", params=wanted), 422, next(iter(wanted)))


def test_response_outlives_its_corpus(
    reader: httpx.Client, administrator: httpx.Client, handbook: str
) -> None:
    response_id = ask(reader, "Leave?")
    administrator.delete(f"/v1/corpora/{handbook}").raise_for_status()
    shown = reader.get(f"/v1/responses/{response_id}").json()
    assert shown["corpus"] is None
    assert shown["body"]["hits"]
