import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.query import follow_ups, slip, spelling
from bench.retrieval import (
    CachedEncoder,
    CachedReranker,
    collection_of_questions,
    first_queries,
    measure_all,
    summary,
)
from rag.evaluation.retrieval import Collection
from rag.generator.passages import Passage
from rag.query.follow_up import make_standalone
from tests.fake_encoder import FakeEncoder
from tests.rag.test_data import line


class Counting(FakeEncoder):
    """Counts the texts that it encodes."""

    encoded = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += len(texts)
        return super().encode(texts)


class Knows:
    """A reranker that finds relevant what has the query's last word."""

    name = "knows"

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [float(question.rsplit(maxsplit=1)[-1] in p.text) for p in passages]


@pytest.fixture
def collection() -> Collection:
    texts = ["owls hunt mice", "foxes hunt hens", "elk eat grass", "carp live in ponds", "moles dig tunnels"]
    queries = {"1": "what do foxes hunt", "2": "animals that dig tunnels"}
    grades = {"1": {"1": 1.0}, "2": {"4": 1.0}}
    return Collection(tuple("01234"), tuple(Passage(t) for t in texts), queries, grades)


def test_every_search_is_measured_beside_the_plain_ones(collection: Collection) -> None:
    rows = measure_all(
        collection, collection, CachedEncoder(FakeEncoder(), None), CachedReranker(Knows(), None), seed=1
    )
    assert list(rows) == [
        "rank_bm25", "faiss", "plain rrf", "bm25s", "baseline",
        "keyword", "vector", "rrf", "weighted",
        "baseline, on the sample", "weighted, on the sample", "reranked", "by relevance alone",
    ]  # fmt: skip
    assert all(row["hit@1"] == 1.0 and row["n"] == 2 for row in rows.values())
    assert summary({"tiny": rows})["weighted over the baseline"] == 0.0


def test_learned_weights_are_measured_on_the_other_half(collection: Collection) -> None:
    queries = {f"{i}{k}": text for i, text in collection.queries.items() for k in range(10)}
    grades = {name: collection.grades[name[0]] for name in queries}
    many = replace(collection, queries=queries, grades=grades)
    rows = measure_all(many, many, CachedEncoder(FakeEncoder(), None), CachedReranker(Knows(), None), seed=1)
    assert [
        (rows[f"{name}, learned"]["n"], rows[f"{name}, learned"]["hit@1"])
        for name in ("weighted", "reranked")
    ] == [(20, 1.0)] * 2


def test_only_what_was_read_before_is_reranked(collection: Collection) -> None:
    reranker = CachedReranker(Knows(), None)
    reranker.relevance(collection.queries["1"], collection.passages)
    encoder = CachedEncoder(FakeEncoder(), None)
    rows = measure_all(collection, collection, encoder, reranker, seed=1, cached_only=True)
    assert (rows["reranked"]["n"], rows["weighted"]["n"]) == (1, 2)


def test_relevances_are_kept_between_runs(tmp_path: Path) -> None:
    passages = [Passage("owls hunt"), Passage("hens", "Owls"), Passage("owls hunt")]
    first = CachedReranker(Knows(), tmp_path)
    assert first.relevance("what do owls hunt", passages) == [1.0, 0.0, 1.0]
    first.save()

    class Silent(Knows):
        def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
            raise AssertionError("it was read before")

    assert CachedReranker(Silent(), tmp_path).relevance("what do owls hunt", passages) == [1.0, 0.0, 1.0]


def test_embeddings_are_kept_between_runs(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    encoder = CachedEncoder(first, tmp_path / "cache")
    vectors = encoder.encode(["owl", "fox hen", "owl"])
    encoder.save()
    again = CachedEncoder(second, tmp_path / "cache").encode(["fox hen", "owl"])
    assert (first.encoded, second.encoded) == (2, 0)
    assert np.array_equal(again, vectors[[1, 2]])


def test_questions_of_all_files_ask_for_their_own_passages(tmp_path: Path) -> None:
    same = line(2)["passage"]
    records = [line(1), line(2), line(3, passage=same), line(4, answers=[], answerable=False)]
    file = tmp_path / "ships.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    found = collection_of_questions([file])
    assert (len(found.passages), len(found.queries)) == (3, 3)
    assert found.grades["2"] == found.grades["3"] == {"1": 1.0}
    assert len(first_queries(found, 2, seed=1).queries) == 2


def test_slips_are_restored_where_the_corpus_knows_the_word(collection: Collection) -> None:
    figures = spelling(collection, CachedEncoder(FakeEncoder(), None), random.Random(3))
    assert figures["questions"] == 2 and figures["written"]["hit@1"] == 1.0
    assert figures["corrected"]["hit@1"] >= figures["slipped"]["hit@1"]


def test_a_slip_changes_one_word_by_one_letter() -> None:
    for seed in range(20):
        slipped = slip("What do foxes hunt?", random.Random(seed))
        assert slipped.startswith("What do f") and slipped.endswith(" hunt?")
        assert len("foxes") - 1 <= len(slipped.split()[2]) <= len("foxes")


def test_follow_ups_are_measured_by_part() -> None:
    figures = follow_ups(Path(__file__).parent / "follow_ups.jsonl", make_standalone)
    assert figures["developed on"]["rewritten"] == figures["developed on"]["left_alone"] == 1.0
    assert figures["held out"]["rewritten_n"] == 20
