"""`rag retrieval` from the command line."""

import json
from pathlib import Path

import pytest

from tests.api.command_line import Rag, assert_one_line

SUBJECTS = [
    "leave",
    "travel",
    "parking",
    "printers",
    "keys",
    "lunch",
    "visitors",
    "phones",
    "alarms",
    "desks",
]


@pytest.fixture
def house(rag: Rag, tmp_path: Path) -> str:
    """A corpus of records; returns its name."""
    records = [{"id": subject, "text": f"The rules for {subject} are here."} for subject in SUBJECTS]
    file = tmp_path / "house.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert rag("ingest", file, "--corpus", "house").code == 0
    return "house"


@pytest.fixture
def judgements(tmp_path: Path) -> list[str | Path]:
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    asked = [{"_id": subject, "text": f"rules for {subject}"} for subject in SUBJECTS]
    queries.write_text("".join(json.dumps(query) + "\n" for query in asked))
    qrels.write_text("".join(f"{subject}\t{subject}\t1\n" for subject in SUBJECTS))
    return ["--queries", queries, "--qrels", qrels]


def test_weights_are_learned_shown_and_reset(rag: Rag, house: str, judgements: list[str | Path]) -> None:
    defaults = rag("retrieval", "show", "--json").json
    assert defaults["keyword_weight"] == 0.5 and defaults["learned"] is None
    tuned = rag("retrieval", "tune", "--corpus", house, *judgements, "--json")
    assert tuned.code == 0, tuned.err
    assert tuned.json["learned"]["queries"] == 10
    assert rag("retrieval", "show", "--json").json == tuned.json
    assert "cross-validation" in rag("retrieval", "show").out
    assert (
        rag("search", "rules for keys", "--top-k", "1", "--json").json["hits"][0]["source"].endswith("#keys")
    )
    assert rag("retrieval", "reset", "--json").json == defaults


def test_a_dry_run_keeps_nothing(rag: Rag, house: str, judgements: list[str | Path]) -> None:
    assert rag("retrieval", "tune", *judgements, "--dry-run", "--json").json["learned"]["queries"] == 10
    assert rag("retrieval", "show", "--json").json["learned"] is None


def test_what_cannot_be_learned_from_is_2(
    rag: Rag, house: str, judgements: list[str | Path], tmp_path: Path
) -> None:
    few = tmp_path / "few.tsv"
    few.write_text("leave\tleave\t1\n")
    assert_one_line(rag("retrieval", "tune", *judgements[:3], few), 2, "1 judged queries are too few")
    assert_one_line(rag("retrieval", "tune", *judgements[:3], tmp_path / "none.tsv"), 2, "none.tsv")
    assert_one_line(rag("retrieval", "tune", *judgements[:2]), 2, "--queries and --qrels, or --reviews")
    assert_one_line(rag("retrieval", "tune", "--reviews"), 2, "0 judged queries are too few")


def test_a_search_can_fold_widen_and_leave_spelling(rag: Rag, house: str) -> None:
    found = rag(
        "search", "rules for parkng", "--diversity", "0.2", "--expand", "section", "--rerank", "--json"
    )
    assert found.json["query"] == "rules for parking" and found.json["reranked"] > 0
    assert found.json["hits"][0]["context"]["text"]
    shown = rag("search", "rules for parkng").out
    assert "searched for parking, as nothing has parkng" in shown
    assert rag("search", "rules for parkng", "--no-spelling", "--json").json["query"] == "rules for parkng"
