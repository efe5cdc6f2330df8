import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import access, access_lists, corpora, documents, groups, users
from store.access_lists import CorpusAccess
from store.errors import (
    InvalidKeyError,
    KeyScopeError,
    UnknownCorpusError,
    UnknownDocumentError,
    UnknownUserError,
)
from store.tables import ChunkRow
from store.types import Corpus, Document, DocumentStatus, Level, Readers, Role, Verb
from store.visibility import Reader
from tests.store.samples import chunks_of, new_document


def reader_of(session: Session, name: str) -> Reader:
    return Reader(users.ensure(session, name))


def put(session: Session, corpus: Corpus, source: str, text: str = "A text.") -> Document:
    return documents.put(session, corpus.id, new_document(source, text), chunks_of(text))


def searchable(session: Session, document: Document) -> bool:
    rows = session.scalars(select(ChunkRow.searchable).where(ChunkRow.document_id == document.id)).all()
    return any(rows)


def test_restricted_corpus_is_unknown_to_those_without_a_grant(session: Session, corpus: Corpus) -> None:
    ann, bob, eve = (reader_of(session, name) for name in ("ann", "bob", "eve"))
    legal = groups.create(session, "legal")
    groups.add_member(session, legal.id, bob.user_id)
    wanted = CorpusAccess(True, {"ann": Level.READ}, {"legal": Level.WRITE})
    assert access_lists.set_corpus_access(session, corpus.id, wanted) == wanted
    levels = [access_lists.level_of(session, corpus.id, reader) for reader in (ann, bob, eve)]
    assert levels == [Level.READ, Level.WRITE, None]
    assert corpora.get(session, "handbook", ann).restricted
    with pytest.raises(UnknownCorpusError) as caught:
        corpora.get(session, "handbook", eve)
    assert caught.value.known == ()
    groups.remove_member(session, legal.id, bob.user_id)
    assert access_lists.level_of(session, corpus.id, bob) is None
    assert access_lists.level_of(session, corpus.id, Reader(eve.user_id, sees_all=True)) == Level.MANAGE


def test_open_corpus_may_be_written_by_all_and_managed_by_some(session: Session, corpus: Corpus) -> None:
    access_lists.set_corpus_access(
        session, corpus.id, CorpusAccess(False, {"ann": Level.MANAGE} if users.ensure(session, "ann") else {})
    )
    levels = [access_lists.level_of(session, corpus.id, reader_of(session, name)) for name in ("ann", "eve")]
    assert levels == [Level.MANAGE, Level.WRITE]


def test_document_with_a_list_is_hidden_from_all_others(session: Session, corpus: Corpus) -> None:
    ann, eve, meg = (reader_of(session, name) for name in ("ann", "eve", "meg"))
    access_lists.set_corpus_access(session, corpus.id, CorpusAccess(False, {"meg": Level.MANAGE}))
    document = put(session, corpus, "a")
    access_lists.set_document_readers(session, document.id, Readers(("ann",)))
    assert documents.get(session, document.id, ann).restricted
    assert documents.get(session, document.id, meg) == documents.get(session, document.id)
    for read in (documents.get, lambda *given: documents.text(*given[:2], None, given[2])):
        with pytest.raises(UnknownDocumentError):
            read(session, document.id, eve)
    counts = [corpora.summary(session, "handbook", reader) for reader in (ann, eve)]
    assert [(each.documents, each.chunks) for each in counts] == [(1, 1), (0, 0)]
    assert documents.matching_chunks(session, corpus.id, {}, eve).tolist() == []
    access_lists.set_document_readers(session, document.id, None)
    assert documents.get(session, document.id, eve).restricted is False


def test_document_that_gets_a_list_leaves_its_copies_a_place(session: Session, corpus: Corpus) -> None:
    first, second = (put(session, corpus, source) for source in ("a", "b"))
    assert second.status == DocumentStatus.DUPLICATE
    access_lists.set_document_readers(session, first.id, Readers())
    assert documents.get(session, second.id).status == DocumentStatus.CURRENT
    assert searchable(session, first) and searchable(session, second)
    access_lists.set_document_readers(session, first.id, None)
    again = documents.get(session, first.id)
    assert (again.status, again.duplicate_of) == (DocumentStatus.DUPLICATE, second.id)
    assert not searchable(session, first)


def test_copy_that_gets_a_list_is_indexed_by_itself(session: Session, corpus: Corpus) -> None:
    first, second = (put(session, corpus, source) for source in ("a", "b"))
    access_lists.set_document_readers(session, second.id, Readers())
    assert documents.get(session, second.id).status == DocumentStatus.CURRENT
    assert searchable(session, first) and searchable(session, second)
    third = put(session, corpus, "c")
    assert third.duplicate_of == first.id


def test_new_version_keeps_the_list(session: Session, corpus: Corpus) -> None:
    document = put(session, corpus, "a")
    users.ensure(session, "ann")
    access_lists.set_document_readers(session, document.id, Readers(("ann",)))
    put(session, corpus, "a", "Another text.")
    assert access_lists.document_readers(session, document.id) == Readers(("ann",))
    with pytest.raises(UnknownUserError, match="'bob'"):
        access_lists.set_document_readers(session, document.id, Readers(("bob",)))


def test_key_is_held_to_corpora_and_verbs(session: Session, corpus: Corpus, other_corpus: Corpus) -> None:
    new = access.create_key(session, "ann", Role.REVIEWER, corpora=[corpus.id], verbs=[Verb.ASK])
    assert (new.key.corpora, new.key.verbs) == (("handbook",), (Verb.ASK,))
    found = access.authenticate(session, new.secret)
    assert found.corpora == {corpus.id}
    held = Reader(found.user.id, sees_all=True, corpora=found.corpora)
    assert [summary.corpus.name for summary in corpora.page(session, after=None, limit=9, reader=held)] == [
        "handbook"
    ]
    with pytest.raises(KeyScopeError):
        access.create_key(session, "ann", Role.ADMINISTRATOR, corpora=[], verbs=[Verb.ADMINISTER])


def test_rotated_key_has_two_secrets_for_a_while(session: Session) -> None:
    old = access.create_key(session, "ann", Role.READER)
    new = access.rotate_key(session, old.key.id, overlap_s=3600)
    for secret in (old.secret, new.secret):
        assert access.authenticate(session, secret).key.id == old.key.id
    newest = access.rotate_key(session, old.key.id, overlap_s=0)
    for secret in (old.secret, new.secret):
        with pytest.raises(InvalidKeyError):
            access.authenticate(session, secret)
    assert access.authenticate(session, newest.secret).key.last_used_at is not None
    access.revoke_key(session, old.key.id)
    with pytest.raises(KeyScopeError):
        access.rotate_key(session, old.key.id, overlap_s=0)


def test_key_opens_the_corpora_that_its_user_may_know_of(session: Session, corpus: Corpus) -> None:
    keys = {name: access.create_key(session, name, Role.READER) for name in ("ann", "bob", "eve")}
    held = access.create_key(session, "ann", Role.READER, corpora=[corpus.id + 1])
    legal = groups.create(session, "legal")
    groups.add_member(session, legal.id, users.named(session, "bob").id)

    def opened(secret: str, name: str = "handbook") -> Corpus | None:
        return access.authenticate(session, secret, name).corpus

    assert opened(keys["eve"].secret) == corpora.get(session, "handbook")
    assert opened(keys["eve"].secret, "another") is None
    assert opened(held.secret) is None
    access_lists.set_corpus_access(
        session, corpus.id, CorpusAccess(True, {"ann": Level.READ}, {"legal": Level.READ})
    )
    may = {name: opened(key.secret) is not None for name, key in keys.items()}
    assert may == {"ann": True, "bob": True, "eve": False}
    groups.remove_member(session, legal.id, users.named(session, "bob").id)
    assert opened(keys["bob"].secret) is None
