"""Whole ingestions of what is more than one plain file."""

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from ingest.readers import ProblemKind, ReadOptions
from ingest.report import DocumentCounts
from store import documents
from store.places import Place
from store.postgres import Database
from store.types import Corpus
from tests.ingest.conftest import Ingest
from tests.ingest.readers.samples import paragraph, pdf, save, word, zipped

TABLES = ("jobs", "job_documents", "documents", "document_versions", "chunks")


@pytest.mark.usefixtures("notes_table")
def test_rows_of_a_database_are_ingested_updated_and_pruned(database: Database, run: Ingest) -> None:
    url = make_url(database.url).set(password="top5ecret").render_as_string(hide_password=False)
    read = ReadOptions(query="SELECT id, body AS text FROM notes")
    with database.transaction() as session:
        session.execute(text("INSERT INTO notes VALUES (1, 'One'), (2, 'Two'), (3, 'Three')"))
    assert run(url, read=read).documents == DocumentCounts(done=3)
    with database.transaction() as session:
        session.execute(text("DELETE FROM notes WHERE id = 1"))
        session.execute(text("UPDATE notes SET body = 'Zwei' WHERE id = 2"))
    assert run(url, read=read, prune=True).documents == DocumentCounts(done=1, unchanged=1, removed=1)
    with database.transaction() as session:
        rows = [str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in TABLES]
    assert "Zwei" in "".join(rows)
    assert "top5ecret" not in "".join(rows)


def test_chunks_of_pages_keep_their_page(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    save(tmp_path / "a.pdf", pdf([(72, 700, 10, "On the first page.")], [(72, 700, 10, "On the second.")]))
    run(tmp_path)
    with database.transaction() as session:
        [document] = documents.page(session, corpus.id, after=None, limit=10)
        [chunk] = documents.chunks_of(session, document.id, 1)
    assert chunk.text == "On the first page.\n\nOn the second."
    assert chunk.places == (Place(0, {"page": 1}), Place(20, {"page": 2}))


def test_bad_files_stop_nothing(run: Ingest, tmp_path: Path) -> None:
    content = word(paragraph("Whole"))
    save(tmp_path / "good.docx", content)
    save(tmp_path / "cut.docx", content[:200])
    save(tmp_path / "broken.pdf", b"%PDF-1.7\n")
    save(tmp_path / "bomb.zip", zipped({"a.txt": b" " * 30_000_000}))
    save(
        tmp_path / "mixed.zip",
        zipped({"a.json": json.dumps([{"id": 1, "text": "In a list"}]), "b.xml": "<p>"}),
    )
    save(tmp_path / "old.doc", b"\xd0\xcf")
    report = run(tmp_path)
    assert report.documents == DocumentCounts(done=2, failed=5)
    assert report.problem_counts == {
        ProblemKind.MALFORMED: 3,
        ProblemKind.UNSAFE: 1,
        ProblemKind.UNSUPPORTED: 1,
    }
