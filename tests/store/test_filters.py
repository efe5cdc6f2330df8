from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from store import chunk_reads, documents, filters, index_log
from store.errors import FilterError
from store.types import Corpus
from tests.store.samples import with_chunks

METADATA: dict[str, dict[str, Any]] = {
    "a": {"language": "en", "year": 2020, "tags": ["red", "blue"], "day": "2024-03-01"},
    "b": {"language": "de", "year": 2021.5, "tags": [], "day": "2024-03-01T12:00:00+02:00"},
    "c": {"language": None, "year": "2020", "day": "2024-13-45", "reviewed": True},
    "d": {},
}


@pytest.fixture
def filled(session: Session, corpus: Corpus) -> Corpus:
    items = [with_chunks(source, f"text {source}", **metadata) for source, metadata in METADATA.items()]
    documents.put_many(session, corpus.id, items)
    return corpus


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, "abcd"),
        ({"language": "en"}, "a"),
        ({"language": ["en", "de", "fr"]}, "ab"),
        ({"language": None}, "c"),
        ({"tags": "red"}, "a"),
        ({"tags": ["blue", "green"]}, "a"),
        ({"year": 2020}, "a"),
        ({"year": 2020.0}, "a"),
        ({"year": "2020"}, "c"),
        ({"reviewed": True}, "c"),
        ({"year": {"gte": 2020}}, "ab"),
        ({"year": {"gt": 2020, "lt": 2022}}, "b"),
        ({"year": {"lte": 2020}}, "a"),
        ({"day": {"gte": "2024-03-01"}}, "ab"),
        ({"day": {"gt": "2024-03-01T09:59:59"}}, "b"),
        ({"day": {"gt": "2024-03-01T10:00:00Z"}}, ""),
        ({"day": {"lt": date(2024, 3, 2)}}, "ab"),
        ({"language": {"exists": True}}, "abc"),
        ({"language": {"exists": False}}, "d"),
        ({"language": {"not": "en"}}, "bcd"),
        ({"language": {"not": ["en", "de"]}}, "cd"),
        ({"year": {"not": {"gte": 2021}}}, "acd"),
        ({"language": {"not": {"not": "en"}}}, "a"),
        ({"language": ["en", "de"], "year": {"gt": 2020}}, "b"),
        ({"and": [{"language": ["en", "de"]}, {"tags": "red"}]}, "a"),
        ({"or": [{"language": "en"}, {"year": "2020"}]}, "ac"),
        ({"or": [{"language": "en"}, {"language": "de"}], "year": 2020}, "a"),
        ({"source": "d"}, "d"),
        ({"source": {"not": ["a", "b"]}}, "cd"),
        ({"title": "Title of b"}, "b"),
        ({"media_type": "text/plain"}, "abcd"),
        ({"origin": "synthetic"}, ""),
        ({"source": {"exists": True}}, "abcd"),
        ({"document_id": "00000000-0000-0000-0000-000000000001"}, ""),
    ],
)
def test_filter_finds(session: Session, filled: Corpus, filter: Mapping[str, Any], expected: str) -> None:
    found = documents.page(session, filled.id, after=None, limit=9, filter=filter)
    assert "".join(document.source for document in found) == expected


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        ("language", "a filter is a mapping"),
        ({"and": {"language": "en"}}, "at least one element"),
        ({"or": []}, "at least one element"),
        ({"or": ["language"]}, "a filter is a mapping"),
        ({"language": []}, "at least one element"),
        ({"language": ["x"] * 1001}, "up to 1000"),
        ({"language": [["en"]]}, "not a string, number"),
        ({"language": {}}, "condition is empty"),
        ({"language": {"like": "e%"}}, "'like' is no operator"),
        ({"language": {"exists": "yes"}}, "either true or false"),
        ({"year": {"gte": "twenty"}}, "neither a number nor a date"),
        ({"year": {"gte": True}}, "neither a number nor a date"),
        ({"year": {"gte": float("nan")}}, "not a number that a document can hold"),
        ({"year": float("inf")}, "not a number that a document can hold"),
        ({"language": "e\0"}, "NUL"),
        ({"langu\0age": "en"}, "NUL"),
        ({"language": "\ud800"}, "surrogate"),
        ({"source": {"gt": "a"}}, "has no order"),
        ({"source": 3}, "is a string"),
        ({"document_id": "a"}, "not a document's id"),
    ],
)
def test_filter_without_meaning_is_refused(filter: Any, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        filters.compile_filter(filter)


@pytest.mark.parametrize("shape", ["and", "not"])
def test_deep_nesting_is_refused(shape: str) -> None:
    nested: Any = {"language": "en"} if shape == "and" else "en"
    for _ in range(5000):
        nested = {"and": [nested]} if shape == "and" else {"not": nested}
    with pytest.raises(FilterError, match="nested more than 20 deep"):
        filters.compile_filter(nested if shape == "and" else {"language": nested})


def test_matching_chunks_are_the_searchable_ones_in_order(session: Session, filled: Corpus) -> None:
    documents.put_many(session, filled.id, [with_chunks("a", "one\ntwo", language="en")])
    documents.put_many(session, filled.id, [with_chunks("e", "three", language="en")])
    matching = documents.matching_chunks(session, filled.id, {"language": "en"})
    indexed = index_log.snapshot_rows(session, filled.id)
    assert matching.dtype == "int64"
    assert matching.tolist() == [chunk.id for chunk in indexed if chunk.text in ("one", "two", "three")]


def test_matching_chunks_of_nothing_is_empty(session: Session, filled: Corpus, other_corpus: Corpus) -> None:
    assert documents.matching_chunks(session, filled.id, {"language": "fr"}).shape == (0,)
    assert documents.matching_chunks(session, other_corpus.id, {}).shape == (0,)


def test_matching_chunks_are_the_same_when_they_are_too_many_to_look_up(
    session: Session, filled: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    filter = {"year": {"gte": 2020}}
    looked_up = documents.matching_chunks(session, filled.id, filter)
    monkeypatch.setattr(chunk_reads, "MAX_LOOKED_UP", 1)
    assert documents.matching_chunks(session, filled.id, filter).tolist() == looked_up.tolist()
    assert len(looked_up) == 2
