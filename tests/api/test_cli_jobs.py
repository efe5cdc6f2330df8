import json
from pathlib import Path

import pytest

from store import corpora, jobs
from store.job_types import NewJob
from store.postgres import Database
from tests.api.command_line import Rag, assert_one_line


@pytest.fixture
def job_id(rag: Rag, tmp_path: Path) -> str:
    """A job with a document that is stored and one that failed."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Dogs are welcome.")
    (tmp_path / "in" / "b.txt").write_bytes(b"Caf\xe9")
    done = rag("ingest", tmp_path / "in", "--corpus", "notes", "--json")
    assert done.code == 1
    return str(done.json["job_id"])


def test_job_is_listed_and_shown(rag: Rag, job_id: str) -> None:
    listed = rag("jobs", "list", "--json").json["jobs"]
    shown = rag("jobs", "show", job_id, "--json").json
    assert listed == [shown]
    assert (shown["id"], shown["corpus"], shown["status"], shown["share"]) == (job_id, "notes", "done", 1.0)
    assert (shown["documents"]["done"], shown["documents"]["failed"]) == (1, 1)
    assert "1 done, 1 failed" in rag("jobs", "list").out
    assert "1 done, 1 failed" in rag("jobs", "show", job_id).out


def test_documents_of_a_job_say_what_became_of_them(rag: Rag, job_id: str) -> None:
    printed = rag("jobs", "documents", job_id, "--json").out.splitlines()
    assert [json.loads(line)["status"] for line in printed] == ["done", "failed"]
    failed = rag("jobs", "documents", job_id, "--status", "failed").out
    assert failed.startswith("failed ")
    assert "b.txt" in failed
    assert_one_line(rag("jobs", "documents", job_id, "--status", "lost"), 2, "lost", "quarantined")


def test_retried_job_takes_only_what_failed(rag: Rag, job_id: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "b.txt").write_text("Cafe")
    assert rag("jobs", "retry", job_id, "--json").json["queued"] == 1
    assert rag("jobs", "show", job_id, "--json").json["status"] == "queued"
    resumed = rag("jobs", "resume", job_id, "--json")
    assert (resumed.code, resumed.json["documents"]["done"]) == (0, 2)
    assert resumed.json["job_id"] == job_id
    assert_one_line(rag("jobs", "resume", job_id), 2, "is done")


def test_waiting_job_is_paused_resumed_and_cancelled(rag: Rag, database: Database, job_id: str) -> None:
    with database.transaction() as session:
        waiting = str(jobs.create(session, NewJob(corpora.get(session, "notes").id, None, "ingest")))
    assert "is paused" in rag("jobs", "pause", waiting).out
    assert_one_line(rag("jobs", "pause", waiting), 2, "paused")
    assert rag("jobs", "resume", waiting, "--json").json["documents"]["done"] == 0
    assert_one_line(rag("jobs", "cancel", waiting), 2, "done")
    assert_one_line(rag("jobs", "show", "00000000-0000-0000-0000-000000000007"), 2, "00000007")


def test_finished_job_is_watched_once(rag: Rag, job_id: str) -> None:
    watched = rag("jobs", "watch", job_id)
    assert watched.code == 0
    assert "done" in watched.err
    assert "100%" in watched.err


def test_dry_run_stores_nothing(rag: Rag, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Dogs are welcome.")
    told = rag("ingest", tmp_path / "a.txt", "--corpus", "notes", "--dry-run", "--json")
    assert (told.code, told.json["dry_run"], told.json["documents"]["new"]) == (0, True, 1)
    assert "1 new" in rag("ingest", tmp_path / "a.txt", "--corpus", "notes", "--dry-run").out
    assert rag("corpora", "list", "--json").json["corpora"] == []
    assert rag("jobs", "list", "--json").json["jobs"] == []
