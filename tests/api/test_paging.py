"""Every list: page by page, or whole as JSON Lines."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from api.paging import seal, unseal
from store.errors import InvalidCursorError
from store.types import Role
from tests.api.conftest import Clients, assert_problem, send_text

LISTS = {
    "/v1/corpora": "corpora",
    "/v1/documents?corpus=handbook": "documents",
    "/v1/sessions": "sessions",
    "/v1/responses": "responses",
    "/v1/feedback": "feedback",
    "/v1/keys": "keys",
}


def read_jsonl(client: httpx.Client, url: str) -> list[Any]:
    response = client.get(url, headers={"Accept": "application/jsonl"}).raise_for_status()
    assert response.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in response.text.splitlines()]


def read_pages(client: httpx.Client, url: str, name: str) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        wanted = httpx.QueryParams(url.partition("?")[2]).merge({"limit": "2"})
        if cursor is not None:
            wanted = wanted.set("cursor", cursor)
        page = client.get(url.partition("?")[0], params=wanted).raise_for_status().json()
        assert len(page[name]) <= 2
        found += page[name]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.fixture
def filled(administrator: httpx.Client, handbook: str, clients: Clients) -> httpx.Client:
    """The administrator, who finds five of everything, all of whose positions in the lists differ."""
    for number in range(4):
        administrator.post("/v1/corpora", json={"name": f"corpus-{number}"}).raise_for_status()
        send_text(administrator, f"wiki:{number}", f"Page {number}.")
        clients.of(Role.READER, f"user-{number}")
    for number in range(5):
        asked = administrator.post("/v1/ask", json={"question": f"Why {number}?", "corpus": "corpus-0"})
        body = {"response_id": asked.json()["response_id"], "thumb": "up"}
        administrator.post("/v1/feedback", json=body).raise_for_status()
    return administrator


def test_pages_and_lines_of_every_list_hold_all_of_it_once(filled: httpx.Client) -> None:
    for url, name in LISTS.items():
        pages = read_pages(filled, url, name)
        assert pages == read_jsonl(filled, url), url
        assert len({json.dumps(item) for item in pages}) == len(pages) >= 5, url


def test_cursor_of_another_list_or_filter_is_400(filled: httpx.Client) -> None:
    cursors = {}
    for url, name in LISTS.items():
        separator = "&" if "?" in url else "?"
        cursors[name] = filled.get(f"{url}{separator}limit=1").json()["next"]
    for url, name in LISTS.items():
        base, _, query = url.partition("?")
        for other, cursor in cursors.items():
            response = filled.get(base, params=httpx.QueryParams(query).merge({"cursor": cursor}))
            assert response.status_code == (200 if other == name else 400), (name, other)
    # nor does one of another filter serve
    cursor = filled.get("/v1/responses", params={"limit": 1, "user": "root"}).json()["next"]
    assert_problem(filled.get("/v1/responses", params={"cursor": cursor}), 400, "cursor")


@pytest.mark.parametrize(
    "cursor", ["x", "2024-05-01T12:00:00_x", "AAAAAAAAAAAA", "é", "' OR 1=1 --", "a" * 9000]
)
def test_cursor_that_nobody_gave_is_400(reader: httpx.Client, cursor: str) -> None:
    for url in ("/v1/corpora", "/v1/sessions", "/v1/responses", "/v1/feedback"):
        assert_problem(reader.get(url, params={"cursor": cursor}), 400, "cursor")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "1e2"])
def test_page_that_is_too_long_or_too_short_is_422(reader: httpx.Client, limit: str) -> None:
    assert_problem(reader.get("/v1/sessions", params={"limit": limit}), 422, "limit")


@pytest.mark.parametrize(
    "change", [lambda c: c[:-4], lambda c: "A" + c[1:], lambda c: c.swapcase(), lambda c: c + "AAAA"]
)
def test_changed_cursor_is_refused_or_means_another_place(change: Callable[[str], str]) -> None:
    cursor = seal("wiki:ü✓", "documents", {"corpus": 1})
    assert unseal(cursor, "documents", {"corpus": 1, "filters": None}) == "wiki:ü✓"
    with suppress(InvalidCursorError):
        assert unseal(change(cursor), "documents", {"corpus": 1}) != "wiki:ü✓"


def test_corpus_is_exported_as_lines(contributor: httpx.Client, handbook: str) -> None:
    for number in range(20):
        send_text(contributor, f"wiki:{number:02}", f"Page {number}.")
    lines = read_jsonl(contributor, "/v1/corpora/handbook/export")
    assert [line["source"] for line in lines] == [f"wiki:{n:02}" for n in range(20)] + ["wiki:leave"]
    assert set(lines[0]) == {"document_id", "source", "version", "title", "text", "metadata"}
    assert lines[3]["text"] == "Page 3."
    assert_problem(contributor.get("/v1/corpora/none/export"), 404, "'none'")


def test_responses_are_exported_whole_and_only_ones_own(
    reader: httpx.Client, administrator: httpx.Client, handbook: str
) -> None:
    for client in (reader, administrator):
        client.post("/v1/ask", json={"question": "How long is leave?", "corpus": handbook})
    own = read_jsonl(reader, "/v1/responses/export")
    assert [line["user"] for line in own] == ["ada"]
    assert own[0]["body"]["hits"]
    assert len(read_jsonl(administrator, "/v1/responses/export")) == 2
    assert read_jsonl(administrator, "/v1/responses/export?user=ada") == own


def test_documents_are_listed_by_their_metadata(contributor: httpx.Client, handbook: str) -> None:
    body = {"corpus": handbook, "source": "wiki:de", "text": "Hunde.", "metadata": {"language": "de"}}
    contributor.post("/v1/documents", json=body).raise_for_status()
    wanted = {"corpus": handbook, "filters": '{"language": "de"}'}
    found = contributor.get("/v1/documents", params=wanted).json()["documents"]
    assert [document["source"] for document in found] == ["wiki:de"]
    for filters in ("{", "[]", '{"a": {"near": 1}}'):
        assert_problem(contributor.get("/v1/documents", params={**wanted, "filters": filters}), 422, "filter")
