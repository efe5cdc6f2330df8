from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import conversations, corrections, documents
from store.corrections import NewSpan
from store.marked_queries import MarkedQuery, marked_queries
from store.postgres import Database
from store.sealing import MasterKey
from store.types import Corpus
from tests.store.samples import with_chunks
from tests.store.test_conversations import new_response

SAID: dict[str, Any] = {"question": "And why?", "body": {"query": "Why is the sky blue?"}}


@pytest.fixture
def documents_of(session: Session, corpus: Corpus) -> list[UUID]:
    texts = [with_chunks("wiki:sky", "The sky is blue."), with_chunks("wiki:sea", "The sea is blue.")]
    return [document.id for document in documents.put_many(session, corpus.id, texts)]


def mark(session: Session, response_id: UUID, user: str, *marked: UUID) -> None:
    spans = [NewSpan(document, 1, 0, 3) for document in marked]
    corrections.record(session, response_id, user, "Rayleigh.", spans=spans)


def test_marked_documents_are_those_of_the_query_that_was_sent(
    session: Session, corpus: Corpus, documents_of: list[UUID]
) -> None:
    sky, sea = documents_of
    for user, document in (("ann", sky), ("bob", sea)):  # two responses to the same query
        mark(
            session,
            conversations.record_response(session, new_response(session, corpus, **SAID)),
            user,
            document,
        )
    unmarked = new_response(session, corpus, question="Who?", body={})
    mark(session, conversations.record_response(session, unmarked), "ann")
    assert marked_queries(session, corpus.id) == [MarkedQuery("Why is the sky blue?", frozenset({sky, sea}))]


def test_superseded_marks_and_other_corpora_do_not_count(
    session: Session, corpus: Corpus, other_corpus: Corpus, documents_of: list[UUID]
) -> None:
    sky, sea = documents_of
    response_id = conversations.record_response(session, new_response(session, corpus, **SAID))
    mark(session, response_id, "ann", sky)
    mark(session, response_id, "ann", sea)
    assert [marked.documents for marked in marked_queries(session, corpus.id)] == [{sea}]
    assert marked_queries(session, other_corpus.id) == []


def test_sealed_queries_are_opened(database: Database, corpus: Corpus) -> None:
    database.seal_with(MasterKey("a secret of more than 32 characters"))
    with database.transaction() as session:
        [document] = documents.put_many(session, corpus.id, [with_chunks("wiki:sky", "The sky is blue.")])
        response_id = conversations.record_response(session, new_response(session, corpus, **SAID))
        mark(session, response_id, "ann", document.id)
        assert [marked.query for marked in marked_queries(session, corpus.id)] == ["Why is the sky blue?"]
