"""What nobody should send: told what is wrong, or stored as it is, and never a mistake of ours."""

import json
import socket
import time
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest

from store.types import Role
from tests.api.conftest import Clients, assert_problem

HOSTILE = [
    "'; DROP TABLE documents; --",
    '" OR ""="',
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {% debug %}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "%00%0a%0d",
    "a\r\nX-Injected: yes",
    "\u202egnp.exe \ufeff \U0001f4a9 \ufffd",
    "$(reboot) `reboot` | reboot",
    "%s%s%s%n",
]


def test_question_of_10_megabytes_is_422_and_names_the_limit(reader: httpx.Client, handbook: str) -> None:
    begun = time.perf_counter()
    for body in ({"question": "why " * 2_500_000}, {"question": "Why?", "filters": {"a": "b" * 10_000_000}}):
        response = reader.post("/v1/ask", json={"corpus": handbook, **body})
        assert response.status_code in (200, 422)
        assert len(response.content) < 10_000
    assert time.perf_counter() - begun < 60


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/search", "/v1/corpora", "/v1/feedback", "/v1/sessions"])
def test_wrong_media_type_is_415(contributor: httpx.Client, path: str) -> None:
    for media_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        response = contributor.post(path, content=b"a=b", headers={"Content-Type": media_type})
        assert_problem(response, 415, media_type, "application/json")


def test_strings_of_all_fields_come_back_as_they_were(contributor: httpx.Client, handbook: str) -> None:
    for number, text in enumerate(HOSTILE):
        metadata = {"kind": text, text: "key"}
        body = {"corpus": handbook, "source": f"{number} {text}", "text": text + " x", "title": text}
        sent = contributor.post("/v1/documents", json={**body, "metadata": metadata}).json()
        shown = contributor.get(f"/v1/documents/{sent['document_id']}").json()
        assert (shown["source"], shown["title"], shown["metadata"]) == (body["source"], text, metadata)
        wanted = {"corpus": handbook, "filters": json.dumps({"kind": text})}
        found = contributor.get("/v1/documents", params=wanted).json()["documents"]
        assert [document["id"] for document in found] == [sent["document_id"]]
        for params in ({"text": text}, {"user": "carl", "corpus": text}, {"model": text}):
            assert contributor.get("/v1/responses", params=params).json()["responses"] == []
        session = contributor.post("/v1/sessions", json={"title": f"t {number}"}).json()
        title = text.replace("\r\n", " ")
        at = f"/v1/sessions/{session['id']}"
        assert contributor.patch(at, json={"title": title}).json()["title"] == title
        found = contributor.get("/v1/sessions", params={"title": title}).json()["sessions"]
        assert [listed["id"] for listed in found] == [session["id"]]
        assert contributor.get("/v1/corpora/" + quote(text, safe="")).status_code in (404, 405, 422)


def test_hostile_questions_are_answered_like_others(reader: httpx.Client, handbook: str) -> None:
    asked = reader.post("/v1/ask", json={"question": HOSTILE[0] + " Leave?", "corpus": handbook})
    logged = reader.get(f"/v1/responses/{asked.json()['response_id']}").json()
    assert logged["question"] == HOSTILE[0] + " Leave?"
    body = {"response_id": logged["id"], "comment": HOSTILE[2], "correction": HOSTILE[3]}
    given = reader.post("/v1/feedback", json=body).json()
    assert (given["comment"], given["correction"]) == (HOSTILE[2], HOSTILE[3])


def test_names_of_files_lead_nowhere_and_into_no_header(contributor: httpx.Client, handbook: str) -> None:
    for name in (
        "../../etc/passwd.txt",
        "..\\..\\a.txt",
        "a\r\nX-Injected: yes.txt",
        "/etc/b.txt",
        "\u202ec.txt",
    ):
        files = {"file": (name, f"Text of {name!r}.", "text/plain")}
        response = contributor.post("/v1/documents", files=files, data={"corpus": handbook})
        assert response.status_code == 201
        assert response.json()["source"].startswith("upload://")
        assert "/" not in response.json()["source"].removeprefix("upload://")
        assert "x-injected" not in response.headers


def send_raw(url: str, content: bytes) -> bytes:
    """What the server says to these bytes, after which the line is cut."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize("named", [False, True])
def test_half_an_upload_leaves_nothing(
    clients: Clients, contributor: httpx.Client, handbook: str, named: bool
) -> None:
    boundary = "cut"
    half = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="corpus"\r\n\r\n{handbook}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHalf of a'
    ).encode()
    head = (
        f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: {contributor.headers['Authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {len(half) + 1000}\r\n"
        + (f"Idempotency-Key: {uuid4()}\r\n" if named else "")
        + "\r\n"
    ).encode()
    answer = send_raw(clients.url, head + half)
    assert b" 500 " not in answer
    assert contributor.get("/v1/corpora/handbook").json()["documents"] == 1


def test_header_that_breaks_the_line_is_refused(clients: Clients) -> None:
    answer = send_raw(clients.url, b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\rb\x00\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_key_of_another_server_or_form_is_401(clients: Clients) -> None:
    client = clients.anonymous()
    for secret in ("gw_" + "a" * 43, "sk-abc", "gw_" + "\u00e4", "' OR 1=1 --", "a" * 10_000):
        headers = [(b"authorization", f"Bearer {secret}".encode())]
        for path in ("/v1/sessions", "/v1/models"):
            assert client.get(path, headers=headers).status_code == 401


def test_nesting_and_numbers_beyond_all_measure_are_client_errors(clients: Clients, handbook: str) -> None:
    client = clients.of(Role.ADMINISTRATOR)
    headers = {"Content-Type": "application/json"}
    deep = (
        b'{"question": "Why?", "corpus": "handbook", "filters": '
        + b'{"and": [' * 5_000
        + b"]}" * 5_000
        + b"}"
    )
    huge = b'{"question": "Why?", "corpus": "handbook", "top_k": 1' + b"0" * 5_000 + b"}"
    for content in (deep, huge, b'{"question": "Why?", "corpus": "handbook", "top_k": 1e999}'):
        response = client.post("/v1/ask", content=content, headers=headers)
        assert 400 <= response.status_code < 500, content[:60]
    for params in ({"since": "0001-01-01T00:00:00"}, {"since": "9999-12-31T23:59:59+00:00"}):
        assert client.get("/v1/responses", params=params).status_code in (200, 422)
