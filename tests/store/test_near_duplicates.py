from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, INTEGER
from sqlalchemy.orm import Session

from store import corpora, documents, index_log, near_duplicates
from store.errors import NotNearDuplicateError, UnknownDocumentError
from store.postgres import Database
from store.types import Corpus, Document, DocumentStatus, DocumentWithChunks, NearDuplicateOf
from tests.store.samples import chunks_of, new_document

BASE = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
WORDS = BASE.split(" ")
LIKE = f"{BASE} fifteen"  # 10 of 11 runs are shared
OTHER = "quite another text about something else entirely"


def item(source: str, text: str, near: str | None = None, bands: Sequence[int] = (1,)) -> DocumentWithChunks:
    """A document, near to the one with the text `near`."""
    document = new_document(source, text)
    match = None if near is None else NearDuplicateOf(new_document("", near).sha256, 0.9)
    return DocumentWithChunks(document, chunks_of(text), near_duplicate_of=match, bands=bands)


def put(session: Session, corpus: Corpus, *items: DocumentWithChunks) -> dict[str, Document]:
    return {document.source: document for document in documents.put_many(session, corpus.id, items)}


def stored(session: Session, corpus: Corpus) -> dict[str, Document]:
    return {d.source: d for d in documents.page(session, corpus.id, after=None, limit=100)}


def indexed(session: Session, corpus: Corpus) -> list[str]:
    return sorted(chunk.text for chunk in index_log.snapshot_rows(session, corpus.id))


def test_near_duplicate_is_stored_but_not_indexed(session: Session, corpus: Corpus) -> None:
    found = put(session, corpus, item("b", LIKE, near=BASE), item("a", BASE))
    assert (found["b"].status, found["b"].duplicate_of) == (DocumentStatus.NEAR_DUPLICATE, found["a"].id)
    assert (found["b"].similarity, found["a"].similarity) == (0.9, None)
    assert documents.text(session, found["b"].id).text == LIKE
    assert [chunk.text for chunk in documents.chunks_of(session, found["b"].id, 1)] == [LIKE]
    assert indexed(session, corpus) == [BASE]


def test_near_duplicate_of_what_is_gone_is_indexed(session: Session, corpus: Corpus) -> None:
    assert put(session, corpus, item("b", LIKE, near=BASE))["b"].status == DocumentStatus.CURRENT
    assert indexed(session, corpus) == [LIKE]


def test_near_duplicate_takes_the_place_of_what_leaves_without_embedding(
    session: Session, corpus: Corpus
) -> None:
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE))
    documents.remove(session, corpus.id, [found["a"].id])
    heir = stored(session, corpus)["b"]
    assert (heir.status, heir.duplicate_of, heir.similarity) == (DocumentStatus.CURRENT, None, None)
    assert indexed(session, corpus) == [LIKE]
    changes = index_log.read_after(session, corpus.id, 0, 10)
    assert [change.chunk.text if change.chunk else None for change in changes] == [None, None, LIKE]


def test_copies_follow_the_heir_only_as_far_as_they_are_like_it(database: Database, corpus: Corpus) -> None:
    far = " ".join(["zero", *WORDS[:-2]])  # 8 of 11 runs of BASE's, 8 of 12 of LIKE's
    for document in (item("a", BASE), item("b", LIKE, near=BASE), item("d", f"{LIKE} sixteen", near=BASE)):
        with database.transaction() as session:  # each has its own time, so b is the oldest copy
            put(session, corpus, document)
    with database.transaction() as session:
        put(session, corpus, item("c", far, near=BASE))
        documents.remove(session, corpus.id, [stored(session, corpus)["a"].id])
        found = stored(session, corpus)
        contents = indexed(session, corpus)
    assert contents == sorted([LIKE, far])
    assert (found["d"].duplicate_of, found["d"].similarity) == (found["b"].id, 11 / 12)


def test_duplicate_is_promoted_before_near_duplicates(session: Session, corpus: Corpus) -> None:
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE))
    documents.put_duplicate(session, corpus.id, new_document("c", BASE), found["a"].id)
    documents.remove(session, corpus.id, [found["a"].id])
    assert stored(session, corpus)["b"].duplicate_of == stored(session, corpus)["c"].id
    assert indexed(session, corpus) == [BASE]


def test_copies_stay_with_a_document_that_hardly_changed(session: Session, corpus: Corpus) -> None:
    changed = " ".join(["zero", *WORDS])
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE))
    documents.put_duplicate(session, corpus.id, new_document("c", BASE), found["a"].id)
    put(session, corpus, item("a", changed))
    after = stored(session, corpus)
    assert indexed(session, corpus) == [changed]
    assert (after["b"].status, after["b"].similarity) == (DocumentStatus.NEAR_DUPLICATE, 10 / 12)
    assert (after["c"].status, after["c"].similarity) == (DocumentStatus.NEAR_DUPLICATE, 10 / 11)
    documents.remove(session, corpus.id, [found["a"].id])
    assert indexed(session, corpus) in ([BASE], [LIKE])  # both came in one transaction: the id decides


def test_equal_near_duplicates_become_one_document_and_its_duplicate(
    session: Session, corpus: Corpus
) -> None:
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE), item("c", LIKE, near=BASE))
    documents.remove(session, corpus.id, [found["a"].id])
    statuses = sorted(document.status for document in stored(session, corpus).values())
    assert statuses == [DocumentStatus.CURRENT, DocumentStatus.DUPLICATE]
    assert indexed(session, corpus) == [LIKE]


def test_without_near_duplicates_all_copies_are_indexed(session: Session, corpus: Corpus) -> None:
    found = put(
        session, corpus, item("a", BASE), item("b", LIKE, near=BASE), item("c", BASE + " x", near=BASE)
    )
    corpora.change_settings(session, corpus.name, "near_duplicates", {"enabled": False})
    documents.remove(session, corpus.id, [found["a"].id])
    assert indexed(session, corpus) == sorted([LIKE, BASE + " x"])


def test_split_document_is_indexed_and_stays_apart(session: Session, corpus: Corpus) -> None:
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE))
    alone = near_duplicates.split(session, found["b"].id)
    assert (alone.status, alone.duplicate_of, alone.kept_apart) == (DocumentStatus.CURRENT, None, True)
    assert indexed(session, corpus) == [BASE, LIKE]
    changed = put(session, corpus, item("b", OTHER))["b"]
    assert changed.kept_apart


def test_second_of_two_equal_documents_that_are_split_is_a_duplicate(
    session: Session, corpus: Corpus
) -> None:
    found = put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE), item("c", LIKE, near=BASE))
    near_duplicates.split(session, found["b"].id)
    assert near_duplicates.split(session, found["c"].id).duplicate_of == found["b"].id
    assert indexed(session, corpus) == [BASE, LIKE]
    documents.remove(session, corpus.id, [found["b"].id])
    assert indexed(session, corpus) == [BASE, LIKE]


def test_only_near_duplicates_can_be_split(session: Session, corpus: Corpus) -> None:
    found = put(session, corpus, item("a", BASE))
    with pytest.raises(NotNearDuplicateError, match="its status is 'current'"):
        near_duplicates.split(session, found["a"].id)
    with pytest.raises(UnknownDocumentError):
        near_duplicates.split(session, uuid4())


def test_clusters_are_listed_page_by_page(session: Session, corpus: Corpus) -> None:
    put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE), item("x", OTHER), item("y", "alone"))
    put(session, corpus, item("z", OTHER))
    first = near_duplicates.clusters(session, corpus.id, after=None, limit=1)
    rest = near_duplicates.clusters(session, corpus.id, after="a", limit=9)
    assert [(c.canonical.source, [copy.source for copy in c.copies]) for c in first + rest] == [
        ("a", ["b"]),
        ("x", ["z"]),
    ]
    copy = first[0].copies[0]
    assert near_duplicates.cluster_of(session, copy.id) == first[0]


def candidates(session: Session, corpus: Corpus, *bands: Sequence[int]) -> list[tuple[int, str]]:
    return sorted((c.number, c.source) for c in near_duplicates.find(session, corpus.id, bands))


def test_candidates_share_a_key_and_are_indexed(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        found = put(
            session,
            corpus,
            item("a", BASE, bands=[1, 2, 3]),
            item("b", LIKE, near=BASE, bands=[1, 2, 4]),
            item("c", OTHER, bands=[7, 8, 9]),
        )
    with database.transaction() as session:
        assert candidates(session, corpus, [3, 9], [4], [], [8, -5]) == [(0, "a"), (0, "c"), (3, "c")]
        documents.remove(session, corpus.id, [found["a"].id])
        assert candidates(session, corpus, [4]) == [(0, "b")]


def test_new_text_has_new_keys(session: Session, corpus: Corpus, other_corpus: Corpus) -> None:
    put(session, corpus, item("a", BASE, bands=[1]))
    put(session, corpus, item("a", OTHER, bands=[2]))
    assert candidates(session, corpus, [1], [2]) == [(1, "a")]
    assert candidates(session, other_corpus, [2]) == []


def test_deleted_corpus_leaves_no_keys(session: Session, corpus: Corpus) -> None:
    put(session, corpus, item("a", BASE), item("b", LIKE, near=BASE))
    corpora.delete(session, corpus.name)
    assert session.connection().exec_driver_sql("SELECT count(*) FROM signatures").scalar() == 0


def test_settings_of_other_subjects_stay(session: Session, corpus: Corpus) -> None:
    corpora.change_settings(session, corpus.name, "retrieval", {"fusion": "rrf"})
    changed = corpora.change_settings(session, corpus.name, "near_duplicates", {"threshold": 0.9})
    assert changed.settings == {"retrieval": {"fusion": "rrf"}, "near_duplicates": {"threshold": 0.9}}
    assert corpora.change_settings(session, corpus.name, "near_duplicates", None).settings == {
        "retrieval": {"fusion": "rrf"}
    }


def test_without_statistics_the_keys_lead_to_the_documents(session: Session, corpus: Corpus) -> None:
    put(session, corpus, *(item(f"{n}", f"text {n}", bands=range(16 * n, 16 * n + 16)) for n in range(300)))
    given = {"numbers": [0] * 16, "keys": list(range(16)), "corpus_id": corpus.id}
    given |= {"looked_at": 500, "candidates": 10}
    arrays = [bindparam("numbers", type_=ARRAY(INTEGER())), bindparam("keys", type_=ARRAY(BIGINT()))]
    session.execute(text("SET LOCAL enable_seqscan = off"))
    explain = text(f"EXPLAIN {near_duplicates._FIND.text}").bindparams(*arrays)
    plan = "\n".join(session.scalars(explain, given))
    assert "ix_signatures_bands" in plan and "uq_documents_current_text" not in plan
