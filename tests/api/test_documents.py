import gzip
import json

import httpx
import pytest

from api.app import create_app
from api.build import Application
from api.settings import Settings
from tests.api.conftest import HANDBOOK, assert_problem, send_text, serving_app


def upload(
    client: httpx.Client, name: str, content: bytes, media_type: str = "text/plain", **fields: str
) -> httpx.Response:
    files = {"file": (name, content, media_type)}
    return client.post("/v1/documents", files=files, data={"corpus": "handbook", **fields})


def count(client: httpx.Client) -> int:
    documents: int = client.get("/v1/corpora/handbook").json()["documents"]
    return documents


def test_text_becomes_a_document(contributor: httpx.Client, handbook: str) -> None:
    sent = contributor.post(
        "/v1/documents",
        json={
            "corpus": handbook,
            "source": "wiki:pets",
            "text": "Dogs are welcome.\r\n",
            "title": "Pets",
            "metadata": {"floor": 2},
        },
    )
    assert sent.status_code == 201
    view = sent.json()
    assert (view["status"], view["version"], view["chunks"], view["problems"]) == ("current", 1, 1, [])
    shown = contributor.get(f"/v1/documents/{view['document_id']}").json()
    assert (shown["source"], shown["title"], shown["metadata"]) == ("wiki:pets", "Pets", {"floor": 2})
    text = contributor.get(f"/v1/documents/{view['document_id']}/text").json()
    assert text["text"] == "Dogs are welcome."


def test_uploaded_file_is_read_by_its_name(contributor: httpx.Client, handbook: str) -> None:
    page = b"<html><title>Pets</title><body><script>x()</script><p>Dogs are welcome.</p></body></html>"
    view = upload(contributor, "pets.html", page, "application/octet-stream").raise_for_status().json()
    assert view["source"] == "upload://pets.html"
    text = contributor.get(f"/v1/documents/{view['document_id']}/text").json()
    assert (text["title"], text["text"]) == ("Pets", "Dogs are welcome.")


def test_uploaded_file_without_ending_is_read_by_its_media_type(
    contributor: httpx.Client, handbook: str
) -> None:
    view = upload(contributor, "pets", b"# Pets\n\nDogs.", "text/markdown", source="wiki:pets").json()
    shown = contributor.get(f"/v1/documents/{view['document_id']}").json()
    assert (shown["source"], shown["media_type"]) == ("wiki:pets", "text/markdown")


def test_fields_of_the_form_describe_the_document(contributor: httpx.Client, handbook: str) -> None:
    fields = {"title": "Caf\u00e9", "metadata": '{"floor": 2}', "encoding": "latin-1"}
    view = upload(contributor, "a.txt", "Caf\u00e9 au lait".encode("latin-1"), **fields).json()
    shown = contributor.get(f"/v1/documents/{view['document_id']}").json()
    assert (shown["title"], shown["metadata"]) == ("Caf\u00e9", {"floor": 2})
    assert contributor.get(f"/v1/documents/{view['document_id']}/text").json()["text"] == "Caf\u00e9 au lait"


def test_same_text_again_changes_nothing_and_is_200(contributor: httpx.Client, handbook: str) -> None:
    again = send_text(contributor, "wiki:leave", HANDBOOK)
    assert (again.status_code, again.json()["version"], again.json()["chunks"]) == (200, 1, 0)


def test_other_text_makes_a_new_version_and_keeps_the_old_one(
    contributor: httpx.Client, handbook: str
) -> None:
    view = send_text(contributor, "wiki:leave", "Forty days.").json()
    assert view["version"] == 2
    at = f"/v1/documents/{view['document_id']}"
    assert contributor.get(f"{at}/text").json()["text"] == "Forty days."
    assert contributor.get(f"{at}/text", params={"version": 1}).json()["text"] == HANDBOOK.strip()
    old = contributor.get(at, params={"version": 1}).json()
    assert (old["version"], old["shown_version"]) == (2, 1)
    assert old["chunks"][0]["start"] == 0
    assert_problem(contributor.get(f"{at}/text", params={"version": 3}), 404, "version 3")


def test_text_that_is_there_already_is_a_duplicate(contributor: httpx.Client, handbook: str) -> None:
    view = send_text(contributor, "wiki:copy", HANDBOOK)
    assert (view.status_code, view.json()["status"], view.json()["chunks"]) == (201, "duplicate", 0)


def test_file_of_records_is_many_documents_and_bad_lines_are_reported(
    contributor: httpx.Client, handbook: str
) -> None:
    lines = [json.dumps({"id": "a", "text": "Dogs."}), "{broken", json.dumps({"id": "b", "text": "Cats."})]
    view = upload(contributor, "pets.jsonl.gz", gzip.compress("\n".join(lines).encode())).json()
    assert view["document_id"] is None
    assert (view["documents"]["done"], view["documents"]["failed"]) == (2, 1)
    assert [problem["line"] for problem in view["problems"]] == [2]
    assert count(contributor) == 3


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.txt", b"", "no text"),
        ("a.txt", b" \n\t ", "no text"),
        ("a.txt", b"%PDF-1.7 ...", "PDF"),
        ("a.txt", b"\x00\x01\x02\x03" * 100, "binary"),
        ("a.txt", b"caf\xe9", "byte 3"),
        ("a.txt.gz", b"no gzip", "cannot be read"),
        ("a.jsonl", b"{broken\n", "JSON"),
    ],
)
def test_file_that_cannot_be_a_document_is_422_and_leaves_nothing(
    contributor: httpx.Client, handbook: str, name: str, content: bytes, word: str
) -> None:
    assert_problem(upload(contributor, name, content), 422, word)
    assert count(contributor) == 1


def test_media_type_without_a_reader_is_415(contributor: httpx.Client, handbook: str) -> None:
    assert_problem(upload(contributor, "a.xyz", b"\x89PNG", "image/x-xyz"), 415, "image/x-xyz", "text/html")
    response = contributor.post("/v1/documents", content=b"x", headers={"Content-Type": "text/plain"})
    assert_problem(response, 415, "application/json", "multipart/form-data")


def test_unknown_corpus_is_404_and_is_not_made(contributor: httpx.Client, handbook: str) -> None:
    body = {"corpus": "handbok", "source": "a", "text": "text"}
    assert_problem(contributor.post("/v1/documents", json=body), 404, "'handbok'")
    assert len(contributor.get("/v1/corpora").json()["corpora"]) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"text": None}, "text"),
        ({"source": ""}, "source"),
        ({"source": "a\0"}, "source"),
        ({"title": "a\0"}, "title"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\0"}}, "metadata"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_field_that_cannot_be_used_is_422_and_named(
    contributor: httpx.Client, handbook: str, change: dict[str, object], word: str
) -> None:
    body = {"corpus": handbook, "source": "a", "text": "text", **change}
    assert_problem(contributor.post("/v1/documents", json=body), 422, word)


def test_numbers_that_json_does_not_have_are_422(contributor: httpx.Client, handbook: str) -> None:
    content = b'{"corpus": "handbook", "source": "a", "text": "text", "metadata": {"a": NaN}}'
    response = contributor.post(
        "/v1/documents", content=content, headers={"Content-Type": "application/json"}
    )
    assert_problem(response, 422, "metadata")


@pytest.mark.parametrize("fields", [{"metadata": "{"}, {"metadata": "[]"}, {"encoding": "klingon"}])
def test_field_of_a_form_that_cannot_be_used_is_422(
    contributor: httpx.Client, handbook: str, fields: dict[str, str]
) -> None:
    assert_problem(upload(contributor, "a.txt", b"text", **fields), 422, next(iter(fields.values()))[:1])


def test_form_without_file_is_422(contributor: httpx.Client, handbook: str) -> None:
    response = contributor.post(
        "/v1/documents", files={"other": ("a.txt", b"text")}, data={"corpus": handbook}
    )
    assert_problem(response, 422, "`file`")
    response = contributor.post("/v1/documents", files={"file": ("a.txt", b"text")})
    assert_problem(response, 422, "corpus")


def test_body_over_the_limit_is_413_announced_or_not(
    settings: Settings, application: Application, contributor: httpx.Client, handbook: str
) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 1000})
    text = json.dumps({"corpus": handbook, "source": "a", "text": "x" * 1000}).encode()
    with serving_app(create_app(small, application)) as url:
        headers = {**contributor.headers, "content-type": "application/json"}
        announced = httpx.post(f"{url}/v1/documents", content=text, headers=headers)
        unannounced = httpx.post(f"{url}/v1/documents", content=iter([text]), headers=headers)
    assert_problem(announced, 413, "1,000 bytes")
    assert_problem(unannounced, 413, "1,000 bytes")
    assert count(contributor) == 1


def test_list_goes_through_all_documents_page_by_page(contributor: httpx.Client, handbook: str) -> None:
    for number in range(4):
        send_text(contributor, f"wiki:{number} \u2713", f"Page {number}.")
    sources: list[str] = []
    cursor = None
    while True:
        wanted = {"corpus": handbook, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = contributor.get("/v1/documents", params=wanted).json()
        sources += [document["source"] for document in page["documents"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sources == [f"wiki:{number} \u2713" for number in range(4)] + ["wiki:leave"]


@pytest.mark.parametrize("cursor", ["!", "Zm9vY", "AA==", "\u00e9"])
def test_cursor_that_is_not_ours_is_400(contributor: httpx.Client, handbook: str, cursor: str) -> None:
    response = contributor.get("/v1/documents", params={"corpus": handbook, "cursor": cursor})
    assert_problem(response, 400, "cursor")


def test_deleted_document_is_not_found_but_stays_readable(contributor: httpx.Client, handbook: str) -> None:
    document = contributor.get("/v1/documents", params={"corpus": handbook}).json()["documents"][0]
    at = f"/v1/documents/{document['id']}"
    assert contributor.delete(at).status_code == 204
    assert contributor.get("/v1/documents", params={"corpus": handbook}).json()["documents"] == []
    found = contributor.post("/v1/search", json={"query": "leave", "corpus": handbook})
    assert found.json()["hits"] == []
    assert contributor.get(at).json()["status"] == "removed"
    assert contributor.get(f"{at}/text").json()["text"] == HANDBOOK.strip()
    assert_problem(contributor.delete(at), 404, document["id"])


def test_unknown_document_is_404(contributor: httpx.Client) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    assert_problem(contributor.get(f"/v1/documents/{missing}"), 404, missing)
    assert_problem(contributor.get("/v1/documents/leave"), 422, "document_id")


def test_name_of_an_uploaded_file_leads_nowhere(contributor: httpx.Client, handbook: str) -> None:
    view = upload(contributor, "../../etc/pets.txt", b"Dogs.").json()
    assert view["source"] == "upload://pets.txt"
