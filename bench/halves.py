"""What weights are worth that were learned from half of a collection's judged queries, on the other half.

They are learned as `rag retrieval tune` learns them; each half is once the one that they are learned from.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.evaluation.passage_index import PassageIndex
from rag.evaluation.retrieval import Collection, Search, measure, reranked_search
from rag.retriever.rerank import Reranker
from rag.retriever.settings import KEYWORD_WEIGHT
from rag.retriever.weights import (
    MIN_QUERIES,
    Candidates,
    best,
    fuse,
    learn_keyword_weight,
    learn_nearness_weight,
    learn_rerank_weight,
)

DEPTH = 200
ENOUGH = 2 * MIN_QUERIES
"""Queries that halves can be made of."""


@dataclass(frozen=True)
class _Judged:
    """A half: its queries, and what both indexes find for each."""

    collection: Collection
    candidates: Sequence[Candidates]


def learned_fusion(index: PassageIndex, collection: Collection, seed: int) -> dict[str, float]:
    """The figures of the weighted fusion."""

    def learn(judged: _Judged) -> Search:
        weight = learn_keyword_weight(judged.candidates).weight

        def search(query: str) -> list[int]:
            found = fuse(_candidates(index, collection, query, {}), weight)
            return [int(i) for i in found.ids[:100]]

        return search

    return _on_the_other_half(index, collection, seed, learn)


def learned_reranking(
    index: PassageIndex, collection: Collection, reranker: Reranker, seed: int
) -> dict[str, float]:
    """The figures of reranking, with weights for the relevance and for the nearness to the best hits."""

    def learn(judged: _Judged) -> Search:
        chosen = [best(candidates, KEYWORD_WEIGHT) for candidates in judged.candidates]
        relevance = [
            reranker.relevance(query, [collection.passages[i] for i in ids])
            for query, ids in zip(judged.collection.queries.values(), chosen, strict=True)
        ]
        rows = [index.rows[ids] for ids in chosen]
        weight = learn_rerank_weight(judged.candidates, KEYWORD_WEIGHT, relevance).weight
        nearness = learn_nearness_weight(judged.candidates, (KEYWORD_WEIGHT, weight), relevance, rows).weight
        return reranked_search(index, collection, reranker, nearness, rerank_weight=weight)

    return _on_the_other_half(index, collection, seed, learn)


def _on_the_other_half(
    index: PassageIndex, collection: Collection, seed: int, learn: Callable[[_Judged], Search]
) -> dict[str, float]:
    ids = list(collection.queries)
    random.Random(seed).shuffle(ids)
    halves = [_half(index, collection, sorted(part)) for part in (ids[::2], ids[1::2])]
    measured = [
        (len(other.candidates), measure(other.collection, learn(one)))
        for one, other in (halves, reversed(halves))
    ]
    return {name: sum(n * figures[name] for n, figures in measured) / len(ids) for name in measured[0][1]}


def _half(index: PassageIndex, collection: Collection, ids: Sequence[str]) -> _Judged:
    part = replace(collection, queries={i: collection.queries[i] for i in ids})
    return _Judged(
        part, [_candidates(index, part, query, part.grades[i]) for i, query in part.queries.items()]
    )


def _candidates(
    index: PassageIndex, collection: Collection, query: str, grades: Mapping[str, float]
) -> Candidates:
    keyword, vector = (index.rank(query, mode, DEPTH) for mode in ("keyword", "vector"))
    found = {int(i) for ranking in (keyword, vector) for i in ranking.ids}
    return Candidates(keyword, vector, {i: collection.ids[i] for i in found}, grades)
