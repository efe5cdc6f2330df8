from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from store import documents
from store.document_looks import Look, differing
from store.types import Corpus, NewDocument, Origin
from tests.store.samples import chunks_of, new_document


def look(document: NewDocument, **changed: Any) -> Look:
    known: Mapping[str, Any] = {name: getattr(document, name) for name in Look.__dataclass_fields__}
    return Look(**{**known, **changed})


def test_only_what_is_not_stored_just_so_differs(session: Session, corpus: Corpus) -> None:
    stored = new_document("a", "one", year=2020, tags=["x"])
    documents.put(session, corpus.id, stored, chunks_of("one"))
    looks = [
        look(stored),
        look(stored, source="b"),
        look(stored, sha256="0" * 64),
        look(stored, title="Another"),
        look(stored, media_type="text/html"),
        look(stored, metadata={"year": 2021, "tags": ["x"]}),
        look(stored, metadata={"year": 2020}),
    ]
    assert differing(session, corpus.id, looks, Origin.HUMAN, besides=None) == [1, 2, 3, 4, 5, 6]
    assert differing(session, corpus.id, looks[:1], Origin.SYNTHETIC, besides=None) == [0]


def test_a_field_that_was_found_out_when_it_was_stored_is_no_difference(
    session: Session, corpus: Corpus
) -> None:
    stored = new_document("a", "one", language="en")
    documents.put(session, corpus.id, stored, chunks_of("one"))
    looks = [look(stored), look(stored, metadata={}), look(stored, metadata={"language": "fr"})]
    assert differing(session, corpus.id, looks, Origin.HUMAN, besides="language") == [2]
    assert differing(session, corpus.id, looks, Origin.HUMAN, besides=None) == [1, 2]


def test_removed_documents_differ(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "one"), chunks_of("one"))
    documents.remove(session, corpus.id, [put.id])
    looks = [look(new_document("a", "one"))]
    assert differing(session, corpus.id, looks, Origin.HUMAN, besides=None) == [0]
