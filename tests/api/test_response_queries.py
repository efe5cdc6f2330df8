from uuid import uuid4

import httpx

from store.types import Role
from tests.api.conftest import Clients, assert_problem
from tests.api.test_responses import ask, listed


def test_query_narrows_the_list_and_its_pages(reader: httpx.Client, handbook: str) -> None:
    first, second = ask(reader, "How long is leave?"), ask(reader, "Who books trains for leave?")
    ask(reader, "Dogs?")
    assert listed(reader, q="leave") == [second, first]
    page = reader.get("/v1/responses", params={"q": "leave since:1h", "limit": 1}).json()
    rest = reader.get("/v1/responses", params={"q": "leave since:1h", "cursor": page["next"]}).json()
    assert [response["id"] for response in rest["responses"]] == [first]
    assert_problem(reader.get("/v1/responses", params={"q": "", "cursor": page["next"]}), 400, "cursor")


def test_query_shows_nobody_elses_responses(reader: httpx.Client, clients: Clients, handbook: str) -> None:
    ask(clients.of(Role.READER, "eve"), "Hers?")
    assert listed(reader, q="user:eve") == []
    assert len(listed(clients.of(Role.REVIEWER, "rita"), q="user:eve")) == 1


def test_query_that_means_nothing_is_422_and_explained_where_it_stands(reader: httpx.Client) -> None:
    query = {"q": "abstained colour:red"}
    assert_problem(reader.get("/v1/responses", params=query), 422, "character 11", "'colour'")
    explained = reader.get("/v1/responses/query", params=query).json()
    assert (explained["fault"]["start"], explained["fault"]["end"]) == (10, 20)
    assert {"user", "text", "since"} <= {field["name"] for field in explained["fields"]}


def test_query_is_explained_term_by_term(reader: httpx.Client) -> None:
    explained = reader.get("/v1/responses/query", params={"q": "-user:ada,bob probability:<0.5"}).json()
    assert explained["fault"] is None
    assert explained["terms"] == [
        {"field": "user", "operator": "", "values": ["ada", "bob"], "negated": True, "start": 0, "end": 13},
        {
            "field": "probability",
            "operator": "<",
            "values": ["0.5"],
            "negated": False,
            "start": 14,
            "end": 30,
        },
    ]


def test_replay_gives_the_same_answer_while_nothing_changed(reader: httpx.Client, handbook: str) -> None:
    before = ask(reader, "How many days of leave are granted?")
    replayed = reader.post(f"/v1/responses/{before}/replay", json={}).raise_for_status().json()
    assert replayed["same"] is True
    assert replayed["answer"]["answer"] == replayed["before"]
    assert replayed["answer"]["response_id"] != before
    assert set(listed(reader)) == {before, replayed["answer"]["response_id"]}


def test_replay_is_for_those_who_may_see_the_response(
    reader: httpx.Client, clients: Clients, handbook: str
) -> None:
    hers = ask(clients.of(Role.READER, "eve"), "Hers?")
    assert_problem(reader.post(f"/v1/responses/{hers}/replay", json={}), 404, hers)
    assert_problem(reader.post(f"/v1/responses/{uuid4()}/replay", json={}), 404)
    rita = clients.of(Role.REVIEWER, "rita")
    assert rita.post(f"/v1/responses/{hers}/replay", json={"top_k": 1}).status_code == 200


def test_replay_without_its_corpus_says_so(
    reader: httpx.Client, administrator: httpx.Client, handbook: str
) -> None:
    before = ask(reader, "Leave?")
    administrator.delete(f"/v1/corpora/{handbook}").raise_for_status()
    assert_problem(reader.post(f"/v1/responses/{before}/replay", json={}), 404, "(deleted)")
