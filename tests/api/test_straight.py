"""Requests that go straight to their work: all comes out as on the way through the framework."""

import json
from typing import Any

import httpx
import pytest

from store import access
from store.postgres import Database
from store.types import Role, Verb
from tests.api.conftest import Clients, assert_problem

SEARCH: dict[str, Any] = {"query": "leave", "corpus": "handbook"}
ASK: dict[str, Any] = {"question": "How many days of leave are granted?", "corpus": "handbook"}
ROUTES = pytest.mark.parametrize(("path", "body"), [("/v1/search", SEARCH), ("/v1/ask", ASK)])
ROUNDABOUT = "application/vnd.groundwork+json"
"""JSON as well, but left to the framework."""
OF_EACH = {"response_id", "session_id", "timings_ms"}


@ROUTES
def test_both_ways_give_the_same(
    reader: httpx.Client, handbook: str, path: str, body: dict[str, Any]
) -> None:
    straight = reader.post(path, json=body)
    roundabout = reader.post(
        path, content=straight.request.content, headers={"Content-Type": ROUNDABOUT}
    ).raise_for_status()
    assert straight.headers["content-type"] == roundabout.headers["content-type"] == "application/json"
    one, other = straight.json(), roundabout.json()
    assert list(one) == list(other)
    assert {k: v for k, v in one.items() if k not in OF_EACH} == {
        k: v for k, v in other.items() if k not in OF_EACH
    }


def test_both_ways_stream_the_same(reader: httpx.Client, handbook: str) -> None:
    told = []
    for media_type in ("application/json", ROUNDABOUT):
        with reader.stream(
            "POST",
            "/v1/ask",
            content=json.dumps({**ASK, "stream": True}),
            headers={"Content-Type": media_type},
        ) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in response.iter_lines() if line.startswith(("event: ", "data: "))]
        told.append([line for line in lines if "response_id" not in line])
    assert told[0] == told[1]
    assert told[0][0] == "event: retrieval"


def test_a_stream_is_refused_before_it_begins(clients: Clients, reader: httpx.Client, handbook: str) -> None:
    body = {**ASK, "stream": True}
    assert_problem(clients.anonymous().post("/v1/ask", json=body), 401)
    assert_problem(reader.post("/v1/ask", json={**body, "corpus": "nowhere"}), 404)
    assert_problem(reader.post("/v1/ask", json=body, headers={"Last-Event-ID": "x:1"}), 404)


@ROUTES
def test_who_may_not_is_refused(
    clients: Clients, database: Database, handbook: str, path: str, body: dict[str, Any]
) -> None:
    with database.transaction() as session:
        held = access.create_key(session, "eve", Role.CONTRIBUTOR, verbs=[Verb.INGEST])
    client = clients.anonymous()
    assert_problem(client.post(path, json=body), 401)
    client.headers["Authorization"] = f"Bearer {held.secret}"
    assert_problem(client.post(path, json=body), 403)
    with database.transaction() as session:
        access.revoke_key(session, held.key.id)
    assert_problem(client.post(path, json=body), 401)


@ROUTES
def test_wrong_body_is_told_of_to_who_may_call_only(
    clients: Clients, reader: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    wrong = {**body, "colour": "red"}
    assert_problem(reader.post(path, json=wrong), 422, "colour")
    assert_problem(clients.anonymous().post(path, json=wrong), 401)
    for content in (b"", b"{", b"[" * 100_000, b"\xff"):
        refused = reader.post(path, content=content, headers={"Content-Type": "application/json"})
        assert refused.status_code in (400, 422)
