from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag.retriever import retriever as module
from rag.retriever.retriever import Fusion, Hit, Mode, Retriever
from store import corpora, documents
from store.errors import EncoderMismatchError, FilterError
from store.index.local import LocalIndexes
from store.postgres import Database
from store.types import Corpus
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document

ENCODER = FakeEncoder()


@pytest.fixture
def corpus(database: Database) -> Corpus:
    with database.transaction() as session:
        return corpora.create(session, "animals", ENCODER.name, ENCODER.revision, ENCODER.dimension)


@pytest.fixture
def indexes(database: Database, tmp_path: Path) -> Iterator[LocalIndexes]:
    # Searches do not look for changes by themselves: so tests decide when the indexes are behind.
    indexes = LocalIndexes(tmp_path / "indexes", database, refresh_interval_s=1000.0)
    yield indexes
    indexes.close()


@pytest.fixture
def retriever(database: Database, indexes: LocalIndexes) -> Retriever:
    return Retriever(database, indexes, ENCODER)


def put(database: Database, corpus: Corpus, source: str, text: str, **metadata: object) -> None:
    with database.transaction() as session:
        document = new_document(source, text, **metadata)
        documents.put(session, corpus.id, document, ENCODER.chunks_of(text))


def texts(hits: list[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


ZOO = "owls hunt at night\nthe fox hunts hens\nelk live in the north\nhens lay eggs"


def test_hybrid_search_finds_what_either_index_finds(
    database: Database, corpus: Corpus, retriever: Retriever
):
    put(database, corpus, "zoo", ZOO)
    hit = retriever.search("fox hunting", corpus, top_k=1)[0]
    assert hit.chunk.text == "the fox hunts hens"
    assert (hit.chunk.source, hit.chunk.start, hit.chunk.end) == ("zoo", 19, 37)
    assert hit.keyword > 0
    assert 0 < hit.vector <= 1
    assert hit.fused == pytest.approx(1 / 61 + 1 / 61)
    assert hit.rerank is None


def test_words_are_found_beside_the_vectors_as_before_them(
    database: Database, corpus: Corpus, retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, corpus, "zoo", ZOO)
    in_turn = retriever.search("hens of the north", corpus)
    monkeypatch.setattr(module, "BESIDE_FROM", 0)
    assert retriever.search("hens of the north", corpus) == in_turn
    assert {hit.keyword is None for hit in in_turn} == {True, False}


def test_keyword_search_asks_only_the_keyword_index(database: Database, corpus: Corpus, retriever: Retriever):
    put(database, corpus, "zoo", ZOO)
    hits = retriever.search("hunting", corpus, mode=Mode.KEYWORD)
    assert texts(hits) == ["owls hunt at night", "the fox hunts hens"]
    assert all(hit.vector is None and hit.fused == hit.keyword for hit in hits)


def test_vector_search_asks_only_the_vector_index(database: Database, corpus: Corpus, retriever: Retriever):
    put(database, corpus, "zoo", ZOO)
    hits = retriever.search("hens lay eggs", corpus, mode=Mode.VECTOR)
    assert hits[0].vector == pytest.approx(1, abs=1e-3)
    assert len(hits) == 4
    assert all(hit.keyword is None and hit.fused == hit.vector for hit in hits)


def test_weighted_fusion_uses_the_scores(database: Database, corpus: Corpus, retriever: Retriever):
    put(database, corpus, "zoo", ZOO)
    hits = retriever.search("fox hens", corpus, fusion=Fusion.WEIGHTED)
    assert texts(hits)[0] == "the fox hunts hens"
    assert hits[0].fused == pytest.approx(1.0)  # best of both: half and half
    assert hits[-1].fused == pytest.approx(0.0)


def test_filters_leave_top_k_full(database: Database, corpus: Corpus, retriever: Retriever):
    put(database, corpus, "many", "\n".join(f"owl owl owl {i}" for i in range(300)), year=2020)
    put(
        database,
        corpus,
        "few",
        "\n".join(f"an owl in a longer text, number {i}" for i in range(5)),
        year=2024,
    )
    for mode in Mode:
        hits = retriever.search("owl", corpus, top_k=5, filters={"year": 2024}, mode=mode)
        assert [hit.chunk.source for hit in hits] == ["few"] * 5


def test_a_filter_that_matches_nothing_finds_nothing(
    database: Database, corpus: Corpus, retriever: Retriever
):
    put(database, corpus, "zoo", ZOO)
    assert retriever.search("fox", corpus, filters={"year": 1999}) == []


def test_a_meaningless_filter_is_an_error(corpus: Corpus, retriever: Retriever):
    with pytest.raises(FilterError):
        retriever.search("fox", corpus, filters={"year": {"about": 2000}})


def test_chunks_that_left_give_way_to_the_next(
    database: Database, corpus: Corpus, retriever: Retriever, indexes: LocalIndexes
):
    put(database, corpus, "old", "the fox\nfox fox")
    put(database, corpus, "new", "a fox in the woods\nfox and hen at the river")
    indexes.for_corpus(corpus)
    put(database, corpus, "old", "nothing here")
    assert sorted(texts(retriever.search("fox", corpus, top_k=2))) == [
        "a fox in the woods",
        "fox and hen at the river",
    ]


@pytest.mark.parametrize("query", ["", " \n\u3000"])
def test_a_blank_query_finds_nothing(database: Database, corpus: Corpus, retriever: Retriever, query: str):
    put(database, corpus, "zoo", ZOO)
    assert retriever.search(query, corpus) == []


@pytest.mark.parametrize(
    "query", ["🦊", "الثعلب", '"fox" AND (', "^(fox+)+$", "of the and", "\ud800", "\x00"]
)
def test_any_text_is_a_query(database: Database, corpus: Corpus, retriever: Retriever, query: str):
    put(database, corpus, "zoo", ZOO)
    assert len(retriever.search(query, corpus)) == 4


def test_an_empty_corpus_gives_no_hits(corpus: Corpus, retriever: Retriever):
    assert retriever.search("fox", corpus) == []


def test_top_k_may_exceed_the_corpus(database: Database, corpus: Corpus, retriever: Retriever):
    put(database, corpus, "zoo", ZOO)
    assert len(retriever.search("fox", corpus, top_k=1000)) == 4


def test_top_k_must_be_positive(corpus: Corpus, retriever: Retriever):
    with pytest.raises(ValueError, match="top_k is 0"):
        retriever.search("fox", corpus, top_k=0)


@pytest.mark.parametrize(
    "encoder",
    [FakeEncoder(name="other"), FakeEncoder(revision="r2"), FakeEncoder(dimension=32)],
    ids=["name", "revision", "dimension"],
)
def test_another_encoder_than_the_corpus_has_is_refused(
    database: Database, corpus: Corpus, indexes: LocalIndexes, encoder: FakeEncoder
):
    with pytest.raises(EncoderMismatchError, match="'animals' was embedded by fake"):
        Retriever(database, indexes, encoder).search("fox", corpus)


def test_the_corpus_at_hand_decides_where_to_search(database: Database, corpus: Corpus, retriever: Retriever):
    with database.transaction() as session:
        other = corpora.create(session, "other", ENCODER.name, ENCODER.revision, ENCODER.dimension)
    put(database, corpus, "zoo", "the fox")
    put(database, other, "zoo", "another fox")
    assert texts(retriever.search("fox", other)) == ["another fox"]
    assert texts(retriever.search("fox", replace(corpus))) == ["the fox"]
