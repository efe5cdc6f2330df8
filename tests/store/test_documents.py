from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from store import access_lists, corpora, documents, index_log
from store.errors import UnknownCorpusError, UnknownDocumentError
from store.types import Corpus, DocumentStatus, DocumentText, Readers
from tests.store.samples import chunks_of, new_document, with_chunks


def searchable(session: Session, corpus: Corpus) -> list[str]:
    return [chunk.text for chunk in index_log.snapshot_rows(session, corpus.id)]


def test_put_stores_document_as_given(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "one\ntwo", year=2020), chunks_of("one\ntwo"))
    document = documents.get(session, put.id)
    assert document == put
    assert (document.source, document.title, document.version) == ("a", "Title of a", 1)
    assert (document.metadata, document.characters) == ({"year": 2020}, 7)
    assert (document.status, document.duplicate_of) == (DocumentStatus.CURRENT, None)


def test_chunks_keep_offsets_headings_and_embedding(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "öne\ntwo", k="v"), chunks_of("öne\ntwo"))
    second = documents.chunks_of(session, put.id, 1)[1]
    assert (second.start, second.end, second.text, second.heading_path) == (4, 7, "two", ("Heading",))
    assert (second.source, second.title, second.metadata) == ("a", "Title of a", {"k": "v"})
    indexed = list(index_log.snapshot_rows(session, corpus.id))[1]
    assert indexed.embedding.dtype == np.dtype("<f2")
    assert indexed.embedding.tolist() == [3, 3, 3, 3]


def test_put_again_makes_new_version_and_keeps_old_text(session: Session, corpus: Corpus) -> None:
    first = documents.put(session, corpus.id, new_document("a", "old"), chunks_of("old"))
    second = documents.put(session, corpus.id, new_document("a", "new"), chunks_of("new"))
    assert (second.id, second.version) == (first.id, 2)
    assert documents.text(session, first.id).text == "new"
    assert documents.text(session, first.id, 1) == DocumentText(first.id, 1, "a", "Title of a", "old")
    assert [chunk.text for chunk in documents.chunks_of(session, first.id, 1)] == ["old"]
    assert searchable(session, corpus) == ["new"]


def test_put_many_returns_documents_in_the_order_given(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks("b", "bee")])
    put = documents.put_many(session, corpus.id, [with_chunks("c", "cee"), with_chunks("b", "bea")])
    assert [(document.source, document.version) for document in put] == [("c", 1), ("b", 2)]


def test_put_many_into_a_deleted_corpus_names_the_others(
    session: Session, corpus: Corpus, other_corpus: Corpus
) -> None:
    corpora.delete(session, corpus.name)
    with pytest.raises(UnknownCorpusError, match="Known corpora: 'other'"):
        documents.put_many(session, corpus.id, [with_chunks("a", "one")])


def test_export_fetches_few_whole_texts_at_a_time(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks(f"{i:02}", f"text {i}") for i in range(20)])
    fetched: list[int] = []

    def note(*arguments: Any) -> None:
        fetched.append(arguments[4].execution_options.get("yield_per"))

    event.listen(session.connection(), "before_cursor_execute", note)
    assert len(list(documents.export(session, corpus.id))) == 20
    assert fetched == [8]


def test_put_many_of_nothing_changes_nothing(session: Session, corpus: Corpus) -> None:
    assert documents.put_many(session, corpus.id, []) == []
    assert index_log.position(session, corpus.id) == 0


def test_put_many_refuses_a_source_given_twice(session: Session, corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="'a' more than once"):
        documents.put_many(session, corpus.id, [with_chunks("a", "one"), with_chunks("a", "two")])


def test_same_source_in_two_corpora_is_two_documents(
    session: Session, corpus: Corpus, other_corpus: Corpus
) -> None:
    here = documents.put(session, corpus.id, new_document("a", "text"), chunks_of("text"))
    there = documents.put(session, other_corpus.id, new_document("a", "text"), chunks_of("text"))
    assert here.id != there.id
    assert there.status is DocumentStatus.CURRENT
    assert documents.remove(session, corpus.id, [there.id]) == 0


def test_remove_takes_chunks_out_and_keeps_text(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "text"), chunks_of("text"))
    assert documents.remove(session, corpus.id, [put.id, uuid4()]) == 1
    assert documents.remove(session, corpus.id, [put.id]) == 0
    assert documents.get(session, put.id).status is DocumentStatus.REMOVED
    assert documents.text(session, put.id).text == "text"
    assert searchable(session, corpus) == []
    assert documents.known(session, corpus.id, ["a"]) == {}


def test_removed_document_comes_back_with_a_new_version(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "text"), chunks_of("text"))
    documents.remove(session, corpus.id, [put.id])
    back = documents.put(session, corpus.id, new_document("a", "text"), chunks_of("text"))
    assert (back.id, back.version, back.status) == (put.id, 2, DocumentStatus.CURRENT)
    assert searchable(session, corpus) == ["text"]


def test_update_metadata_makes_no_version_and_no_change_of_the_index(
    session: Session, corpus: Corpus
) -> None:
    put = documents.put(session, corpus.id, new_document("a", "text", k=1), chunks_of("text"))
    before = index_log.position(session, corpus.id)
    changed = documents.update_metadata(session, put.id, "New", "text/markdown", {"k": 2})
    assert (changed.title, changed.media_type, changed.metadata) == ("New", "text/markdown", {"k": 2})
    assert (changed.version, index_log.position(session, corpus.id)) == (1, before)
    assert documents.text(session, put.id).title == "New"


def test_chunks_by_id_leaves_out_what_is_not_searchable(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "one\ntwo"), chunks_of("one\ntwo"))
    ids = [chunk.id for chunk in documents.chunks_of(session, put.id, 1)]
    assert set(documents.chunks_by_id(session, [*ids, -1])) == set(ids)
    documents.remove(session, corpus.id, [put.id])
    assert documents.chunks_by_id(session, ids) == {}


def test_page_continues_after_the_last_source(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks(source, source * 2) for source in "cabB"])
    first = documents.page(session, corpus.id, after=None, limit=3)
    rest = documents.page(session, corpus.id, after=first[-1].source, limit=3)
    assert [document.source for document in first + rest] == ["B", "a", "b", "c"]


def test_page_filters_by_metadata(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks("a", "one", k=1), with_chunks("b", "two", k=2)])
    found = documents.page(session, corpus.id, after=None, limit=9, filter={"k": 2})
    assert [document.source for document in found] == ["b"]


def test_sources_under_takes_prefixes_literally(session: Session, corpus: Corpus) -> None:
    sources = ["file:///a_/x", "file:///ab/x", "file:///a%/x", "file:///a_"]
    documents.put_many(session, corpus.id, [with_chunks(source, source) for source in sources])
    found = documents.sources_under(session, corpus.id, ["file:///a_/", "file:///a%"])
    assert [item.source for item in found] == ["file:///a%/x", "file:///a_/x"]
    assert list(documents.sources_under(session, corpus.id, [])) == []


def test_export_gives_newest_texts_of_what_is_there(session: Session, corpus: Corpus) -> None:
    documents.put_many(session, corpus.id, [with_chunks("a", "old"), with_chunks("b", "gone")])
    (changed,) = documents.put_many(session, corpus.id, [with_chunks("a", "new", k=1)])
    documents.remove(session, corpus.id, [documents.known(session, corpus.id, ["b"])["b"].id])
    (exported,) = documents.export(session, corpus.id)
    assert (exported.document_id, exported.source, exported.version) == (changed.id, "a", 2)
    assert (exported.text, exported.metadata) == ("new", {"k": 1})


def test_export_streams_more_than_one_fetch(session: Session, corpus: Corpus) -> None:
    sources = [f"{number:04}" for number in range(450)]
    documents.put_many(session, corpus.id, [with_chunks(source, source) for source in sources])
    assert [exported.text for exported in documents.export(session, corpus.id)] == sources


@pytest.mark.parametrize("version", [None, 1])
def test_unknown_document_is_named(session: Session, version: int | None) -> None:
    unknown = UUID(int=7)
    with pytest.raises(UnknownDocumentError, match=str(unknown)):
        documents.text(session, unknown, version)


def test_unknown_version_is_named(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "text"), chunks_of("text"))
    with pytest.raises(UnknownDocumentError, match="has no version 2"):
        documents.text(session, put.id, 2)


def test_unlisted_chunks_are_those_that_all_readers_of_the_corpus_may_read(
    session: Session, corpus: Corpus
) -> None:
    stored = documents.put_many(session, corpus.id, [with_chunks(name, f"text {name}") for name in "abc"])
    ids = [chunk.id for one in stored for chunk in documents.chunks_of(session, one.id, 1)]
    assert documents.unlisted_chunks_by_id(session, ids) == documents.chunks_by_id(session, ids)
    access_lists.set_document_readers(session, stored[0].id, Readers((), ()))
    documents.remove(session, corpus.id, [stored[1].id])
    left = documents.unlisted_chunks_by_id(session, ids)
    assert {chunk.document_id for chunk in left.values()} == {stored[2].id}
