from pathlib import Path

import httpx

from store.types import Role
from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import Clients, assert_problem, send_text


def client_with_key(clients: Clients, administrator: httpx.Client, **body: object) -> httpx.Client:
    made = administrator.post("/v1/keys", json={"user": "eve", "role": "contributor", **body})
    client = clients.anonymous()
    client.headers["Authorization"] = f"Bearer {made.raise_for_status().json()['key']}"
    return client


def test_key_held_to_a_corpus_knows_of_no_other(
    clients: Clients, administrator: httpx.Client, handbook: str
) -> None:
    administrator.post("/v1/corpora", json={"name": "other"}).raise_for_status()
    client = client_with_key(clients, administrator, corpora=["other"])
    assert [corpus["name"] for corpus in client.get("/v1/corpora").json()["corpora"]] == ["other"]
    response = client.post("/v1/search", json={"query": "leave", "corpus": handbook})
    assert_problem(response, 404, "Known corpora: 'other'")


def test_key_held_to_a_verb_may_nothing_else(
    clients: Clients, administrator: httpx.Client, handbook: str
) -> None:
    client = client_with_key(clients, administrator, verbs=["ask"])
    asked = {"question": "How many days of leave are granted?", "corpus": handbook}
    assert client.post("/v1/ask", json=asked).status_code == 200
    assert_problem(client.post("/v1/search", json={"query": "leave", "corpus": handbook}), 403, "read", "ask")
    assert_problem(client.post("/v1/corpora", json={"name": "x"}), 403, "ingest")


def test_rotated_key_works_under_both_secrets(clients: Clients, administrator: httpx.Client) -> None:
    made = administrator.post("/v1/keys", json={"user": "eve", "role": "reader"}).json()
    rotated = administrator.post(f"/v1/keys/{made['id']}/rotate", json={"overlap_s": 600}).json()
    for secret in (made["key"], rotated["key"]):
        client = clients.anonymous()
        assert client.get("/v1/me", headers={"Authorization": f"Bearer {secret}"}).json()["user"] == "eve"


def test_reading_a_corpus_does_not_allow_writing_it(
    clients: Clients, administrator: httpx.Client, contributor: httpx.Client, handbook: str
) -> None:
    body = {"restricted": True, "users": {"carl": "read"}}
    path = f"/v1/corpora/{handbook}/access"
    assert administrator.put(path, json=body).json()["users"] == {"carl": "read"}
    assert contributor.get(f"/v1/corpora/{handbook}").json()["restricted"]
    document = contributor.get("/v1/documents", params={"corpus": handbook}).json()["documents"][0]
    assert_problem(contributor.delete(f"/v1/documents/{document['id']}"), 403, "write")
    assert_problem(contributor.put(path, json={"restricted": False}), 403, "manage")
    sent = {"corpus": handbook, "source": "a", "text": "A text."}
    assert_problem(contributor.post("/v1/documents", json=sent), 403, "write")
    assert_problem(clients.of(Role.CONTRIBUTOR, "eve").post("/v1/documents", json=sent), 404)
    assert_problem(administrator.put(path, json={"restricted": True, "users": {"no": "read"}}), 404, "'no'")


def test_hidden_document_is_not_replaced_by_who_may_not_see_it(
    clients: Clients, administrator: httpx.Client, contributor: httpx.Client, handbook: str
) -> None:
    document = administrator.get("/v1/documents", params={"corpus": handbook}).json()["documents"][0]
    path = f"/v1/documents/{document['id']}/readers"
    assert administrator.put(path, json={}).json()["readers"] == {"users": ["root"], "groups": []}
    sent = {"corpus": handbook, "source": "wiki:leave", "text": "Nobody has leave."}
    assert_problem(contributor.post("/v1/documents", json=sent), 422, "another source")
    assert administrator.get(f"/v1/documents/{document['id']}").json()["version"] == document["version"]
    assert administrator.delete(path).json() == {"readers": None}
    send_text(contributor, "wiki:leave", "Everybody has leave.")


def test_jobs_of_a_corpus_with_lists_are_for_those_who_made_them(
    clients: Clients, contributor: httpx.Client, handbook: str
) -> None:
    other = clients.of(Role.CONTRIBUTOR, "eve")
    assert other.get("/v1/jobs").json()["jobs"]
    body = {"corpus": handbook, "source": "secret", "text": "A secret.", "readers": {}}
    contributor.post("/v1/documents", json=body).raise_for_status()
    assert other.get("/v1/jobs").json()["jobs"] == []
    assert len(contributor.get("/v1/jobs").json()["jobs"]) == 2


def test_command_line_keeps_lists(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "pets.txt").write_text("Dogs are welcome.")
    rag("users", "create", "eve")
    rag("groups", "create", "legal")
    to_legal = ("--readers", "group:legal", "--readers", "user:eve")
    assert rag("ingest", tmp_path / "pets.txt", "--corpus", "handbook", *to_legal).code == 0
    document = rag("documents", "list", "--corpus", "handbook", "--json").json
    shown = rag("documents", "readers", document["id"], "--json").json
    assert shown == {"readers": {"users": ["eve"], "groups": ["legal"]}}
    assert rag("documents", "readers", document["id"], "--everybody", "--json").json == {"readers": None}
    granted = ("--restrict", "--grant", "group:legal=read", "--grant", "user:eve=manage")
    assert rag("corpora", "access", "handbook", *granted).code == 0
    left = rag("corpora", "access", "handbook", "--grant", "group:legal=none", "--json").json
    assert left == {"restricted": True, "users": {"eve": "manage"}, "groups": {}}
    assert_one_line(rag("corpora", "access", "handbook", "--grant", "eve=read"), 2, "group:legal=read")
    key = rag("keys", "create", "--role", "reader", "--corpus", "handbook", "--verb", "ask", "--json").json
    assert (key["corpora"], key["verbs"]) == (["handbook"], ["ask"])
    assert rag("keys", "rotate", key["id"], "--json").json["key"] != key["key"]
