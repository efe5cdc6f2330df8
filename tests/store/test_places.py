from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from store import documents
from store.places import Place, place_between, places_between
from store.types import Corpus
from tests.store.samples import chunks_of, new_document

PAGES = (Place(0, {"page": 1}), Place(10, {"page": 2}), Place(20, {"page": 3}))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 5, {"page": 1}),
        (0, 10, {"page": 1}),
        (5, 11, {"page": 1, "last_page": 2}),
        (10, 12, {"page": 2}),
        (9, 30, {"page": 1, "last_page": 3}),
        (25, 26, {"page": 3}),
    ],
)
def test_span_stands_where_it_begins_and_ends(start: int, end: int, expected: dict[str, int]) -> None:
    assert place_between(PAGES, start, end) == expected


def test_facts_that_stay_are_told_once() -> None:
    rows = (Place(0, {"sheet": "Sales", "row": 2}), Place(8, {"sheet": "Sales", "row": 3}))
    assert place_between(rows, 0, 12) == {"sheet": "Sales", "row": 2, "last_row": 3}


def test_text_without_places_stands_nowhere() -> None:
    assert place_between((), 0, 5) == {}
    assert places_between((Place(10, {"page": 2}),), 0, 5) == ()


def test_chunks_keep_their_places_also_in_a_copy(session: Session, corpus: Corpus) -> None:
    first, second = chunks_of("one\ntwo")
    chunks = [replace(first, places=PAGES[:1]), replace(second, places=PAGES[1:])]
    original = documents.put(session, corpus.id, new_document("a", "one\ntwo"), chunks).id
    copy = documents.put_duplicate(session, corpus.id, new_document("b", "one\ntwo"), original).id
    documents.remove(session, corpus.id, [original])
    for document_id in (original, copy):
        stored = documents.chunks_of(session, document_id, 1)
        assert [chunk.places for chunk in stored] == [PAGES[:1], PAGES[1:]]
    assert documents.chunks_by_id(session, [stored[1].id])[stored[1].id].places == PAGES[1:]
