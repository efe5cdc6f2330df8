"""Requests that go straight to their work: all comes out as on the way through the framework."""

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
