import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag.errors import QuestionError, RetrievalSettingsError
from rag.generator.passages import Passage
from rag.retriever.fusion import Fusion
from rag.retriever.retriever import Mode, Retriever
from rag.retriever.settings import RERANK_WEIGHT
from rag.retriever.widen import MAX_CHARACTERS, Expand
from rag.search import Searcher, SearchRequest, SearchResult
from store import corpora, documents
from store.errors import FilterError, UnknownCorpusError
from store.index.local import LocalIndexes
from store.postgres import Database
from store.types import NewChunk
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document

ENCODER = FakeEncoder()
TEXT = "owls hunt at night\nthe fox hunts hens\nelk live in the north\nhens lay eggs"


class ElkFirst:
    """A reranker that finds elk relevant, as slow as it is told to be."""

    name = "elk first"

    def __init__(self) -> None:
        self.seconds = 0.0
        self.read: list[str] = []

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        time.sleep(self.seconds)
        self.read += [p.text for p in passages]
        return [float("elk" in p.text) for p in passages]


@dataclass(frozen=True)
class Zoo:
    """A corpus that can be filled and searched."""

    database: Database
    searcher: Searcher
    reranker: ElkFirst

    def put(self, source: str, chunks: list[NewChunk], text: str, **metadata: Any) -> None:
        with self.database.transaction() as session:
            corpus = corpora.get(session, "zoo")
            documents.put(session, corpus.id, new_document(source, text, **metadata), chunks)

    def put_lines(self, source: str, text: str, **metadata: Any) -> None:
        self.put(source, ENCODER.chunks_of(text, ("Animals",)), text, **metadata)

    def choose(self, **settings: Any) -> None:
        with self.database.transaction() as session:
            corpora.change_settings(session, "zoo", "retrieval", settings)

    def search(self, query: str, **changes: Any) -> SearchResult:
        return self.searcher.search(SearchRequest(query, "zoo", **changes))


@pytest.fixture
def zoo(database: Database, tmp_path: Path) -> Iterator[Zoo]:
    with database.transaction() as session:
        corpora.create(session, "zoo", ENCODER.name, ENCODER.revision, ENCODER.dimension)
    indexes = LocalIndexes(tmp_path / "indexes", database, refresh_interval_s=0.0)
    reranker = ElkFirst()
    searcher = Searcher(database, Retriever(database, indexes, ENCODER), lambda: reranker)
    yield Zoo(database, searcher, reranker)
    indexes.close()


def texts(result: SearchResult) -> list[str]:
    return [hit.text for hit in result.hits]


def test_reranking_mixes_relevance_into_the_fused_score(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    zoo.choose(nearness_weight=0)
    plain, reranked = zoo.search("fox hunts hens"), zoo.search("fox hunts hens", rerank=True)
    assert plain.reranked == 0 and {hit.scores.rerank for hit in plain.hits} == {None}
    assert reranked.reranked == 4 and texts(reranked)[:2] == ["the fox hunts hens", "elk live in the north"]
    fused = {hit.text: hit.scores.fused for hit in plain.hits}
    best, least = max(fused.values()), min(fused.values())
    for hit in reranked.hits:
        scaled = (fused[hit.text] - least) / (best - least)
        assert hit.scores.final == pytest.approx(scaled + RERANK_WEIGHT * ("elk" in hit.text))


def test_a_corpus_says_how_much_reranking_counts(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    zoo.choose(rerank_weight=5)
    assert texts(zoo.search("fox hunts hens", rerank=True))[0] == "elk live in the north"


def test_reranked_hits_near_the_best_gain(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    zoo.choose(nearness_weight=0)
    before = {hit.text: hit.scores for hit in zoo.search("fox hunts hens", rerank=True).hits}
    zoo.choose(nearness_weight=0.5)
    for hit in zoo.search("fox hunts hens", rerank=True).hits:
        assert before[hit.text].nearness is None and hit.scores.nearness is not None
        assert hit.scores.final == pytest.approx(before[hit.text].final + 0.5 * hit.scores.nearness)


def test_hits_beyond_the_reranking_time_keep_their_order(zoo: Zoo) -> None:
    zoo.put_lines("zoo", "\n".join(f"fox number {n}" + " of the zoo" * n for n in range(30)) + "\nelk")
    zoo.choose(nearness_weight=0)
    zoo.reranker.seconds = 0.03
    plain = zoo.search("fox number", top_k=31)
    reranked = zoo.search("fox number", top_k=31, rerank=True, rerank_budget_ms=40)
    assert reranked.reranked == len(zoo.reranker.read) == 8
    assert texts(reranked) == texts(plain)
    assert [hit.scores.final is not None for hit in reranked.hits] == [True] * 8 + [False] * 23


def test_a_corpus_says_how_its_rankings_are_fused(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    assert zoo.search("hens fox").hits[0].scores.fused == pytest.approx(1.0)
    zoo.choose(fusion="rrf")
    assert zoo.search("hens fox").hits[0].scores.fused == pytest.approx(2 / 61)
    zoo.choose(keyword_weight=1.0)
    found = {hit.text: hit.scores.fused for hit in zoo.search("hens fox").hits}
    assert found["the fox hunts hens"] == 1.0
    assert found["elk live in the north"] == 0.0  # only by its vector


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"fusion": "best"}, "fusion is 'best' instead of rrf or weighted"),
        ({"keyword_weight": 2}, "keyword_weight is 2 instead of a number from 0 to 1"),
        ({"rerank_weight": "much"}, "rerank_weight is 'much' instead of"),
    ],
)
def test_settings_that_cannot_be_used_are_named(zoo: Zoo, settings: dict[str, Any], reason: str) -> None:
    zoo.choose(**settings)
    with pytest.raises(RetrievalSettingsError, match=f"corpus 'zoo' cannot be used: {reason}"):
        zoo.search("fox")


def test_unknown_words_are_spelt_as_the_corpus_spells_them(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    result = zoo.search("Wich animals hnut hens in the Nroth?")
    assert result.query == "Wich animals hunt hens in the North?"
    assert [(c.rule, c.before, c.after) for c in result.query_changes] == [
        ("spelling", "hnut", "hunt"),
        ("spelling", "Nroth", "North"),
    ]
    assert zoo.search("hnut", spelling=False).query == "hnut"


@pytest.mark.parametrize(
    "query", ['"nroth"', "nroth_pole", "nroth.py", "elkk", "NORTH", "lives", "nrthooo", "наоборот"]
)
def test_words_that_are_no_slip_stay(zoo: Zoo, query: str) -> None:
    zoo.put_lines("zoo", TEXT)
    expected = {"elkk": "elk"}.get(query, query)
    assert zoo.search(query).query == expected


def test_an_empty_corpus_corrects_nothing(zoo: Zoo) -> None:
    result = zoo.search("nroth")
    assert (result.query, result.hits) == ("nroth", ())
    assert result.reason == "the corpus holds no searchable text"


def test_slips_in_words_that_stemming_cuts_are_found(zoo: Zoo) -> None:
    zoo.put_lines("zoo", "the capital of Norway\nmore information here")
    assert zoo.search("captial informtaion").query == "capital information"


def test_a_word_that_came_since_the_last_search_is_known(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    assert zoo.search("noth").query == "north"
    zoo.put_lines("more", "there is noth here")
    assert zoo.search("noth").query == "noth"


def test_the_spelling_that_most_texts_have_is_taken(zoo: Zoo) -> None:
    zoo.put_lines("zoo", "a barn owl\nan owl in a barn\na red bark")
    assert zoo.search("bar", mode=Mode.KEYWORD).query == "bar"  # too short to judge
    assert zoo.search("barm").query == "barn"


@pytest.mark.parametrize("mode", [Mode.HYBRID, Mode.VECTOR])
def test_all_hits_fulfil_the_conditions_of_a_query(zoo: Zoo, mode: Mode) -> None:
    zoo.put_lines("zoo", TEXT)
    assert texts(zoo.search('"fox hunts" hens', mode=mode)) == ["the fox hunts hens"]
    assert set(texts(zoo.search("hunts -fox", mode=mode))) == set(TEXT.split("\n")) - {"the fox hunts hens"}
    assert set(texts(zoo.search("+hens night", mode=mode))) == {"the fox hunts hens", "hens lay eggs"}
    assert texts(zoo.search("+hens", mode=mode, filters={"year": 1})) == []


def test_a_keyword_search_fulfils_the_conditions_of_a_query(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    assert texts(zoo.search("hunts -fox", mode=Mode.KEYWORD)) == ["owls hunt at night"]
    assert texts(zoo.search('"hens fox"', mode=Mode.KEYWORD)) == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ('owl "fox hens"', "no text has 'fox hens', which the query requires"),
        ("+owls +elk", "no text has all that the query requires without what it excludes"),
        ("-owls", "the query only says what is not wanted; add what is"),
        ("...", "the query has no word, and only words were looked for"),
        ("zebra", "no text that may be found has a word of the query"),
    ],
)
def test_a_keyword_search_without_hits_says_why(zoo: Zoo, query: str, reason: str) -> None:
    zoo.put_lines("zoo", TEXT)
    result = zoo.search(query, mode=Mode.KEYWORD, spelling=False)
    assert (result.hits, result.reason) == ((), reason)


def test_hits_are_folded_only_when_wanted(zoo: Zoo) -> None:
    zoo.put_lines("zoo", "the fox hunts hens\nelk live north\nhens and the fox")
    zoo.put_lines("copy", "the fox hunts hens\nwolves howl")
    assert texts(zoo.search("fox hunts hens", top_k=2)) == ["the fox hunts hens"] * 2
    folded = zoo.search("fox hunts hens", top_k=2, diversity=0.3)
    assert texts(folded) == ["the fox hunts hens", "hens and the fox"]
    assert len(folded.hits[0].folded) == 1


def test_a_hit_is_widened_without_changing_what_it_points_at(zoo: Zoo) -> None:
    zoo.put_lines("zoo", TEXT)
    for expand, expected in [(Expand.NEIGHBOURS, TEXT[:59]), (Expand.SECTION, TEXT)]:
        hit = zoo.search("the fox", top_k=1, expand=expand).hits[0]
        assert (hit.text, TEXT[hit.start : hit.end]) == ("the fox hunts hens",) * 2
        assert hit.context is not None and hit.context.text == expected
        assert TEXT[hit.context.start : hit.context.end] == expected
    assert zoo.search("the fox", top_k=1).hits[0].context is None


def test_a_section_ends_where_the_heading_changes(zoo: Zoo) -> None:
    one, two = ENCODER.chunks_of(TEXT, ("Hunters",))[:2], ENCODER.chunks_of(TEXT, ("Others",))[2:]
    zoo.put("zoo", [*one, *two], TEXT)
    hit = zoo.search("elk", top_k=1, expand=Expand.SECTION).hits[0]
    assert hit.context is not None and hit.context.text == "elk live in the north\nhens lay eggs"


def test_a_long_section_is_cut_around_the_hit(zoo: Zoo) -> None:
    lines = [f"line {n} " + "word " * 60 for n in range(40)]
    lines[20] = "the fox " + "word " * 60
    text = "\n".join(lines)
    zoo.put_lines("long", text)
    hit = zoo.search("fox", top_k=1, expand=Expand.SECTION).hits[0]
    assert hit.context is not None
    assert MAX_CHARACTERS - 2 * len(lines[0]) < len(hit.context.text) <= MAX_CHARACTERS
    assert text[hit.context.start : hit.context.end] == hit.context.text
    assert "line 15 " in hit.context.text and "line 25 " in hit.context.text


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ({"yeer": 2020}, "no document has the field 'yeer'"),
        ({"year": "2020"}, "with a string, but in the documents it is a number"),
        ({"year": 1999}, "no searchable document matches"),
    ],
)
def test_an_empty_result_says_why(zoo: Zoo, filters: dict[str, Any], reason: str) -> None:
    zoo.put_lines("zoo", TEXT, year=2020)
    result = zoo.search("fox", filters=filters)
    assert result.hits == () and result.reason is not None and reason in result.reason


@pytest.mark.parametrize(
    "query",
    ["🦊🦊", "الثعلب ليلا", "^(fox+)+$ (?<=x)[a-", "the of and", "\ud800 fox", "a" * 4000, "?!"],
    ids=[
        "emoji",
        "right to left",
        "like a regex",
        "stop words",
        "half a character",
        "one long word",
        "marks",
    ],
)
@pytest.mark.parametrize("rerank", [False, True])
def test_odd_queries_are_answered(zoo: Zoo, query: str, rerank: bool) -> None:
    zoo.put_lines("zoo", TEXT)
    assert len(zoo.search(query, rerank=rerank, diversity=0.2, expand=Expand.NEIGHBOURS).hits) == 4


def test_what_is_no_query_is_refused(zoo: Zoo) -> None:
    with pytest.raises(QuestionError, match="at most 4,000"):
        zoo.search("word " * 10_000)
    with pytest.raises(QuestionError, match="top_k is 1001"):
        zoo.search("fox", top_k=1001)
    with pytest.raises(FilterError):
        zoo.search("fox", filters={"year": {"about": 2000}})
    with pytest.raises(UnknownCorpusError):
        zoo.searcher.search(SearchRequest("fox", "zooo"))


def test_the_fusion_of_the_settings_counts_where_the_corpus_chose_none(zoo: Zoo, tmp_path: Path) -> None:
    zoo.put_lines("zoo", TEXT)
    searcher = Searcher(zoo.database, zoo.searcher._retriever, lambda: zoo.reranker, fusion=Fusion.RRF)
    assert searcher.search(SearchRequest("hens fox", "zoo")).hits[0].scores.fused == pytest.approx(2 / 61)
