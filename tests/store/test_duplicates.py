from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import documents, index_log
from store.errors import UnknownDocumentError
from store.types import Corpus, DocumentStatus, DocumentWithChunks
from tests.store.samples import chunks_of, new_document, with_chunks


def indexed_documents(session: Session, corpus: Corpus) -> list[tuple[str, str]]:
    """Source and text of each searchable chunk."""
    ids = [chunk.id for chunk in index_log.snapshot_rows(session, corpus.id)]
    return sorted((chunk.source, chunk.text) for chunk in documents.chunks_by_id(session, ids).values())


def put(session: Session, corpus: Corpus, source: str, text: str) -> UUID:
    return documents.put(session, corpus.id, new_document(source, text), chunks_of(text)).id


def originals(session: Session, corpus: Corpus) -> dict[str, UUID | None]:
    return {
        document.source: document.duplicate_of
        for document in documents.page(session, corpus.id, after=None, limit=100)
    }


def test_same_text_is_indexed_once(session: Session, corpus: Corpus) -> None:
    first, second = documents.put_many(
        session, corpus.id, [with_chunks("a", "same"), with_chunks("b", "same")]
    )
    third = documents.put(session, corpus.id, new_document("c", "same"), chunks_of("same"))
    assert (second.status, second.duplicate_of) == (DocumentStatus.DUPLICATE, first.id)
    assert third.duplicate_of == first.id
    assert documents.text(session, third.id).text == "same"
    assert indexed_documents(session, corpus) == [("a", "same")]
    assert documents.by_sha256(session, corpus.id, [first.sha256, "0"]) == {first.sha256: first.id}


def test_oldest_duplicate_is_promoted_when_the_original_goes(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "one\ntwo")
    second = documents.put_duplicate(session, corpus.id, new_document("b", "one\ntwo"), first).id
    documents.put_duplicate(session, corpus.id, new_document("c", "one\ntwo"), first)
    # Two statements of one transaction have the same created_at; then the id decides.
    oldest, other = sorted(
        [("b", second), ("c", documents.known(session, corpus.id, ["c"])["c"].id)], key=lambda x: x[1]
    )
    documents.remove(session, corpus.id, [first])
    assert originals(session, corpus) == {oldest[0]: None, other[0]: oldest[1]}
    assert indexed_documents(session, corpus) == [(oldest[0], "one"), (oldest[0], "two")]


def test_promoted_chunks_keep_offsets_and_embeddings(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "one\nthree")
    second = documents.put_duplicate(session, corpus.id, new_document("b", "one\nthree"), first).id
    documents.remove(session, corpus.id, [first])
    chunks = documents.chunks_of(session, second, 1)
    assert [(chunk.start, chunk.end, chunk.text) for chunk in chunks] == [(0, 3, "one"), (4, 9, "three")]
    embeddings = [chunk.embedding[0] for chunk in index_log.snapshot_rows(session, corpus.id)]
    assert embeddings == [3, 5]


def test_duplicate_is_promoted_when_the_original_changes(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    put(session, corpus, "a", "changed")
    assert originals(session, corpus) == {"a": None, "b": None}
    assert indexed_documents(session, corpus) == [("a", "changed"), ("b", "same")]


def test_new_document_with_the_old_text_spares_the_promotion(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    _, third = documents.put_many(session, corpus.id, [with_chunks("a", "changed"), with_chunks("c", "same")])
    assert originals(session, corpus) == {"a": None, "b": third.id, "c": None}
    assert indexed_documents(session, corpus) == [("a", "changed"), ("c", "same")]


def test_original_put_again_unchanged_keeps_its_duplicates(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    put(session, corpus, "a", "same")
    assert originals(session, corpus) == {"a": None, "b": first}
    assert indexed_documents(session, corpus) == [("a", "same")]


def test_duplicate_whose_text_changes_is_indexed(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    put(session, corpus, "b", "own")
    assert originals(session, corpus) == {"a": None, "b": None}
    assert indexed_documents(session, corpus) == [("a", "same"), ("b", "own")]


def test_document_that_becomes_a_duplicate_leaves_the_index(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    second = put(session, corpus, "b", "own")
    documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    assert originals(session, corpus) == {"a": None, "b": first}
    assert indexed_documents(session, corpus) == [("a", "same")]
    assert documents.text(session, second, 1).text == "own"


def test_original_and_duplicates_can_go_together(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    second = documents.put_duplicate(session, corpus.id, new_document("b", "same"), first).id
    assert documents.remove(session, corpus.id, [first, second]) == 2
    assert indexed_documents(session, corpus) == []


def test_duplicate_of_what_is_gone_by_now_takes_over_its_chunks(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "same")
    documents.remove(session, corpus.id, [first])
    late = documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)
    assert (late.status, late.duplicate_of) == (DocumentStatus.CURRENT, None)
    assert indexed_documents(session, corpus) == [("b", "same")]


def test_duplicate_of_a_document_with_another_text_is_refused(session: Session, corpus: Corpus) -> None:
    first = put(session, corpus, "a", "other")
    with pytest.raises(UnknownDocumentError, match=str(first)):
        documents.put_duplicate(session, corpus.id, new_document("b", "same"), first)


def test_duplicate_in_one_batch_needs_no_chunks(session: Session, corpus: Corpus) -> None:
    items = [with_chunks("a", "same"), DocumentWithChunks(new_document("b", "same"))]
    first, second = documents.put_many(session, corpus.id, items)
    assert second.duplicate_of == first.id


def test_two_documents_can_swap_their_texts_in_one_batch(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks("a", "one"), with_chunks("b", "two")])
    documents.put_many(session, corpus.id, [with_chunks("a", "two"), with_chunks("b", "one")])
    assert originals(session, corpus) == {"a": None, "b": None}
    assert indexed_documents(session, corpus) == [("a", "two"), ("b", "one")]
