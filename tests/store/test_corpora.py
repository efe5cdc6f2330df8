from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from store import corpora, documents, index_log
from store.errors import CorpusExistsError, EncoderMismatchError, UnknownCorpusError
from store.postgres import Database
from store.types import Corpus
from tests.store.samples import chunks_of, new_document, with_chunks


def test_created_corpus_is_found_by_name(session: Session) -> None:
    created = corpora.create(session, "handbook", "mini", "r1", 384)
    assert corpora.get(session, "handbook") == created
    assert (created.encoder, created.encoder_revision, created.dimension) == ("mini", "r1", 384)


def test_name_can_be_taken_once(session: Session, corpus: Corpus) -> None:
    with pytest.raises(CorpusExistsError, match="'handbook' exists already"):
        corpora.create(session, "handbook", "mini", "r1", 4)


def test_unknown_corpus_lists_the_known_ones(session: Session, corpus: Corpus, other_corpus: Corpus) -> None:
    with pytest.raises(UnknownCorpusError, match=r"no corpus 'nope'\. Known corpora: 'handbook', 'other'"):
        corpora.get(session, "nope")


def test_get_or_create_gives_what_is_there(session: Session, corpus: Corpus) -> None:
    assert corpora.get_or_create(session, "handbook", "mini", "r1", 4) == corpus
    assert corpora.get_or_create(session, "new", "mini", "r1", 4).name == "new"


def test_get_or_create_by_two_at_once_gives_the_same(database: Database) -> None:
    def make(_: int) -> int:
        with database.transaction() as session:
            return corpora.get_or_create(session, "new", "mini", "r1", 4).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(make, range(8)))) == 1


@pytest.mark.parametrize("encoder", [("maxi", "r1", 4), ("mini", "r2", 4), ("mini", "r1", 8)])
def test_another_encoder_is_refused(session: Session, corpus: Corpus, encoder: tuple[str, str, int]) -> None:
    with pytest.raises(EncoderMismatchError, match=r"mini \(revision r1, 4 dimensions\).*Use mini"):
        corpora.get_or_create(session, "handbook", *encoder)


def test_list_counts_documents_and_searchable_chunks(
    session: Session, corpus: Corpus, other_corpus: Corpus
) -> None:
    items = [with_chunks("a", "one\ntwo"), with_chunks("b", "one\ntwo"), with_chunks("c", "three")]
    _, _, third = documents.put_many(session, corpus.id, items)
    documents.remove(session, corpus.id, [third.id])
    listed = [(item.corpus.name, item.documents, item.chunks) for item in corpora.list_all(session)]
    assert listed == [("handbook", 2, 2), ("other", 0, 0)]


def test_delete_takes_everything_of_one_corpus(
    session: Session, corpus: Corpus, other_corpus: Corpus
) -> None:
    for each in (corpus, other_corpus):
        documents.put_many(session, each.id, [with_chunks("a", "one"), with_chunks("b", "one")])
        documents.put(session, each.id, new_document("a", "two"), chunks_of("two"))
    corpora.delete(session, "handbook")
    assert [item.corpus.name for item in corpora.list_all(session)] == ["other"]
    assert index_log.position(session, corpus.id) == 0
    assert index_log.count_searchable(session, other_corpus.id) == 2


def test_delete_of_an_unknown_corpus_is_an_error(session: Session) -> None:
    with pytest.raises(UnknownCorpusError, match="none yet"):
        corpora.delete(session, "nope")


def test_settings_of_one_subject_leave_the_others(session: Session, corpus: Corpus) -> None:
    corpora.change_settings(session, "handbook", "colours", {"sky": "blue"})
    corpora.change_settings(session, "handbook", "retrieval", {"fusion": "rrf", "deep": {"x": [1]}})
    corpora.change_settings(session, "handbook", "retrieval", {"fusion": "weighted"})
    assert corpora.get(session, "handbook").settings == {
        "colours": {"sky": "blue"},
        "retrieval": {"fusion": "weighted"},
    }
    assert corpora.change_settings(session, "handbook", "colours", None).settings == {
        "retrieval": {"fusion": "weighted"}
    }


def test_settings_of_an_unknown_corpus_cannot_be_changed(session: Session) -> None:
    with pytest.raises(UnknownCorpusError, match="nope"):
        corpora.change_settings(session, "nope", "retrieval", {})
