from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.anonymize import anonymize, recognisers
from ingest.clean import sha256
from ingest.deduplicate import band_keys, signatures
from ingest.errors import ForgetError
from ingest.forget import Forgotten, covering, forget
from ingest.personal.finding import Kind
from store import conversations, documents, erasure, index_log, vault
from store.errors import VaultKeyError
from store.postgres import Database
from store.responses import NewResponse, ResponseCitation
from store.shingles import shingle
from store.tables import Base, SignatureRow
from store.types import Corpus, Document, DocumentStatus, DocumentWithChunks, NewChunk, NewDocument
from store.vault import VaultKey
from tests.ingest.conftest import FakeEncoder

KEY = VaultKey("0123456789abcdef0123456789abcdef")
TEXT = "Ada Lovelace wrote the notes.\nCharles Babbage built the engine.\nLovelace, Ada is in the index."
PERSON = ["Ada Lovelace", "ada@example.org"]


def put(
    session: Session, corpus: Corpus, source: str, text: str, encoder: FakeEncoder, **fields: object
) -> Document:
    """A document with a chunk per line."""
    chunks, start = [], 0
    for line in text.splitlines():
        vector = encoder([line])[0].astype(np.float16)
        chunks.append(NewChunk(start, start + len(line), line, (), vector))
        start += len(line) + 1
    document = NewDocument(
        source, f"On {text[:12]}", text, sha256(text), "text/plain", {"by": "Ada Lovelace"}
    )
    bands = band_keys(signatures(shingle([text])), corpus.id)[0].tolist()
    item = DocumentWithChunks(document, chunks, bands=bands, **fields)  # type: ignore[arg-type]
    return documents.put_many(session, corpus.id, [item])[0]


@pytest.fixture
def run(database: Database, corpus: Corpus, encoder: FakeEncoder) -> Callable[..., Forgotten]:
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return encoder(texts)

    def run(*person: str, key: VaultKey | None = KEY, dry_run: bool = False) -> Forgotten:
        names = person or PERSON
        return forget(names, [corpus], database=database, embed_of=lambda _: embed, key=key, dry_run=dry_run)

    return run


def everything(database: Database) -> str:
    """All that the database holds as text, but for the vault."""
    with database.connection() as connection:
        rows = [
            str(row) for table in Base.metadata.sorted_tables for row in connection.execute(table.select())
        ]
    return "\n".join(rows)


def test_person_is_covered_in_all_versions_at_the_same_length(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        put(session, corpus, "file:///people/ada%20lovelace.md", TEXT, encoder)
        document = put(session, corpus, "file:///people/ada%20lovelace.md", TEXT + "\nMore.", encoder)
    done = run()
    with database.transaction() as session:
        texts = [documents.text(session, document.id, version).text for version in (1, 2)]
        after = documents.get(session, document.id)
        chunks = documents.chunks_of(session, document.id, 2)
    covered = f"{'█' * 12} wrote the notes.\nCharles Babbage built the engine.\n{'█' * 13} is in the index."
    assert texts == [covered, covered + "\nMore."]
    assert [texts[1][chunk.start : chunk.end] for chunk in chunks] == [chunk.text for chunk in chunks]
    assert after.sha256 == sha256(texts[1])
    assert (after.title, after.metadata) == (f"On {'█' * 12}", {"by": "█" * 12})
    assert after.source == f"file:///people/{'█' * 14}.md"
    assert "Lovelace" not in everything(database)
    assert (done.documents, done.versions, done.chunks, done.corpora) == (1, 2, 4, ("notes",))


def test_index_learns_the_new_text_with_its_own_vector(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        put(session, corpus, "a", TEXT, encoder)
        before = index_log.position(session, corpus.id)
    run()
    with database.transaction() as session:
        changes = index_log.read_after(session, corpus.id, before, 10)
    covered = f"{'█' * 12} wrote the notes."
    assert [change.chunk.text for change in changes if change.chunk][:1] == [covered]
    assert len(changes) == 2
    chunk = changes[0].chunk
    assert chunk is not None
    assert np.array_equal(chunk.embedding, encoder([covered])[0].astype(np.float16))


def log_response(session: Session, corpus: Corpus, document: Document) -> UUID:
    body = {"answer": "It was Ada Lovelace.", "hits": [{"text": TEXT, "chunk_id": 1}]}
    response = NewResponse(
        session_id=conversations.open_session(session, "carl", corpus.id),
        user="carl",
        corpus_id=corpus.id,
        question="Who was ada  LOVELACE?",
        answer="It was Ada Lovelace.",
        abstained=False,
        abstain_reason=None,
        answerable_probability=0.9,
        model="m",
        index_position=1,
        body=body,
        parameters={"filters": {"by": "Ada Lovelace"}},
        timings_ms={},
        hits=(),
        citations=(ResponseCitation(document.id, 1, 1, 0, 12, TEXT[:12], 7, 19),),
    )
    return conversations.record_response(session, response)


def test_log_is_covered_and_its_quotes_still_stand_in_the_documents(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        document = put(session, corpus, "a", TEXT, encoder)
        response_id = log_response(session, corpus, document)
    done = run()
    assert "lovelace" not in everything(database).lower()
    assert done.rows == {"responses": 1, "response_citations": 1}
    with database.transaction() as session:
        response = conversations.get_response(session, response_id)
        text = documents.text(session, document.id, 1).text
    [citation] = response.citations
    assert text[citation.start : citation.end] == citation.quote
    assert len(response.summary.answer) == len("It was Ada Lovelace.")


def test_second_time_finds_nothing(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        document = put(session, corpus, "a", TEXT, encoder)
        log_response(session, corpus, document)
    run()
    before = everything(database)
    assert run() == Forgotten((), 0, 0, 0, {}, 0)
    assert everything(database) == before


def test_trial_counts_and_changes_nothing(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        document = put(session, corpus, "a", TEXT, encoder)
        log_response(session, corpus, document)
    before = everything(database)
    trial = run(dry_run=True)
    assert everything(database) == before
    assert trial == run()


def test_broken_off_erasure_is_finished_by_the_next(
    database: Database,
    corpus: Corpus,
    encoder: FakeEncoder,
    run: Callable[..., Forgotten],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.forget._DOCUMENTS_AT_ONCE", 1)
    with database.transaction() as session:
        first = put(session, corpus, "a", TEXT, encoder)
        put(session, corpus, "b", TEXT + " Again.", encoder)
        vault.put(
            session, corpus.id, [vault.NewEntry(KEY.pseudonym("name", "x"), "name", "Ada Lovelace")], KEY
        )
        log_response(session, corpus, first)
    write, times = erasure.write, iter([True, False])

    def fails_the_second_time(session: Session, corpus_id: int, covered: Sequence[object]) -> None:
        write(session, corpus_id, covered)  # type: ignore[arg-type]
        if not next(times):
            raise RuntimeError

    monkeypatch.setattr(erasure, "write", fails_the_second_time)
    with pytest.raises(RuntimeError):
        run()
    monkeypatch.setattr(erasure, "write", write)
    done = run()
    assert (done.documents, done.vault_entries) == (1, 1)
    assert "Lovelace" not in everything(database)


def test_documents_that_differed_in_the_person_only_become_one(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        put(session, corpus, "a", "Ada Lovelace was here.", encoder)
        put(session, corpus, "b", "ADA LOVELACE was here.", encoder)
    run()
    with database.transaction() as session:
        found = documents.page(session, corpus.id, after=None, limit=9)
        indexed = list(index_log.snapshot_rows(session, corpus.id))
    assert sorted(document.status for document in found) == [DocumentStatus.CURRENT, DocumentStatus.DUPLICATE]
    assert len(indexed) == 1


def test_duplicates_stay_duplicates(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        first = put(session, corpus, "a", TEXT, encoder)
        copy = put(session, corpus, "b", TEXT, encoder)
    run()
    with database.transaction() as session:
        after = documents.get(session, copy.id)
        assert (after.duplicate_of, after.sha256) == (first.id, documents.get(session, first.id).sha256)
        documents.remove(session, corpus.id, [first.id])
        assert documents.get(session, copy.id).status == DocumentStatus.CURRENT


def test_signature_no_longer_tells_the_old_text(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    with database.transaction() as session:
        put(session, corpus, "a", TEXT, encoder)
    run()
    old, new = (
        band_keys(signatures(shingle([text])), corpus.id)[0] for text in (TEXT, covering(PERSON)(TEXT))
    )
    with database.transaction() as session:
        [stored] = session.scalars(select(SignatureRow.bands))
    assert stored == new.tolist()
    assert stored != old.tolist()


def test_pseudonyms_of_the_person_are_covered_and_leave_the_vault(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Callable[..., Forgotten]
) -> None:
    found = recognisers(Kind)
    hidden = anonymize(
        "Write to ada@example.org, lovelace.ada@x.org or bob@example.org.", found, KEY.pseudonym
    )
    with database.transaction() as session:
        document = put(session, corpus, "a", hidden.text, encoder)
        vault.put(session, corpus.id, hidden.entries, KEY)
    done = run("ada@example.org", "Lovelace Ada")
    with database.transaction() as session:
        text = documents.text(session, document.id).text
        left = list(vault.entries(session, [corpus.id], KEY))
    assert [entry.value for entry in left] == ["bob@example.org"]
    assert text.count("[EMAIL_") == 1
    assert done.vault_entries == 2


def test_vault_that_holds_something_needs_its_key(
    database: Database, corpus: Corpus, run: Callable[..., Forgotten]
) -> None:
    assert run(key=None).documents == 0
    with database.transaction() as session:
        vault.put(session, corpus.id, [vault.NewEntry("[EMAIL_1]", "email", "x")], KEY)
    with pytest.raises(VaultKeyError, match="RAG_VAULT_KEY"):
        run(key=None)


@pytest.mark.parametrize(
    ("term", "text", "left"),
    [
        ("Ada Lovelace", "ada_lovelace_cv and ADA-LOVELACE", "_cv and "),
        ("Ada Lovelace", "Nada Lovelace and Ada Lovelaces", "Nada Lovelace and Ada Lovelaces"),
        ("Ada Lovelace", "(Lovelace, Ada)", "()"),
        ("ada@example.org", "Mail ADA@example.org, not nada@example.org", "Mail , not nada@example.org"),
        ("DE89370400440532013000", "to DE89 3704 0044 0532 0130 00!", "to !"),
        ("+49 30 901820", "Tel. +4930901820 or 0049-30-901820", "Tel. + or 0049-30-901820"),
        ("Jürgen Müller", "file:///J%C3%BCrgen%20M%C3%BCller.txt", "file:///.txt"),
    ],
)
def test_what_is_covered(term: str, text: str, left: str) -> None:
    assert covering([term])(text).replace("█", "") == left
    assert len(covering([term])(text)) == len(text)


@pytest.mark.parametrize("term", ["", "Al", "  ", "--"])
def test_what_is_too_short_is_refused(term: str) -> None:
    with pytest.raises(ForgetError, match="too short"):
        covering([term])


def test_every_text_column_is_covered_or_kept_for_a_reason() -> None:
    """A new table is covered by itself; one that must not be stands in KEPT."""
    assert set(Base.metadata.tables) >= erasure.HANDLED_APART | erasure.KEPT | erasure.EMPTIED
