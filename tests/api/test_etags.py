"""Documents that change between a look and a change."""

import httpx
import pytest

from tests.api.conftest import HANDBOOK, assert_problem, send_text


@pytest.fixture
def leave(contributor: httpx.Client, handbook: str) -> str:
    """The address of a document."""
    page = contributor.get("/v1/documents", params={"corpus": handbook}).json()
    return f"/v1/documents/{page['documents'][0]['id']}"


def etag(client: httpx.Client, url: str) -> str:
    tag: str = client.get(url).raise_for_status().headers["etag"]
    return tag


def replace(client: httpx.Client, text: str, **headers: str) -> httpx.Response:
    body = {"corpus": "handbook", "source": "wiki:leave", "text": text, "media_type": "text/markdown"}
    return client.post(
        "/v1/documents", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_document_that_was_seen_already_is_304(contributor: httpx.Client, leave: str) -> None:
    for url in (leave, f"{leave}/text"):
        tag = etag(contributor, url)
        for sent in (tag, f'"other", W/{tag}', "*"):
            answer = contributor.get(url, headers={"If-None-Match": sent})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert contributor.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_etag_changes_with_the_document_and_is_each_version_s_own(
    contributor: httpx.Client, leave: str
) -> None:
    before = etag(contributor, leave)
    assert etag(contributor, leave) == before
    send_text(contributor, "wiki:leave", "Forty days.")
    after = etag(contributor, leave)
    assert len({before, after, etag(contributor, f"{leave}?version=1")}) == 3


def test_replacing_what_somebody_else_changed_is_412(contributor: httpx.Client, leave: str) -> None:
    seen = etag(contributor, leave)
    assert replace(contributor, "Forty days.", If_Match=seen).status_code == 201
    assert_problem(replace(contributor, "Fifty days.", If_Match=seen), 412, "changed")
    assert contributor.get(f"{leave}/text").json()["text"] == "Forty days."
    assert replace(contributor, "Fifty days.", If_Match="*").status_code == 201
    assert_problem(replace(contributor, "No days.", If_Match=f"W/{etag(contributor, leave)}"), 412)


def test_deleting_what_somebody_else_changed_is_412(contributor: httpx.Client, leave: str) -> None:
    seen = etag(contributor, leave)
    send_text(contributor, "wiki:leave", "Forty days.")
    assert_problem(contributor.delete(leave, headers={"If-Match": seen}), 412, "changed")
    assert contributor.delete(leave, headers={"If-Match": etag(contributor, leave)}).status_code == 204


def test_document_that_is_there_already_can_be_left_alone(contributor: httpx.Client, leave: str) -> None:
    assert_problem(replace(contributor, "Forty days.", If_None_Match="*"), 412, "already")
    assert contributor.get(f"{leave}/text").json()["text"] == HANDBOOK.strip()
    contributor.delete(leave)
    assert replace(contributor, "Forty days.", If_None_Match="*").status_code == 201


def test_document_that_is_not_there_cannot_be_replaced(contributor: httpx.Client, leave: str) -> None:
    body = {"corpus": "handbook", "source": "wiki:none", "text": "text"}
    answer = contributor.post("/v1/documents", json=body, headers={"If-Match": "*"})
    assert_problem(answer, 412, "no such document")
