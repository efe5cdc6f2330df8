"""From a query to the chunks that answer it best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.retriever.fusion import min_max_weighted, reciprocal_rank
from store import documents
from store.errors import EncoderMismatchError
from store.index.analysis import clean
from store.index.local import LocalIndex, LocalIndexes
from store.index.ranking import Ranking, nothing
from store.postgres import Database
from store.types import Chunk, Corpus

MIN_CANDIDATES = 50
CANDIDATES_PER_HIT = 4
KEYWORD_WEIGHT = 0.5
VECTOR_WEIGHT = 0.5
"""How much either ranking counts in the min-max fusion."""


class Mode(StrEnum):
    """Which indexes are asked."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


class Fusion(StrEnum):
    """How the rankings of a hybrid search become one."""

    RRF = "rrf"
    WEIGHTED = "weighted"


class QueryEncoder(Protocol):
    """What makes a query's vector: the encoder that the corpus was embedded with."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def revision(self) -> str:
        """Which state of the model."""

    @property
    def dimension(self) -> int:
        """How many components a vector has."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, `(len(texts), dimension)`."""


@dataclass(frozen=True)
class Hit:
    """A chunk with its scores; None where an index did not have it among its candidates, or was not asked.

    `keyword` is BM25, `vector` the cosine, `fused` what the order comes from, `rerank` the reranker's.
    """

    chunk: Chunk
    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None = None


@dataclass(frozen=True)
class Found:
    """The result of one search, and how far the index had followed the index log when it was asked."""

    hits: tuple[Hit, ...]
    index_position: int


class Retriever:
    """Searches corpora by keywords, by vectors or by both. Safe to use from several threads."""

    def __init__(self, database: Database, indexes: LocalIndexes, encoder: QueryEncoder) -> None:
        self._database = database
        self._indexes = indexes
        self._encoder = encoder

    def search(
        self,
        query: str,
        corpus: Corpus,
        top_k: int = 10,
        filters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = Mode.HYBRID,
        fusion: Fusion = Fusion.RRF,
    ) -> list[Hit]:
        """Return what `find` found, without the index's position."""
        return list(self.find(query, corpus, top_k, filters, mode=mode, fusion=fusion).hits)

    def find(
        self,
        query: str,
        corpus: Corpus,
        top_k: int = 10,
        filters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = Mode.HYBRID,
        fusion: Fusion = Fusion.RRF,
    ) -> Found:
        """Find the `top_k` best chunks, best first; fewer only where not so many match.

        Args:
            query: any text; nothing in it is syntax. A blank one finds nothing.
            corpus: where to search.
            top_k: how many, at least 1.
            filters: conditions on the documents' metadata; see `store.filters`.
            mode: which indexes to ask.
            fusion: how a hybrid search makes one ranking of two.

        Raises:
            EncoderMismatchError: the corpus was embedded by another encoder.
            FilterError: a filter has a shape that means nothing.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            ValueError: `top_k` is less than 1.
        """
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}; ask for at least 1 hit")
        self._check_encoder(corpus)
        query = clean(query)
        index = self._indexes.for_corpus(corpus)
        allowed = self._allowed(corpus, filters)
        if not query.strip() or (allowed is not None and not len(allowed)):
            return Found((), index.position)
        candidates = max(MIN_CANDIDATES, CANDIDATES_PER_HIT * top_k)
        keyword = vector = nothing()
        if mode != Mode.VECTOR:
            keyword = index.search_keywords(query, candidates, allowed)
        if mode != Mode.KEYWORD:
            vector = self._nearest(index, query, candidates, allowed)
        fused = _fuse(keyword, vector, mode, fusion)
        position = index.position
        return Found(tuple(self._hits(fused, top_k, _scores(keyword), _scores(vector))), position)

    def _nearest(
        self, index: LocalIndex, query: str, candidates: int, allowed: NDArray[np.int64] | None
    ) -> Ranking:
        return index.search_vectors(self._encoder.encode([query])[0], candidates, allowed)

    def _allowed(self, corpus: Corpus, filters: Mapping[str, Any] | None) -> NDArray[np.int64] | None:
        if not filters:
            return None
        with self._database.transaction() as session:
            return documents.matching_chunks(session, corpus.id, filters)

    def _hits(
        self, fused: Ranking, top_k: int, keyword: Mapping[int, float], vector: Mapping[int, float]
    ) -> list[Hit]:
        """Load the chunks of the best; those that left the corpus since the search give way to the next."""
        hits: list[Hit] = []
        scores = _scores(fused)
        waiting = list(scores)
        with self._database.transaction() as session:
            while waiting and len(hits) < top_k:
                missing = top_k - len(hits)
                batch, waiting = waiting[:missing], waiting[missing:]
                chunks = documents.chunks_by_id(session, batch)
                hits.extend(
                    Hit(chunks[i], keyword.get(i), vector.get(i), scores[i]) for i in batch if i in chunks
                )
        return hits

    def _check_encoder(self, corpus: Corpus) -> None:
        encoder = self._encoder
        expected = (corpus.encoder, corpus.encoder_revision, corpus.dimension)
        given = (encoder.name, encoder.revision, encoder.dimension)
        if expected != given:
            raise EncoderMismatchError(corpus.name, _encoder_in_words(*expected), _encoder_in_words(*given))


def _fuse(keyword: Ranking, vector: Ranking, mode: Mode, fusion: Fusion) -> Ranking:
    match mode, fusion:
        case Mode.KEYWORD, _:
            return keyword
        case Mode.VECTOR, _:
            return vector
        case _, Fusion.RRF:
            return reciprocal_rank([keyword, vector])
        case _:
            return min_max_weighted([keyword, vector], [KEYWORD_WEIGHT, VECTOR_WEIGHT])


def _scores(ranking: Ranking) -> dict[int, float]:
    """Return the score of every id, best first."""
    return dict(zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True))


def _encoder_in_words(name: str, revision: str, dimension: int) -> str:
    return f"{name} (revision {revision}, {dimension} dimensions)"
