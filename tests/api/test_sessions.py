"""Conversations and what is thought of them."""

import json

import httpx
import pytest

from store.types import Role
from tests.api.conftest import Clients, assert_problem

MISSING = "00000000-0000-0000-0000-000000000000"


def ask(client: httpx.Client, question: str, **body: str) -> dict[str, str]:
    sent = client.post("/v1/ask", json={"question": question, "corpus": "handbook", **body})
    answer: dict[str, str] = sent.raise_for_status().json()
    return answer


def line(client: httpx.Client, session_id: str, **wanted: str | int) -> list[str]:
    answer = client.get(f"/v1/sessions/{session_id}/line", params=wanted).raise_for_status()
    return [response["question"] for response in answer.json()["responses"]]


@pytest.fixture
def branched(reader: httpx.Client, handbook: str) -> dict[str, str]:
    """A conversation 1 → 2 → 3, with 2 edited to 2b, and 4 after 2b; gives ids by question."""
    first = ask(reader, "1?")
    session_id = first["session_id"]
    second = ask(reader, "2?", session_id=session_id)
    third = ask(reader, "3?", session_id=session_id)
    edited = ask(reader, "2b?", replaces=second["response_id"])
    fourth = ask(reader, "4?", parent_id=edited["response_id"])
    answers = zip(("1", "2", "3", "2b", "4"), (first, second, third, edited, fourth), strict=True)
    return {"session": session_id, **{name: answer["response_id"] for name, answer in answers}}


def test_each_question_has_the_one_before_it_as_parent(
    reader: httpx.Client, branched: dict[str, str]
) -> None:
    shown = reader.get(f"/v1/sessions/{branched['session']}/responses").json()["responses"]
    parents = {response["question"]: response["parent_id"] for response in shown}
    assert parents == {
        "1?": None,
        "2?": branched["1"],
        "3?": branched["2"],
        "2b?": branched["1"],
        "4?": branched["2b"],
    }


def test_edited_question_begins_a_line_and_keeps_the_old_one(
    reader: httpx.Client, branched: dict[str, str]
) -> None:
    session_id = branched["session"]
    assert line(reader, session_id) == ["1?", "2b?", "4?"]
    assert line(reader, session_id, response_id=branched["3"]) == ["1?", "2?", "3?"]


def test_first_question_can_be_edited(reader: httpx.Client, branched: dict[str, str]) -> None:
    edited = ask(reader, "1b?", replaces=branched["1"])
    assert edited["session_id"] == branched["session"]
    assert line(reader, branched["session"]) == ["1b?"]


def test_history_is_bounded(reader: httpx.Client, branched: dict[str, str]) -> None:
    assert line(reader, branched["session"], limit=2) == ["2b?", "4?"]
    too_many = reader.get(f"/v1/sessions/{branched['session']}/line", params={"limit": 101})
    assert_problem(too_many, 422, "limit")


def test_place_that_is_not_one_s_own_or_not_there_is_404(
    reader: httpx.Client, clients: Clients, branched: dict[str, str]
) -> None:
    other = ask(reader, "Other?")
    stranger = clients.of(Role.REVIEWER, "stranger")
    for client, body in [
        (stranger, {"parent_id": branched["1"]}),
        (stranger, {"replaces": branched["1"]}),
        (reader, {"parent_id": MISSING}),
        (reader, {"session_id": other["session_id"], "parent_id": branched["1"]}),
    ]:
        sent = client.post("/v1/ask", json={"question": "?", "corpus": "handbook", **body})
        assert_problem(sent, 404)
    both = {"parent_id": branched["1"], "replaces": branched["1"], "question": "?", "corpus": "handbook"}
    assert_problem(reader.post("/v1/ask", json=both), 422, "one of the two")
    gone = reader.get(f"/v1/sessions/{other['session_id']}/line", params={"response_id": branched["1"]})
    assert_problem(gone, 404, branched["1"])


def test_session_is_opened_named_and_listed(reader: httpx.Client, handbook: str) -> None:
    opened = reader.post("/v1/sessions", json={"corpus": handbook, "title": "Leave"})
    assert opened.status_code == 201
    view = opened.json()
    assert (view["title"], view["corpus"], view["responses"], view["first_question"]) == (
        "Leave",
        handbook,
        0,
        None,
    )
    ask(reader, "How long?", session_id=view["id"])
    at = f"/v1/sessions/{view['id']}"
    assert reader.patch(at, json={"title": "Travel <b>"}).json()["title"] == "Travel <b>"
    listed = reader.get("/v1/sessions", params={"title": "travel", "corpus": handbook}).json()["sessions"]
    assert [(s["first_question"], s["responses"]) for s in listed] == [("How long?", 1)]
    assert reader.patch(at, json={"title": None}).json()["title"] is None
    assert_problem(reader.patch(at, json={"title": ""}), 422, "title")
    assert_problem(reader.patch(at, json={}), 422, "title")


def test_deleted_session_is_gone_with_all_that_was_said(
    reader: httpx.Client, administrator: httpx.Client, branched: dict[str, str]
) -> None:
    reader.post("/v1/feedback", json={"response_id": branched["2"], "thumb": "up"}).raise_for_status()
    at = f"/v1/sessions/{branched['session']}"
    assert reader.delete(at).status_code == 204
    assert_problem(reader.get(at), 404, branched["session"])
    assert_problem(administrator.get(f"/v1/responses/{branched['1']}"), 404)
    assert administrator.get("/v1/feedback").json()["feedback"] == []
    assert_problem(reader.delete(at), 404)


def test_session_is_exported_whole(reader: httpx.Client, branched: dict[str, str]) -> None:
    exported = reader.get(f"/v1/sessions/{branched['session']}/export")
    assert exported.headers["content-type"] == "application/jsonl"
    lines = [json.loads(text) for text in exported.text.splitlines()]
    assert [found["question"] for found in lines] == ["1?", "2?", "3?", "2b?", "4?"]
    assert lines[4]["parent_id"] == branched["2b"]
    assert lines[4]["body"]["response_id"] == branched["4"]


def test_sessions_are_their_user_s_and_reviewers(
    reader: httpx.Client, clients: Clients, branched: dict[str, str]
) -> None:
    stranger, reviewer = clients.of(Role.CONTRIBUTOR, "eve"), clients.of(Role.REVIEWER, "rita")
    at = f"/v1/sessions/{branched['session']}"
    for path in (at, f"{at}/responses", f"{at}/line", f"{at}/export"):
        assert_problem(stranger.get(path), 404, branched["session"])
        assert reviewer.get(path).status_code == 200
    for client in (stranger, reviewer):
        assert_problem(client.delete(at), 404)
        assert_problem(client.patch(at, json={"title": "Mine"}), 404)
    assert stranger.get("/v1/sessions").json()["sessions"] == []
    assert_problem(stranger.get("/v1/sessions", params={"user": "ada"}), 403, "reviewer")
    assert len(reviewer.get("/v1/sessions", params={"user": "ada"}).json()["sessions"]) == 1
    assert clients.of(Role.ADMINISTRATOR, "root").delete(at).status_code == 204


def test_feedback_is_given_changed_and_taken_back(reader: httpx.Client, branched: dict[str, str]) -> None:
    body = {"response_id": branched["1"], "thumb": "down", "correction": "Thirty-two days."}
    first = reader.post("/v1/feedback", json=body)
    second = reader.post("/v1/feedback", json={"response_id": branched["1"], "comment": "Better now."})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    shown = reader.get(f"/v1/feedback/{first.json()['id']}").json()
    assert (shown["thumb"], shown["comment"], shown["correction"]) == (None, "Better now.", None)
    assert reader.delete(f"/v1/feedback/{shown['id']}").status_code == 204
    assert_problem(reader.get(f"/v1/feedback/{shown['id']}"), 404, shown["id"])


def test_feedback_is_on_what_one_may_see(
    reader: httpx.Client, clients: Clients, branched: dict[str, str]
) -> None:
    stranger, reviewer = clients.of(Role.READER, "eve"), clients.of(Role.REVIEWER, "rita")
    body = {"response_id": branched["1"], "thumb": "up"}
    assert_problem(stranger.post("/v1/feedback", json=body), 404, branched["1"])
    given = [client.post("/v1/feedback", json=body).json()["id"] for client in (reader, reviewer)]
    assert [found["id"] for found in reader.get("/v1/feedback").json()["feedback"]] == given[:1]
    assert len(reviewer.get("/v1/feedback").json()["feedback"]) == 2
    wanted = {"response_id": branched["1"], "thumb": "up", "corrected": "false", "user": "ada"}
    assert len(reviewer.get("/v1/feedback", params=wanted).json()["feedback"]) == 1
    for request in (stranger.get, stranger.delete, reader.get, reader.delete):
        assert_problem(request(f"/v1/feedback/{given[1]}"), 404)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "correction"),
        ({"thumb": "sideways"}, "thumb"),
        ({"comment": ""}, "comment"),
        ({"comment": "a\0"}, "comment"),
        ({"comment": "a" * 20_001}, "comment"),
        ({"stars": 5}, "stars"),
    ],
)
def test_feedback_that_says_nothing_is_422(
    reader: httpx.Client, branched: dict[str, str], body: dict[str, object], word: str
) -> None:
    sent = reader.post("/v1/feedback", json={"response_id": branched["1"], **body})
    assert_problem(sent, 422, word)
