from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from ingest.dry_run import Forecast, forecast
from ingest.options import IngestOptions
from store.postgres import Database
from store.types import Corpus
from tests.ingest.conftest import FakeEncoder, Ingest


def count(database: Database, table: str) -> int:
    with database.transaction() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def told(database: Database, corpus: Corpus | None, path: Path, *, prune: bool = False) -> Forecast:
    options = IngestOptions(prune=prune)
    return forecast([str(path)], corpus, database=database, embed=FakeEncoder(), options=options)


def test_forecast_says_what_the_ingestion_then_does(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(f"Text {name}")
    run(tmp_path)
    before = count(database, "documents"), count(database, "jobs")
    (tmp_path / "b.txt").write_text("Changed")
    (tmp_path / "c.txt").write_text("Text a")
    (tmp_path / "d.txt").unlink()
    (tmp_path / "e.txt").write_text("New")
    (tmp_path / "f.txt").write_bytes(b"Caf\xe9")
    (tmp_path / "g.png").write_bytes(b"\x89PNG")
    found = told(database, corpus, tmp_path, prune=True)
    assert (found.new, found.changed, found.unchanged, found.duplicate) == (1, 1, 1, 1)
    assert (found.failed, found.skipped, found.removed) == (1, 1, 1)
    assert (found.characters, found.chunks) == (10, 2)
    assert (count(database, "documents"), count(database, "jobs")) == before
    done = run(tmp_path, prune=True).documents
    assert (done.done, done.unchanged, done.duplicate, done.failed, done.removed) == (2, 1, 1, 1, 1)


def test_corpus_that_is_not_there_is_not_made(database: Database, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 1_800)
    found = told(database, None, tmp_path)
    assert (found.new, found.removed) == (1, 0)
    assert found.chunks == pytest.approx(10, abs=2)
    assert found.seconds >= 0
    assert count(database, "corpora") == 0


def test_time_goes_by_the_last_jobs(database: Database, corpus: Corpus, run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    run(tmp_path)
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET seconds = 4"))
    (tmp_path / "b.txt").write_text("B")
    assert told(database, corpus, tmp_path).seconds == 4.0


def test_forecast_follows_the_settings_of_the_corpus(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    text_of = "The lighthouse at the end of the pier was lit for the first time in eighteen {} by a keeper. "
    (tmp_path / "a.txt").write_text(text_of.format("eighty") * 9 + "The end.")
    (tmp_path / "b.txt").write_text(text_of.format("eighty") * 9 + "The very end.")
    (tmp_path / "c.txt").write_text("Short")
    settled = replace(corpus, settings={"quality": {"min_words": 3}})
    batches = IngestOptions(batch_characters=1)  # each in a batch of its own
    found = forecast([str(tmp_path)], settled, database=database, embed=FakeEncoder(), options=batches)
    assert (found.new, found.near_duplicate, found.refused) == (1, 1, 1)
    (tmp_path / "b.txt").unlink()
    run(tmp_path)
    (tmp_path / "d.txt").write_text(text_of.format("eighty") * 9 + "The real end.")
    assert told(database, corpus, tmp_path).near_duplicate == 1
