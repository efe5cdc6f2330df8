from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.corpus_settings import CorpusSettings
from ingest.errors import CorpusSettingsError
from ingest.report import DocumentCounts
from store import corpora, documents, index_log, near_duplicates
from store.postgres import Database
from store.types import Corpus, Document, DocumentStatus, Origin
from tests.ingest.conftest import FakeEncoder, Ingest

FIRST = "Thirty days of leave are granted to everyone who works here, and ten more to those on shifts."
SECOND = "Leave that was not taken by the end of March is lost, unless the office asked to put it off."
PAGE = f"# Leave\n\n{FIRST}\n\n# Rest\n\n{SECOND}"
NEARLY = f"{PAGE} Printed on Monday."


def stored(database: Database, corpus: Corpus) -> dict[str, Document]:
    with database.transaction() as session:
        found = documents.page(session, corpus.id, after=None, limit=100)
    return {document.source.rpartition("/")[2]: document for document in found}


def searchable(database: Database, corpus: Corpus) -> int:
    with database.transaction() as session:
        return index_log.count_searchable(session, corpus.id)


def test_near_duplicate_is_counted_and_not_indexed(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text(NEARLY)
    (tmp_path / "c.md").write_text(PAGE)
    report = run(tmp_path)
    found = stored(database, corpus)
    assert report.documents == DocumentCounts(done=1, near_duplicate=1, duplicate=1)
    assert (found["b.md"].status, found["b.md"].duplicate_of) == (
        DocumentStatus.NEAR_DUPLICATE,
        found["a.md"].id,
    )
    assert searchable(database, corpus) == report.chunks
    assert run(tmp_path).documents == DocumentCounts(unchanged=3)


def test_later_ingestion_sees_what_the_first_stored(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    run(tmp_path)
    (tmp_path / "b.md").write_text(NEARLY)
    assert run(tmp_path).documents == DocumentCounts(unchanged=1, near_duplicate=1)
    assert stored(database, corpus)["b.md"].similarity == pytest.approx(38 / 41)


def test_near_duplicate_embeds_only_the_chunks_that_differ(
    run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    long = "\n\n".join(f"# Part {n}\n\n" + " ".join(f"w{n}x{m}" for m in range(150)) for n in range(10))
    (tmp_path / "a.md").write_text(long)
    run(tmp_path)
    first = len(encoder.texts)
    (tmp_path / "b.md").write_text(long + " and one word more")
    assert run(tmp_path).documents.near_duplicate == 1
    assert len(encoder.texts) - first == 1


def test_near_duplicate_takes_over_when_the_file_is_gone(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text(NEARLY)
    run(tmp_path)
    embedded = len(encoder.texts)
    (tmp_path / "a.md").unlink()
    assert run(tmp_path, prune=True).documents == DocumentCounts(unchanged=1, removed=1)
    assert stored(database, corpus)["b.md"].status == DocumentStatus.CURRENT
    assert searchable(database, corpus) > 0
    assert len(encoder.texts) == embedded


def test_document_kept_apart_stays_so_when_it_changes(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text(NEARLY)
    run(tmp_path)
    with database.transaction() as session:
        near_duplicates.split(session, stored(database, corpus)["b.md"].id)
    (tmp_path / "b.md").write_text(NEARLY + " Again.")
    assert run(tmp_path).documents == DocumentCounts(unchanged=1, done=1)


@pytest.fixture
def settle(database: Database, corpus: Corpus) -> Callable[..., Corpus]:
    """Chooses settings of near-duplicates; returns the corpus as it is then."""

    def settle(**chosen: object) -> Corpus:
        with database.transaction() as session:
            return corpora.change_settings(session, corpus.name, "near_duplicates", chosen)

    return settle


@pytest.mark.parametrize("chosen", [{"enabled": False}, {"threshold": 0.95}])
def test_settings_of_the_corpus_decide(
    settle: Callable[..., Corpus],
    run_in: Callable[..., Ingest],
    tmp_path: Path,
    chosen: dict[str, object],
) -> None:
    run = run_in(settle(**chosen))
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text(NEARLY)
    assert run(tmp_path).documents == DocumentCounts(done=2)


def test_unusable_settings_stop_the_ingestion(
    corpus: Corpus, run_in: Callable[..., Ingest], tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    with pytest.raises(CorpusSettingsError, match=r"near_duplicates\.threshold=5"):
        run_in(replace(corpus, settings={"near_duplicates": {"threshold": 5}}))(tmp_path)


def test_settings_of_others_are_not_ours() -> None:
    assert CorpusSettings.of({"retrieval": {"fusion": 1}}) == CorpusSettings()


def test_origin_is_stored_and_can_be_corrected(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    run(tmp_path, origin=Origin.SYNTHETIC)
    assert stored(database, corpus)["a.md"].origin == Origin.SYNTHETIC
    assert run(tmp_path).documents == DocumentCounts(unchanged=1)
    assert stored(database, corpus)["a.md"].origin == Origin.HUMAN
