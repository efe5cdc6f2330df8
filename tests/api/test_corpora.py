import httpx
import pytest

from store import corpora
from store.postgres import Database
from tests.api.conftest import assert_problem, send_text


def test_corpus_is_made_listed_and_shown(contributor: httpx.Client) -> None:
    made = contributor.post("/v1/corpora", json={"name": "handbook"})
    assert made.status_code == 201
    assert (made.json()["encoder"], made.json()["dimension"]) == ("all-MiniLM-L6-v2", 384)
    assert contributor.get("/v1/corpora").json() == {"corpora": [made.json()], "next": None}
    assert contributor.get("/v1/corpora/handbook").json() == made.json()


def test_corpus_tells_how_much_is_in_it(contributor: httpx.Client, handbook: str) -> None:
    shown = contributor.get(f"/v1/corpora/{handbook}").json()
    assert shown["documents"] == 1
    assert shown["chunks"] >= 1


def test_corpus_that_exists_is_409(contributor: httpx.Client, handbook: str) -> None:
    assert_problem(contributor.post("/v1/corpora", json={"name": handbook}), 409, handbook)


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "a\0", "x" * 201])
def test_name_that_cannot_be_one_is_422(contributor: httpx.Client, name: str) -> None:
    assert_problem(contributor.post("/v1/corpora", json={"name": name}), 422, "name")


def test_unknown_corpus_is_404_and_lists_those_that_are_known(
    administrator: httpx.Client, handbook: str
) -> None:
    assert_problem(administrator.get("/v1/corpora/handbok"), 404, "'handbok'", "'handbook'")
    assert_problem(administrator.delete("/v1/corpora/handbok"), 404, "'handbok'")


def test_deleted_corpus_is_gone(administrator: httpx.Client, handbook: str) -> None:
    administrator.post("/v1/search", json={"query": "leave", "corpus": handbook}).raise_for_status()
    assert administrator.delete(f"/v1/corpora/{handbook}").status_code == 204
    assert_problem(administrator.get(f"/v1/corpora/{handbook}"), 404)
    administrator.post("/v1/corpora", json={"name": handbook}).raise_for_status()
    found = administrator.post("/v1/search", json={"query": "leave", "corpus": handbook})
    assert found.json()["hits"] == []
    assert found.json()["reason"] == "the corpus holds no searchable text"


def test_corpus_of_another_encoder_is_409_to_all_that_need_it(
    contributor: httpx.Client, database: Database
) -> None:
    with database.transaction() as session:
        corpora.create(session, "handbook", "another-encoder", "r1", 384)
    asked = contributor.post("/v1/ask", json={"question": "Leave?", "corpus": "handbook"})
    assert_problem(asked, 409, "another-encoder", "all-MiniLM-L6-v2")
    body = {"corpus": "handbook", "source": "a", "text": "text"}
    assert_problem(contributor.post("/v1/documents", json=body), 409, "another-encoder")


def test_corpus_of_another_revision_of_the_encoder_is_409(
    contributor: httpx.Client, database: Database
) -> None:
    with database.transaction() as session:
        corpora.create(session, "handbook", "all-MiniLM-L6-v2", "older", 384)
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        send_text(contributor, "a", "text")
    assert contributor.get("/v1/corpora/handbook").json()["documents"] == 0
