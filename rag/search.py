"""A query to hits, top to bottom.

query → check → spell as the corpus does → search (keywords and vectors, fused)
      → rerank the best, as far as the time allows → fold what says the same → widen for reading
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.answer import (
    MAX_HITS,
    AnswerHit,
    answer_hits,
    check_question,
    check_top_k,
    passages_of,
)
from rag.query.understand import QueryChange, understand
from rag.retriever.diversity import diversify
from rag.retriever.nearness import gather
from rag.retriever.rerank import DEPTH, Reranker, mix, relevance_in_time
from rag.retriever.retriever import Fusion, Hit, Mode, Retriever
from rag.retriever.settings import settings_of
from rag.retriever.widen import Expand, contexts
from store import chunk_reads, corpora
from store.index.query import parse
from store.postgres import Database
from store.types import Corpus
from store.visibility import Reader

CANDIDATES_PER_DIVERSE_HIT = 3


@dataclass(frozen=True)
class SearchRequest:
    """A query as it was put, with the syntax of `store.index.query.parse`."""

    query: str
    corpus: str
    top_k: int = 10
    filters: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = Mode.HYBRID
    rerank: bool = False
    rerank_budget_ms: float | None = None
    """Time for reranking; None: as the settings say."""
    diversity: float = 0.0
    """From 0, which folds nothing, to 1."""
    expand: Expand = Expand.NONE
    spelling: bool = True
    """Whether words that the corpus does not have may be spelt as it spells them."""
    reader: Reader | None = None
    """Whose search it is; None: the program's own."""
    known: Corpus | None = None
    """The corpus, where it was just looked up for this reader; None: it is looked up."""


@dataclass(frozen=True)
class SearchResult:
    """Hits, best first, with the query that was really sent.

    `reranked` counts how many hits the reranker read in its time; `reason` says why there is no hit, where
    that is known.
    """

    query: str
    query_changes: tuple[QueryChange, ...]
    hits: tuple[AnswerHit, ...]
    reranked: int
    reason: str | None
    index_position: int


class Searcher:
    """Searches a database's corpora."""

    def __init__(
        self,
        database: Database,
        retriever: Retriever,
        load_reranker: Callable[[], Reranker],
        fusion: Fusion = Fusion.WEIGHTED,
        rerank_budget_ms: float = 1_000.0,
    ) -> None:
        """Put the parts together; the reranker is asked for when a query needs it."""
        self._database = database
        self._retriever = retriever
        self._load_reranker = load_reranker
        self._fusion = fusion
        self._rerank_budget_ms = rerank_budget_ms

    def search(self, request: SearchRequest) -> SearchResult:
        """Find chunks, without an answer.

        Raises:
            QuestionError: the query is empty or too long, or a number is out of range.
            UnknownCorpusError, EncoderMismatchError, FilterError, RetrievalSettingsError: see their messages.
        """
        query = check_question(request.query)
        top_k = check_top_k(request.top_k, MAX_HITS)
        corpus = request.known or self._corpus(request)
        changes: tuple[QueryChange, ...] = ()
        if request.spelling:
            understood = understand(query, (), self._retriever.vocabulary(corpus, request.reader))
            query, changes = understood.query, understood.changes
        parsed = parse(query)
        found = self._retriever.find(
            parsed,
            corpus,
            _depth(request, top_k),
            request.filters,
            mode=request.mode,
            fusion=self._fusion,
            reader=request.reader,
        )
        hits = list(found.hits)
        if request.rerank:
            hits = self._rerank(parsed.text, corpus, hits, request.rerank_budget_ms)
        if request.diversity:
            hits = self._fold(hits, top_k, request.diversity)
        hits = hits[:top_k]
        return SearchResult(
            query=query,
            query_changes=changes,
            hits=self._widened(hits, request.expand),
            reranked=sum(hit.rerank is not None for hit in hits),
            reason=found.reason,
            index_position=found.index_position,
        )

    def _corpus(self, request: SearchRequest) -> Corpus:
        with self._database.each_alone() as session:
            return corpora.get(session, request.corpus, request.reader)

    def _rerank(self, query: str, corpus: Corpus, hits: list[Hit], budget_ms: float | None) -> list[Hit]:
        first, rest = hits[:DEPTH], hits[DEPTH:]
        relevance = relevance_in_time(
            self._load_reranker(), query, passages_of(first), budget_ms or self._rerank_budget_ms
        )
        settings = settings_of(corpus, self._fusion)
        placed = mix([hit.fused for hit in first], relevance, settings.rerank_weight)
        if settings.nearness_weight:
            placed = gather(placed, self._vectors(first[: len(relevance)]), settings.nearness_weight)
        reranked = [
            replace(first[p.number], rerank=p.relevance, nearness=p.nearness, final=p.final) for p in placed
        ]
        return reranked + first[len(relevance) :] + rest

    def _vectors(self, hits: list[Hit]) -> NDArray[np.float32]:
        """The hits' vectors, `(n, dimension)`; zeros for chunks that were deleted meanwhile."""
        ids = [hit.chunk.id for hit in hits]
        with self._database.transaction() as session:
            found = chunk_reads.embeddings(session, ids)
        nothing = np.zeros_like(next(iter(found.values()), np.zeros(1, np.float16)))
        return np.stack([found.get(i, nothing) for i in ids]).astype(np.float32)

    def _fold(self, hits: list[Hit], top_k: int, diversity: float) -> list[Hit]:
        with self._database.transaction() as session:
            vectors = chunk_reads.embeddings(session, [hit.chunk.id for hit in hits])
        return diversify(hits, vectors, top_k, diversity)

    def _widened(self, hits: list[Hit], expand: Expand) -> tuple[AnswerHit, ...]:
        shown = answer_hits(hits, ())
        if expand == Expand.NONE:
            return shown
        around = contexts(self._database, hits, expand)
        return tuple(replace(hit, context=context) for hit, context in zip(shown, around, strict=True))


def _depth(request: SearchRequest, top_k: int) -> int:
    """How many hits to fetch, so that what comes after the search has enough to choose from."""
    depth = max(top_k, DEPTH) if request.rerank else top_k
    return max(depth, CANDIDATES_PER_DIVERSE_HIT * top_k) if request.diversity else depth
