"""Scores, corrections and queues over HTTP."""

from typing import Any

import httpx
import pytest

from store.types import Role
from tests.api.conftest import Clients, assert_problem
from tests.api.test_responses import ask


@pytest.fixture
def rita(clients: Clients) -> httpx.Client:
    return clients.of(Role.REVIEWER, "rita")


def define(client: httpx.Client, name: str, **shape: Any) -> None:
    client.post("/v1/score-definitions", json={"name": name, **shape}).raise_for_status()


@pytest.fixture
def definitions(rita: httpx.Client) -> None:
    define(rita, "correct", kind="boolean")
    define(rita, "tone", kind="categorical", categories=["kind", "rude"])


def score(client: httpx.Client, response_id: str, **score: Any) -> httpx.Response:
    return client.post(f"/v1/responses/{response_id}/scores", json={"scores": [score]})


def test_reviewer_scores_and_the_asker_sees_it(
    rita: httpx.Client, reader: httpx.Client, clients: Clients, handbook: str, definitions: None
) -> None:
    response_id = ask(reader, "Leave?")
    assert score(rita, response_id, definition="tone", value="kind", source="person").status_code == 201
    score(rita, response_id, definition="tone", value="rude", source="person").raise_for_status()
    judged = {"source": "evaluator", "evaluator": "judge", "evaluator_version": "2"}
    score(rita, response_id, definition="correct", value=True, **judged).raise_for_status()
    everything = reader.get(f"/v1/responses/{response_id}/scores").json()["scores"]
    shown = [given for given in everything if given["evaluator"] != "groundwork"]
    assert [(s["definition"], s["value"], s["source"], s["user"]) for s in shown] == [
        ("correct", True, "evaluator", "rita"),
        ("tone", "rude", "person", "rita"),
    ]
    past = reader.get(f"/v1/responses/{response_id}/scores", params={"history": True}).json()["scores"]
    assert [s["value"] for s in past if s["superseded_at"]] == ["kind"]
    assert_problem(score(reader, response_id, definition="tone", value="kind"), 403, "reviewer")
    stranger = clients.of(Role.READER, "eve")
    assert_problem(stranger.get(f"/v1/responses/{response_id}/scores"), 404, response_id)


@pytest.mark.parametrize(
    ("given", "status", "word"),
    [
        ({"definition": "tone", "value": "loud"}, 422, "'kind', 'rude'"),
        ({"definition": "none", "value": 1}, 404, "none"),
        ({"definition": "correct", "value": "yes"}, 422, "true or false"),
        ({"definition": "correct", "value": True, "source": "evaluator"}, 422, "evaluator_version"),
        ({"definition": "correct", "value": True, "evaluator": "x"}, 422, "evaluator"),
        ({"definition": "correct"}, 422, "value"),
    ],
)
@pytest.mark.usefixtures("handbook", "definitions")
def test_score_that_cannot_be_is_refused_and_named(
    rita: httpx.Client,
    given: dict[str, Any],
    status: int,
    word: str,
) -> None:
    assert_problem(score(rita, ask(rita, "Leave?"), **given), status, word)


def test_definition_is_fixed_once_used_and_then_archived(
    rita: httpx.Client, reader: httpx.Client, handbook: str, definitions: None
) -> None:
    path = "/v1/score-definitions/tone"
    changed = rita.patch(path, json={"categories": ["kind", "neutral", "rude"]})
    assert changed.json()["categories"] == ["kind", "neutral", "rude"]
    response_id = ask(reader, "Leave?")
    score(rita, response_id, definition="tone", value="kind").raise_for_status()
    assert_problem(rita.patch(path, json={"description": "Else."}), 409, "'tone'")
    assert rita.patch(path, json={"archived": True}).json()["archived_at"] is not None
    assert_problem(score(rita, response_id, definition="tone", value="rude"), 409, "archived")
    listed = reader.get("/v1/score-definitions", params={"archived": False}).json()
    names = [d["name"] for d in listed["definitions"]]
    assert "correct" in names
    assert "tone" not in names
    assert_problem(reader.post("/v1/score-definitions", json={"name": "x", "kind": "text"}), 403)
    assert_problem(rita.post("/v1/score-definitions", json={"name": "tone", "kind": "text"}), 409, "'tone'")


def test_correction_shows_what_was_changed_and_what_bears_it_out(
    rita: httpx.Client, reader: httpx.Client, handbook: str
) -> None:
    response_id = ask(reader, "How many days of leave are granted?")
    document = reader.get("/v1/documents", params={"corpus": handbook}).json()["documents"][0]
    text = reader.get(f"/v1/documents/{document['id']}/text").json()["text"]
    start = text.index("Thirty days")
    span = {"document_id": document["id"], "document_version": 1, "start": start, "end": start + 11}
    path = f"/v1/responses/{response_id}/corrections"
    made = rita.post(path, json={"answer": "Exactly thirty.", "spans": [span]}).json()
    assert [s["quote"] for s in made["spans"]] == ["Thirty days"]
    assert made["original"] == reader.get(f"/v1/responses/{response_id}").json()["answer"]
    patched = made["original"]
    for change in reversed(made["changes"]):
        patched = patched[: change["start"]] + change["added"] + patched[change["end"] :]
    assert patched == "Exactly thirty."
    assert reader.get(path).json()["corrections"] == [made]
    assert rita.get("/v1/corrections").json()["corrections"] == [made]
    beyond = {**span, "end": len(text) + 1}
    assert_problem(rita.post(path, json={"answer": "No.", "spans": [beyond]}), 422, "reaches beyond")


def make_queue(client: httpx.Client, **body: Any) -> str:
    body = {"name": "All", "definitions": ["correct", "tone"], **body}
    queue_id: str = client.post("/v1/queues", json=body).raise_for_status().json()["id"]
    return queue_id


def test_two_reviewers_work_through_a_queue_and_agree(
    rita: httpx.Client, reader: httpx.Client, clients: Clients, handbook: str, definitions: None
) -> None:
    for question in ("Leave?", "Who books trains?"):
        ask(reader, question)
    ron = clients.of(Role.REVIEWER, "ron")
    queue = f"/v1/queues/{make_queue(rita, reviews_wanted=2, reviewers=['rita', 'ron'])}"
    added = rita.post(f"{queue}/items", json={"filter": {"corpus": handbook}})
    assert added.json() == {"added": 2}
    verdicts = {"rita": [True, True], "ron": [True, False]}
    for client, said in ((rita, verdicts["rita"]), (ron, verdicts["ron"])):
        for correct in said:
            taken = client.post(f"{queue}/next").json()
            body = {"scores": [{"definition": "correct", "value": correct}]}
            client.post(f"{queue}/items/{taken['item']['id']}/submit", json=body).raise_for_status()
        assert client.post(f"{queue}/next").json() == {"item": None, "waiting": 0}
    assert rita.get(queue).json()["done"] == 2
    [agreement] = rita.get(f"{queue}/agreement").json()["scores"]
    assert (agreement["definition"], agreement["scored_twice"]) == ("correct", 2)
    assert agreement["pairs"] == [{"users": ["rita", "ron"], "n": 2, "agreed": 0.5, "kappa": 0.0}]
    assert agreement["alpha"] == pytest.approx(0.0)  # D_o = 2/4, D_e = 2·3·1/(4·3)


def test_agreement_counts_only_what_its_reader_may_see(
    rita: httpx.Client, administrator: httpx.Client, clients: Clients, handbook: str, definitions: None
) -> None:
    response_id = ask(clients.of(Role.READER), "How many days of leave are granted?")
    queue = f"/v1/queues/{make_queue(rita)}"
    rita.post(f"{queue}/items", json={"response_ids": [response_id]}).raise_for_status()
    for client in (rita, clients.of(Role.REVIEWER, "ron")):
        body = {"scores": [{"definition": "correct", "value": True, "source": "person"}]}
        client.post(f"/v1/responses/{response_id}/scores", json=body).raise_for_status()
    assert rita.get(f"{queue}/agreement").json()["scores"][0]["scored_twice"] == 1
    for document in administrator.get("/v1/documents", params={"corpus": handbook}).json()["documents"]:
        administrator.put(f"/v1/documents/{document['id']}/readers", json={}).raise_for_status()
    assert rita.get(f"{queue}/agreement").json()["scores"] == []
    assert rita.get("/v1/responses").json()["responses"] == []
    assert rita.get("/v1/overview").json()["activity"] == []
    assert len(administrator.get(f"{queue}/agreement").json()["scores"]) == 1


def test_review_that_fails_stores_nothing(
    rita: httpx.Client, reader: httpx.Client, clients: Clients, handbook: str, definitions: None
) -> None:
    response_id = ask(reader, "Leave?")
    queue = f"/v1/queues/{make_queue(rita)}"
    rita.post(f"{queue}/items", json={"response_ids": [response_id]}).raise_for_status()
    item = rita.post(f"{queue}/next").json()["item"]
    submit = f"{queue}/items/{item['id']}/submit"
    ron = clients.of(Role.REVIEWER, "ron")
    stolen = ron.post(submit, json={"scores": [{"definition": "correct", "value": True}]})
    assert_problem(stolen, 409, "somebody else")
    unusable = [{"definition": "correct", "value": True}, {"definition": "tone", "value": "loud"}]
    assert_problem(rita.post(submit, json={"scores": unusable}), 422, "'loud'")
    given = rita.get(f"/v1/responses/{response_id}/scores").json()["scores"]
    assert {s["source"] for s in given} == {"evaluator"}
    assert rita.post(f"{queue}/items/{item['id']}/skip").json()["skipped"] == 1
    assert rita.get(f"{queue}/items").json()["items"][0]["done_at"] is None


def test_queue_is_for_its_reviewers_while_it_is_open(
    rita: httpx.Client, clients: Clients, handbook: str, definitions: None
) -> None:
    queue = f"/v1/queues/{make_queue(rita, reviewers=['rita'])}"
    ron = clients.of(Role.REVIEWER, "ron")
    assert_problem(ron.post(f"{queue}/next"), 403, "'ron'")
    assert ron.get("/v1/queues", params={"mine": True}).json()["queues"] == []
    assert_problem(clients.of(Role.READER, "eve").get(queue), 403)
    rita.patch(queue, json={"closed": True}).raise_for_status()
    assert_problem(rita.post(f"{queue}/next"), 409, "closed")
    assert_problem(rita.post(f"{queue}/items", json={}), 422, "response_ids")


def test_every_answer_is_scored_at_once(reader: httpx.Client, handbook: str) -> None:
    body = {"question": "How many days of leave are granted to everyone?", "corpus": handbook}
    answer = reader.post("/v1/ask", json=body).json()
    stored = reader.get(f"/v1/responses/{answer['response_id']}/scores").json()["scores"]
    assert {s["definition"]: s["value"] for s in stored} == pytest.approx(answer["scores"])
    assert {"answerability", "retrieval_confidence"} <= set(answer["scores"])
    if not answer["abstained"]:
        assert len(answer["scores"]) == 7
    assert all(0 <= value <= 1 for value in answer["scores"].values())
    assert all(s["evaluator_version"] for s in stored)
    assert "score" in answer["timings_ms"]
