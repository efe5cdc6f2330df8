from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.anonymize import Anonymizer, recognisers
from ingest.errors import AnonymizerError
from ingest.jobs import ingest
from ingest.personal.finding import Kind
from ingest.report import DocumentCounts, Report
from store import documents, vault
from store.postgres import Database
from store.tables import Base
from store.types import Corpus
from store.vault import VaultKey
from tests.ingest.conftest import FakeEncoder, word_tokens

KEY = VaultKey("0123456789abcdef0123456789abcdef")
EMAIL = KEY.pseudonym("email", "ada@example.org")
PAGE = "# Ask ada@example.org\n\nWrite to ada@example.org.\n\n## Then\n\nWait."

IngestAnonymously = Callable[[Path], Report]


@pytest.fixture
def run(database: Database, corpus: Corpus, encoder: FakeEncoder) -> IngestAnonymously:
    anonymous = replace(corpus, settings={"anonymize": {"kinds": ["email", "name"]}})
    anonymizer = Anonymizer(recognisers([Kind.EMAIL]), KEY)

    def run(path: Path) -> Report:
        return ingest(
            [str(path)],
            anonymous,
            database=database,
            embed=encoder,
            tokens=word_tokens,
            anonymizer=anonymizer,
        )

    return run


def test_nothing_personal_is_stored_outside_the_vault(
    database: Database, corpus: Corpus, run: IngestAnonymously, encoder: FakeEncoder, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    assert run(tmp_path).documents == DocumentCounts(done=1)
    with database.connection() as connection:
        tables = [connection.execute(table.select()).all() for table in Base.metadata.sorted_tables]
    assert "ada@example.org" not in str(tables)
    assert "ada@example.org" not in str(encoder.texts)
    with database.transaction() as session:
        entry = vault.open_entry(session, EMAIL, KEY, "root")
    assert entry is not None
    assert entry.value == "ada@example.org"


def test_chunks_and_headings_are_where_the_text_is_now(
    database: Database, corpus: Corpus, run: IngestAnonymously, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    run(tmp_path)
    with database.transaction() as session:
        [document] = documents.page(session, corpus.id, after=None, limit=9)
        text = documents.text(session, document.id).text
        chunks = documents.chunks_of(session, document.id, 1)
    assert document.title == f"Ask {EMAIL}"
    assert [text[chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
    assert chunks[0].heading_path[0] == f"Ask {EMAIL}"


def test_second_run_finds_everything_unchanged(run: IngestAnonymously, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    run(tmp_path)
    assert run(tmp_path).documents == DocumentCounts(unchanged=1)


def test_anonymous_corpus_takes_nothing_without_the_key(
    database: Database, corpus: Corpus, encoder: FakeEncoder, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text(PAGE)
    anonymous = replace(corpus, settings={"anonymize": {"kinds": ["email"]}})
    with pytest.raises(AnonymizerError, match="RAG_VAULT_KEY"):
        ingest([str(tmp_path)], anonymous, database=database, embed=encoder, tokens=word_tokens)
    with database.transaction() as session:
        assert documents.page(session, corpus.id, after=None, limit=9) == []
