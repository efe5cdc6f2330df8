import time

import httpx
import pytest

from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import assert_problem, send_text

LEAVE = (
    "Thirty days of leave are granted to everyone who works here, and ten more to those who work in shifts. "
    "Leave that was not taken by the end of March is lost, unless the office asked for it to be put off."
)
NEARLY = LEAVE + " This page was printed on Monday."


@pytest.fixture
def copy(handbook: str, contributor: httpx.Client) -> str:
    """The id of a document that is nearly another one."""
    send_text(contributor, "wiki:days", LEAVE)
    view = send_text(contributor, "wiki:days-printed", NEARLY).json()
    assert (view["status"], view["documents"]["near_duplicate"]) == ("near_duplicate", 1)
    return str(view["document_id"])


def test_clusters_are_listed_and_shown(copy: str, reader: httpx.Client) -> None:
    listed = reader.get("/v1/duplicates", params={"corpus": "handbook"}).json()
    [cluster] = listed["clusters"]
    assert cluster["canonical"]["source"] == "wiki:days"
    assert [(c["source"], c["status"]) for c in cluster["copies"]] == [
        ("wiki:days-printed", "near_duplicate")
    ]
    assert 0.8 < cluster["copies"][0]["similarity"] < 1
    assert listed["next"] is None
    assert reader.get(f"/v1/duplicates/{copy}").json() == cluster
    assert reader.get(f"/v1/documents/{copy}/text").json()["text"] == NEARLY


def test_split_document_is_found_by_itself(copy: str, contributor: httpx.Client) -> None:
    search = {"query": "leave printed on Monday", "corpus": "handbook"}
    assert "wiki:days-printed" not in _sources(contributor, search)
    view = contributor.post(f"/v1/duplicates/{copy}/split").raise_for_status().json()
    assert (view["status"], view["kept_apart"]) == ("current", True)
    deadline = time.monotonic() + 60  # a search may run while the index is being brought up to date
    while "wiki:days-printed" not in _sources(contributor, search):
        assert time.monotonic() < deadline
    assert_problem(contributor.post(f"/v1/duplicates/{copy}/split"), 409, "current", "near-duplicates")


def _sources(client: httpx.Client, search: dict[str, str]) -> list[str]:
    return [hit["source"] for hit in client.post("/v1/search", json=search).raise_for_status().json()["hits"]]


def test_readers_cannot_split(copy: str, reader: httpx.Client) -> None:
    assert_problem(reader.post(f"/v1/duplicates/{copy}/split"), 403, "contributor")


def test_threshold_of_the_corpus_decides(handbook: str, administrator: httpx.Client) -> None:
    change = {"settings": {"near_duplicates": {"threshold": 0.99}}}
    view = administrator.patch("/v1/corpora/handbook", json=change).raise_for_status().json()
    assert view["settings"] == change["settings"]
    send_text(administrator, "wiki:days", LEAVE)
    assert send_text(administrator, "wiki:days-printed", NEARLY).json()["status"] == "current"


def test_settings_that_mean_nothing_are_refused(handbook: str, administrator: httpx.Client) -> None:
    def patch(settings: dict[str, object]) -> httpx.Response:
        return administrator.patch("/v1/corpora/handbook", json={"settings": settings})

    assert_problem(patch({"near_duplicates": {"threshold": 7}}), 422, "near_duplicates.threshold=7")
    assert_problem(patch({"near_duplicates": {"treshold": 1}}), 422, "treshold", "near_duplicates.threshold")
    assert_problem(patch({"near_duplicates": 1}), 422, "object")
    assert_problem(patch({"near": {}}), 422, "'near'", "near_duplicates")
    assert administrator.get("/v1/corpora/handbook").json()["settings"] == {}


def test_command_line_lists_shows_and_splits(rag: Rag, copy: str) -> None:
    listed = rag("duplicates", "list", "--corpus", "handbook").out.splitlines()
    assert [line.split()[-1] for line in listed] == ["wiki:days", "wiki:days-printed"]
    assert "+" + NEARLY in rag("duplicates", "show", copy).out
    assert rag("duplicates", "split", copy, "--json").json["status"] == "current"
    assert rag("duplicates", "list", "--corpus", "handbook", "--json").json == {"clusters": [], "next": None}
    assert_one_line(rag("duplicates", "split", copy), 2, "current")


def test_command_line_shows_and_changes_settings(rag: Rag, handbook: str) -> None:
    changed = rag("corpora", "settings", handbook, "near_duplicates.threshold=0.9", "--json").json
    assert changed["settings"]["near_duplicates"] == {"enabled": True, "threshold": 0.9}
    assert "0.9" in rag("corpora", "settings", handbook).out
    assert rag("corpora", "settings", handbook, "near_duplicates.threshold=", "--json").json["settings"][
        "near_duplicates"
    ] == {"enabled": True, "threshold": 0.8}
    assert_one_line(rag("corpora", "settings", handbook, "threshold=1"), 2, "near_duplicates.threshold=0.9")
