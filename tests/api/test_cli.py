import json
from pathlib import Path

import pytest

from api import build
from store import corpora
from store.postgres import Database
from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import HANDBOOK, extra_database
from tests.conftest import TestDatabases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good document."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text(HANDBOOK)
    return folder


@pytest.fixture
def handbook(rag: Rag, folder: Path) -> str:
    """A corpus with one document; returns its name."""
    assert rag("ingest", folder, "--corpus", "handbook").code == 0
    return "handbook"


def test_ingest_ends_with_the_promised_json(rag: Rag, folder: Path) -> None:
    first = rag("ingest", folder, "--corpus", "handbook", "--json")
    assert first.code == 0
    assert set(first.json) >= {"job_id", "documents", "chunks", "seconds"}
    counts = {"near_duplicate": 0, "quarantined": 0, "failed": 0, "duplicate": 0, "removed": 0}
    assert first.json["documents"] == {"done": 1, "unchanged": 0, **counts}
    second = rag("ingest", folder, "--corpus", "handbook", "--json")
    assert second.json["documents"] == {"done": 0, "unchanged": 1, **counts}


def test_metadata_from_the_command_line_can_be_filtered_by(rag: Rag, folder: Path) -> None:
    rag("ingest", folder, "--corpus", "handbook", "--metadata", "year=2024", "--metadata", "team=people")
    hits = rag("search", "leave", "--filters", '{"year": {"gte": 2024}, "team": "people"}', "--json").json[
        "hits"
    ]
    assert len(hits) == 1
    assert rag("search", "leave", "--filters", '{"year": 2023}', "--json").json["hits"] == []


def test_metadata_without_a_value_is_2(rag: Rag, folder: Path) -> None:
    assert_one_line(rag("ingest", folder, "--corpus", "c", "--metadata", "year"), 2, "year", "KEY=VALUE")


def test_ingest_of_nothing_new_does_not_load_the_encoder(
    rag: Rag, handbook: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(build, "_load_encoder", fail)
    outcome = rag("ingest", folder, "--corpus", handbook)
    assert (outcome.code, outcome.out.splitlines()[0].split(".")[0]) == (0, "Documents: 1 unchanged")


def test_prune_removes_what_is_gone(rag: Rag, handbook: str, folder: Path) -> None:
    (folder / "leave.md").rename(folder / "holidays.md")
    report = rag("ingest", folder, "--corpus", handbook, "--prune", "--json").json
    assert report["documents"]["removed"] == 1


def test_missing_path_is_2_and_makes_nothing(rag: Rag, folder: Path) -> None:
    missing = folder / "leaf.md"
    assert_one_line(rag("ingest", missing, "--corpus", "handbook"), 2, "leaf.md", "Check the spelling")
    assert "handbook" not in rag("corpora", "list").out


@pytest.mark.parametrize(
    ("name", "content", "kind", "line"),
    [
        ("a.txt", b"", "empty", None),
        ("a.txt", b"\x00\x01\x02" * 100, "binary", None),
        ("a.md", b"%PDF-1.7", "binary", None),
        ("a.txt", b"caf\xe9", "encoding", None),
        ("a.jsonl", b'{"id": "1", "text": "Cats."}\n{broken\n', "malformed", 2),
        ("a.txt.gz", b"no gzip", "unreadable", None),
    ],
)
def test_bad_file_is_1_and_named_while_the_rest_is_ingested(
    *, rag: Rag, folder: Path, name: str, content: bytes, kind: str, line: int | None
) -> None:
    (folder / name).write_bytes(content)
    outcome = rag("ingest", folder, "--corpus", "handbook", "--json")
    assert outcome.code == 1
    assert outcome.json["documents"]["failed"] == 1
    problem = outcome.json["problems"][0]
    assert problem["source"].endswith(name)
    assert (problem["kind"], problem["line"]) == (kind, line)
    assert rag("documents", "list", "--corpus", "handbook").out.count("leave.md") == 1


def test_report_for_people_names_what_failed(rag: Rag, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"text": "Cats."}\n{broken\n')
    outcome = rag("ingest", folder, "--corpus", "handbook")
    assert outcome.code == 1
    assert "2 new or changed, 1 failed" in outcome.out
    assert "a.jsonl line 2: " in outcome.err


def test_unknown_encoding_is_2(rag: Rag, folder: Path) -> None:
    outcome = rag("ingest", folder, "--corpus", "handbook", "--encoding", "klingon")
    assert_one_line(outcome, 2, "'klingon'", "utf-8")


def test_ask_prints_the_answer_with_its_sources(rag: Rag, handbook: str) -> None:
    outcome = rag("ask", "How many days of leave are granted?")
    assert outcome.code == 0
    assert "leave.md:" in outcome.out


def test_ask_takes_several_questions_and_keeps_the_session(rag: Rag, handbook: str) -> None:
    outcome = rag("ask", "How many days of leave?", "Who books trains?", "--json")
    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(answers) == 2
    assert answers[0]["session_id"] == answers[1]["session_id"]
    assert {"answer", "sentences", "citations", "hits", "timings_ms"} <= set(answers[0])


def test_ask_of_an_empty_corpus_says_that_it_does_not_know(rag: Rag) -> None:
    rag("corpora", "create", "empty")
    outcome = rag("ask", "How many days of leave?")
    assert (outcome.code, outcome.out.splitlines()[0][:14]) == (0, "I don't know: ")


@pytest.mark.parametrize("question", ["", "  "])
def test_empty_question_is_2(rag: Rag, handbook: str, question: str) -> None:
    assert_one_line(rag("ask", question), 2, "empty")


def test_question_of_100000_characters_is_2(rag: Rag, handbook: str) -> None:
    assert_one_line(rag("ask", "why " * 25_000), 2, "4,000")


def test_unknown_corpus_is_2_and_lists_those_that_are_known(rag: Rag, handbook: str) -> None:
    for command in (["ask", "Why?"], ["search", "why"], ["documents", "list"], ["index", "show"]):
        assert_one_line(rag(*command, "--corpus", "handbok"), 2, "'handbok'", "'handbook'")


def test_corpus_has_to_be_chosen_where_there_are_several(rag: Rag, handbook: str) -> None:
    rag("corpora", "create", "other")
    assert_one_line(rag("ask", "Why?"), 2, "--corpus", "handbook, other")


def test_question_without_any_corpus_is_2(rag: Rag) -> None:
    assert_one_line(rag("ask", "Why?"), 2, "rag ingest")


def test_wrong_encoder_is_2(rag: Rag, folder: Path, database: Database) -> None:
    with database.transaction() as session:
        corpora.create(session, "handbook", "another-encoder", "r1", 384)
    assert_one_line(rag("ingest", folder, "--corpus", "handbook"), 2, "another-encoder")
    assert_one_line(rag("ask", "Why?", "--corpus", "handbook"), 2, "another-encoder")


def test_other_revision_of_the_encoder_is_2_and_stores_nothing(
    rag: Rag, folder: Path, database: Database
) -> None:
    with database.transaction() as session:
        corpora.create(session, "handbook", "all-MiniLM-L6-v2", "older", 384)
    assert_one_line(rag("ingest", folder, "--corpus", "handbook"), 2, "older")
    assert rag("corpora", "list", "--json").json["corpora"][0]["documents"] == 0


def test_database_that_is_down_is_3(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DATABASE_URL", "postgresql://me:swordfish@127.0.0.1:1/none")
    outcome = rag("keys", "list")
    assert_one_line(outcome, 3, "127.0.0.1", "RAG_DATABASE_URL")
    assert "swordfish" not in outcome.err


def test_your_own_database_is_changed_by_migrate_only(
    rag: Rag, databases: TestDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    with extra_database(databases, "not_migrated", migrated=False) as url:
        monkeypatch.setenv("RAG_DATABASE_URL", url)
        assert_one_line(rag("keys", "list"), 2, "rag migrate")
        assert rag("migrate", "--json").json == {"migrated": True}
        assert rag("migrate", "--json").json == {"migrated": False}
        assert rag("keys", "list").code == 0


def test_unusable_setting_is_2(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_PORT", "http")
    assert_one_line(rag("keys", "list"), 2, "RAG_PORT='http'")


@pytest.mark.parametrize("damage", [b"", b"{}", b"garbage"])
def test_corrupt_snapshot_of_the_index_is_rebuilt(
    rag: Rag, handbook: str, tmp_path: Path, damage: bytes
) -> None:
    before = rag("search", "leave", "--json").json
    manifest = next((tmp_path / "data" / "indexes").rglob("manifest.json"))
    manifest.write_bytes(damage)
    outcome = rag("search", "leave", "--json")
    assert outcome.code == 0
    assert outcome.json == before
    assert "WARNING" in outcome.err


def test_index_is_rebuilt_from_the_database(rag: Rag, handbook: str) -> None:
    shown = rag("index", "show", "--json").json["indexes"][0]
    assert (shown["chunks"], shown["position"]) == (shown["database_chunks"], shown["database_position"])
    assert rag("index", "rebuild", "--json").json["indexes"] == [shown]


@pytest.mark.parametrize("filters", ["{", "[]", '"x"'])
def test_filters_that_are_no_object_are_2(rag: Rag, handbook: str, filters: str) -> None:
    assert_one_line(rag("search", "leave", "--filters", filters), 2, "--filters", "language")


def test_filters_narrow_a_search(rag: Rag, handbook: str) -> None:
    assert rag("search", "leave", "--filters", '{"title": "Leave"}', "--json").json["hits"]
    assert rag("search", "leave", "--filters", '{"title": "Other"}').out.startswith("Nothing")


def test_key_is_made_listed_and_revoked(rag: Rag) -> None:
    made = rag("keys", "create", "--role", "reader", "--user", "ada", "--json").json
    assert set(made) >= {"key", "id", "user", "role", "prefix"}
    assert made["key"].startswith(made["prefix"])
    listed = rag("keys", "list").out
    assert made["id"] in listed
    assert made["key"] not in listed
    assert rag("keys", "revoke", made["id"], "--json").json["revoked_at"]
    assert [user["name"] for user in rag("users", "list", "--json").json["users"]] == ["ada"]


@pytest.mark.parametrize("name", ["", " a", "a\n"])
def test_name_that_cannot_be_one_is_2(rag: Rag, folder: Path, name: str) -> None:
    assert_one_line(rag("ingest", folder, "--corpus", name), 2, "name")
    assert_one_line(rag("corpora", "create", name), 2, "name")
    assert_one_line(rag("keys", "create", "--role", "reader", "--user", name), 2, "name")


def test_unknown_id_is_2(rag: Rag) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    for command in (["keys", "revoke"], ["documents", "show"], ["responses", "show"]):
        assert_one_line(rag(*command, missing), 2, missing)


def test_exported_documents_are_lines_of_json(rag: Rag, handbook: str) -> None:
    outcome = rag("documents", "export", "--corpus", handbook)
    assert set(outcome.json) >= {"document_id", "source", "version", "text", "metadata"}
    assert outcome.json["text"] == HANDBOOK.strip()
    shown = rag("documents", "show", outcome.json["document_id"], "--json").json
    assert (shown["text"], shown["shown_version"]) == (HANDBOOK.strip(), 1)


def test_documents_are_listed_behind_a_source(rag: Rag, handbook: str) -> None:
    source = rag("documents", "list", "--corpus", handbook, "--json").json["source"]
    assert rag("documents", "list", "--corpus", handbook, "--after", source).out == ""


def test_responses_are_listed_and_shown(rag: Rag, handbook: str) -> None:
    answer = rag("ask", "How many days of leave?", "--json").json
    listed = rag("responses", "list", "--json").json["responses"]
    assert [response["id"] for response in listed] == [answer["response_id"]]
    shown = rag("responses", "show", answer["response_id"], "--json").json
    assert shown["body"] == answer
    assert "How many days of leave?" in rag("responses", "show", answer["response_id"]).out


def test_deleted_corpus_is_gone(rag: Rag, handbook: str, tmp_path: Path) -> None:
    rag("search", "leave")
    assert rag("corpora", "delete", handbook, "--yes", "--json").json == {"deleted": handbook}
    assert rag("corpora", "list", "--json").json == {"corpora": []}
    assert list((tmp_path / "data" / "indexes").iterdir()) == []


def test_mistake_of_ours_is_70(rag: Rag, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(build, "open_database", fail)
    outcome = rag("keys", "list")
    assert outcome.code == 70
    assert outcome.err.splitlines()[-1] == "rag: ours"


@pytest.mark.parametrize(
    "arguments", [["ingset"], ["ask"], ["keys", "create", "--role", "king"], ["--versoin"]]
)
def test_wrong_usage_is_2(rag: Rag, arguments: list[str]) -> None:
    assert rag(*arguments).code == 2
