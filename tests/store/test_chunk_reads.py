import numpy as np
from sqlalchemy.orm import Session

from store import chunk_reads, documents
from store.types import Corpus, DocumentSource
from tests.store.samples import chunks_of, new_document

TEXT = "one\ntwo\nthree\nfour\nfive"


def put(session: Session, corpus: Corpus, text: str) -> tuple[DocumentSource, list[int]]:
    document = documents.put(session, corpus.id, new_document("numbers", text), chunks_of(text))
    found = documents.get(session, document.id)
    return DocumentSource(found.id, found.source), [
        c.id for c in documents.chunks_of(session, found.id, found.version)
    ]


def test_chunks_around_another_come_in_the_order_of_the_text(session: Session, corpus: Corpus) -> None:
    _, ids = put(session, corpus, TEXT)
    found = chunk_reads.around(session, [ids[2], ids[0]], 1)
    assert [place.id for place in found[ids[2]]] == ids[1:4]
    assert [TEXT[place.start : place.end] for place in found[ids[0]]] == ["one", "two"]
    assert found[ids[0]][0].heading_path == ("Heading",)


def test_chunks_of_another_version_are_not_around(session: Session, corpus: Corpus) -> None:
    put(session, corpus, "old\nolder\noldest")
    _, ids = put(session, corpus, "new\nnewer")
    assert [place.id for place in chunk_reads.around(session, [ids[0]], 5)[ids[0]]] == ids


def test_embeddings_and_documents_of_chunks(session: Session, corpus: Corpus) -> None:
    document, ids = put(session, corpus, "one\nthree")
    vectors = chunk_reads.embeddings(session, [*ids, 999])
    assert {i: v.tolist() for i, v in vectors.items()} == {ids[0]: [3.0] * 4, ids[1]: [5.0] * 4}
    assert vectors[ids[0]].dtype == np.float16
    assert chunk_reads.documents_of(session, [ids[1], 999]) == {ids[1]: document}
