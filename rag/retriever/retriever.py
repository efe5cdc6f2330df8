"""From a query to the chunks that answer it best."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.query.vocabulary import Vocabulary
from rag.retriever.fusion import Fusion, hybrid, reciprocal_rank
from rag.retriever.hits import Found, Hit
from rag.retriever.settings import RetrievalSettings, settings_of
from store import documents
from store.empty_filters import why_nothing_matches
from store.errors import EncoderMismatchError
from store.index.analysis import clean
from store.index.local import LocalIndex, LocalIndexes
from store.index.query import KeywordQuery
from store.index.ranking import Ranking, nothing
from store.postgres import Database
from store.types import Corpus
from store.visibility import Reader, hides

__all__ = ["Found", "Fusion", "Hit", "Mode", "QueryEncoder", "Retriever"]

BLANK = "the query is blank"
EMPTY = "the corpus holds no searchable text"
ONLY_EXCLUDED = "the query only says what is not wanted; add what is"
NO_WORDS = "the query has no word, and only words were looked for"
UNKNOWN_WORDS = "no text that may be found has a word of the query"
UNFULFILLED = "no text has all that the query requires without what it excludes"
MIN_CANDIDATES = 200
"""How many each index contributes at least: the scaling of scores, and so the order, depends on how many."""
CANDIDATES_PER_HIT = 4
BESIDE_FROM = 200_000
"""In fewer chunks words are found sooner than a query is embedded: another thread would only cost time."""
SEARCHES_BESIDE = 16
"""Threads that look for words in many chunks, while nearest vectors are looked for."""


class Mode(StrEnum):
    """Which indexes are asked."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


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

    def begin(self, texts: Sequence[str]) -> "Future[NDArray[np.float32]]":
        """The same for a few texts, while the caller does something else."""


@dataclass(frozen=True)
class _Ranked:
    """What both indexes found, and what the query was embedded as; None where it was not."""

    keyword: Ranking
    vector: Ranking
    query_vector: NDArray[np.float32] | None


class Retriever:
    """Searches corpora by keywords, by vectors or by both. Safe to use from several threads."""

    def __init__(self, database: Database, indexes: LocalIndexes, encoder: QueryEncoder) -> None:
        self._database = database
        self._indexes = indexes
        self._encoder = encoder
        self._beside = ThreadPoolExecutor(SEARCHES_BESIDE, thread_name_prefix="keywords")

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
        query: str | KeywordQuery,
        corpus: Corpus,
        top_k: int = 10,
        filters: Mapping[str, Any] | None = None,
        *,
        mode: Mode = Mode.HYBRID,
        fusion: Fusion = Fusion.RRF,
        reader: Reader | None = None,
    ) -> Found:
        """Find the `top_k` best chunks, best first; fewer only where not so many match.

        Args:
            query: any text, in which nothing is syntax, or a query with conditions, which all hits fulfil,
                whichever index found them (`store.index.query.parse`). A blank one finds nothing.
            corpus: where to search.
            top_k: how many, at least 1.
            filters: conditions on the documents' metadata; see `store.filters`.
            mode: which indexes to ask.
            fusion: how a hybrid search makes one ranking of two, where the corpus has no choice of its own.
            reader: whose search it is: nothing is found, counted or told of what is hidden from it.

        Raises:
            EncoderMismatchError: the corpus was embedded by another encoder.
            RetrievalSettingsError: what was chosen for the corpus cannot be used.
            FilterError: a filter has a shape that means nothing.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            ValueError: `top_k` is less than 1.
        """
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}; ask for at least 1 hit")
        self._check_encoder(corpus)
        settings = settings_of(corpus, fusion)
        if isinstance(query, str):
            query = KeywordQuery(query)
        text = clean(query.text)
        index = self._indexes.for_corpus(corpus)
        if not text.strip():
            return Found((), index.position, ONLY_EXCLUDED if query.excluded else BLANK)
        visible = self._visible(corpus, reader)
        if visible is not None and not len(visible):
            return Found((), index.position, EMPTY)
        allowed = _both(index.fulfilling(query), visible)
        if allowed is not None and not len(allowed):
            return Found((), index.position, _unfulfilled(index, query) if visible is None else UNFULFILLED)
        if filters:
            matching = self._allowed(corpus, filters, reader)
            if not len(matching):
                return Found((), index.position, self._why_nothing(corpus, filters, reader))
            allowed = _both(allowed, matching)
        candidates = max(MIN_CANDIDATES, CANDIDATES_PER_HIT * top_k)
        ranked = self._rank(index, text, candidates, allowed, mode)
        keyword, vector = ranked.keyword, ranked.vector
        fused = _fuse(keyword, vector, mode, settings)
        position = index.position
        hits = self._hits(fused, top_k, _scores(keyword), _scores(vector), corpus=corpus, reader=reader)
        reason = None if hits else _why_no_hit(index, query, mode)
        return Found(tuple(hits), position, reason, ranked.query_vector)

    def rank(self, query: str, corpus: Corpus, candidates: int) -> tuple[Ranking, Ranking]:
        """Return the keyword and the vector ranking of a query, before they are fused.

        Raises:
            EncoderMismatchError: the corpus was embedded by another encoder.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        self._check_encoder(corpus)
        index = self._indexes.for_corpus(corpus)
        ranked = self._rank(index, clean(query), candidates, None, Mode.HYBRID)
        return ranked.keyword, ranked.vector

    def vocabulary(self, corpus: Corpus, reader: Reader | None = None) -> Vocabulary:
        """Return the words of a corpus; none where some of its documents are not for every reader.

        Which words are corrected would tell what is in the others.
        """
        secret = corpus.has_lists and reader is not None and not reader.sees_all
        return Vocabulary(self._database, self._indexes.for_corpus(corpus), secret=secret)

    def _rank(
        self, index: LocalIndex, query: str, candidates: int, allowed: NDArray[np.int64] | None, mode: Mode
    ) -> _Ranked:
        if mode is Mode.KEYWORD:
            return _Ranked(index.search_keywords(query, candidates, allowed), nothing(), None)
        if mode is Mode.VECTOR:
            embedded = self._encoder.encode([query])[0]
            return _Ranked(nothing(), index.search_vectors(embedded, candidates, allowed), embedded)
        embedding = self._encoder.begin([query])
        if len(index) < BESIDE_FROM:
            keyword = index.search_keywords(query, candidates, allowed)
            embedded = embedding.result()[0]
            return _Ranked(keyword, index.search_vectors(embedded, candidates, allowed), embedded)
        beside = self._beside.submit(index.search_keywords, query, candidates, allowed)
        try:
            embedded = embedding.result()[0]
            vector = index.search_vectors(embedded, candidates, allowed)
        finally:
            wait([beside])  # also where the vector failed: the index may be closed after this
        return _Ranked(beside.result(), vector, embedded)

    def _visible(self, corpus: Corpus, reader: Reader | None) -> NDArray[np.int64] | None:
        """Return the chunks that the reader may see; None: all."""
        if not corpus.has_lists:
            return None
        with self._database.transaction() as session:
            if not hides(session, corpus.id, reader):
                return None
            return documents.matching_chunks(session, corpus.id, {}, reader)

    def _allowed(
        self, corpus: Corpus, filters: Mapping[str, Any], reader: Reader | None
    ) -> NDArray[np.int64]:
        with self._database.transaction() as session:
            return documents.matching_chunks(session, corpus.id, filters, reader)

    def _why_nothing(self, corpus: Corpus, filters: Mapping[str, Any], reader: Reader | None) -> str:
        with self._database.transaction() as session:
            return why_nothing_matches(session, corpus.id, filters, reader)

    def _hits(
        self,
        fused: Ranking,
        top_k: int,
        keyword: Mapping[int, float],
        vector: Mapping[int, float],
        *,
        corpus: Corpus,
        reader: Reader | None,
    ) -> list[Hit]:
        """Load the chunks of the best; those that left, or were hidden, since give way to the next."""
        hits: list[Hit] = []
        scores = _scores(fused)
        waiting = list(scores)
        with self._database.each_alone() as session:
            while waiting and len(hits) < top_k:
                missing = top_k - len(hits)
                batch, waiting = waiting[:missing], waiting[missing:]
                if corpus.has_lists:
                    chunks = documents.chunks_by_id(session, batch, reader)
                else:
                    chunks = documents.unlisted_chunks_by_id(session, batch)
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


def _both(one: NDArray[np.int64] | None, other: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Return what both allow; None allows all."""
    if one is None or other is None:
        return other if one is None else one
    return np.intersect1d(one, other)


def _unfulfilled(index: LocalIndex, query: KeywordQuery) -> str:
    if not len(index):
        return EMPTY
    missing = [phrase for phrase in query.required if not index.has_phrase(phrase)]
    return f"no text has {missing[0]!r}, which the query requires" if missing else UNFULFILLED


def _why_no_hit(index: LocalIndex, query: KeywordQuery, mode: Mode) -> str | None:
    if not len(index):
        return EMPTY
    if mode != Mode.KEYWORD:
        return None
    return UNKNOWN_WORDS if any(character.isalnum() for character in query.text) else NO_WORDS


def _fuse(keyword: Ranking, vector: Ranking, mode: Mode, settings: RetrievalSettings) -> Ranking:
    match mode, settings.fusion:
        case Mode.KEYWORD, _:
            return keyword
        case Mode.VECTOR, _:
            return vector
        case _, Fusion.RRF:
            return reciprocal_rank([keyword, vector])
        case _:
            return hybrid(keyword, vector, settings.weights)


def _scores(ranking: Ranking) -> dict[int, float]:
    """Return the score of every id, best first."""
    return dict(zip(ranking.ids.tolist(), ranking.scores.tolist(), strict=True))


def _encoder_in_words(name: str, revision: str, dimension: int) -> str:
    return f"{name} (revision {revision}, {dimension} dimensions)"
