"""What the settings of a corpus do to the documents that are brought in."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.readers import ProblemKind
from ingest.report import DocumentCounts
from store import corpora, documents, paragraphs
from store.postgres import Database
from store.types import Corpus, Document
from tests.ingest.conftest import Ingest

GERMAN = "Alle Beschäftigten erhalten dreißig Tage Urlaub im Jahr."
FOOTER = "All rights reserved. Ask the office before you copy this page."


@pytest.fixture
def run_with(corpus: Corpus, run_in: Callable[[Corpus], Ingest]) -> Callable[..., Ingest]:
    """Gives what ingests with these settings."""

    def run_with(**settings: Any) -> Ingest:
        return run_in(replace(corpus, settings=settings))

    return run_with


def stored(database: Database, corpus: Corpus) -> dict[str, Document]:
    with database.transaction() as session:
        found = documents.page(session, corpus.id, after=None, limit=100)
    return {document.source.rpartition("/")[2]: document for document in found}


def chunk_texts(database: Database, document: Document) -> list[str]:
    with database.transaction() as session:
        return [chunk.text for chunk in documents.chunks_of(session, document.id, document.version)]


def test_labels_come_from_path_front_matter_language_and_command_line(
    database: Database, corpus: Corpus, run_with: Callable[..., Ingest], tmp_path: Path
) -> None:
    folder = tmp_path / "sales" / "2024"
    folder.mkdir(parents=True)
    (folder / "a.md").write_text(f"---\nauthor: Ada\nyear: 2023\n---\n{GERMAN}")
    run = run_with(labels={"paths": ["{department}/{year}/*.md"], "language": True})
    run(tmp_path, metadata={"author": "Bob"})
    expected = {"department": "sales", "year": 2023, "author": "Bob", "language": "de"}
    assert stored(database, corpus)["a.md"].metadata == expected
    assert run(tmp_path, metadata={"author": "Bob"}).documents == DocumentCounts(unchanged=1)
    assert stored(database, corpus)["a.md"].metadata == expected


def test_poor_text_is_refused_counted_and_taken_out(
    database: Database, corpus: Corpus, run_with: Callable[..., Ingest], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("This text has many words in it.")
    (tmp_path / "b.txt").write_text("Few words.")
    run = run_with(quality={"min_words": 5})
    report = run(tmp_path)
    assert report.documents == DocumentCounts(done=1)
    assert report.problem_counts == {ProblemKind.REFUSED: 1}
    assert [problem.reason for problem in report.problems] == ["it has 2 words, fewer than 5"]
    assert list(stored(database, corpus)) == ["a.txt"]
    (tmp_path / "a.txt").write_text("Now few.")
    run(tmp_path)
    assert stored(database, corpus) == {}


def test_boilerplate_is_left_out_of_the_chunks_and_stays_in_the_document(
    database: Database, corpus: Corpus, run_with: Callable[..., Ingest], tmp_path: Path
) -> None:
    run = run_with(boilerplate={"min_documents": 3})
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"What {name} says is said by nobody else at all.\n\n{FOOTER}")
    run(tmp_path)
    (tmp_path / "d.txt").write_text(f"A later text of its own.\n\n{FOOTER}")
    run(tmp_path)
    found = stored(database, corpus)
    assert [
        any(FOOTER in text for text in chunk_texts(database, found[f"{name}.txt"])) for name in "abcd"
    ] == [
        True,
        False,
        False,
        False,
    ]
    with database.transaction() as session:
        assert documents.text(session, found["d.txt"].id).text.endswith(FOOTER)
        assert paragraphs.count_documents(session, corpus.id) == 4
        corpora.delete(session, corpus.name)


def test_another_document_is_indexed_with_the_boilerplate_when_the_first_is_gone(
    database: Database, corpus: Corpus, run_with: Callable[..., Ingest], tmp_path: Path
) -> None:
    run = run_with(boilerplate={"min_documents": 2})
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"What {name} says is said by nobody else at all.\n\n{FOOTER}")
    run(tmp_path)
    (tmp_path / "a.txt").unlink()
    run(tmp_path, prune=True)
    (tmp_path / "c.txt").write_text(f"A later text of its own.\n\n{FOOTER}")
    run(tmp_path)
    assert any(FOOTER in text for text in chunk_texts(database, stored(database, corpus)["c.txt"]))
