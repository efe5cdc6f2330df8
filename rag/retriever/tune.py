"""A corpus's weights, top to bottom.

judged queries → ask both indexes → choose the keyword weight → rerank the best → choose the rerank weight
               → choose how much nearness to the best hits counts
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from rag.errors import DataError
from rag.evaluation.judgements import JudgedQuery
from rag.generator.passages import Passage
from rag.retriever.fusion import Fusion
from rag.retriever.rerank import Reranker
from rag.retriever.retriever import Retriever
from rag.retriever.settings import RetrievalSettings
from rag.retriever.weights import (
    Candidates,
    Learned,
    best,
    check_enough,
    learn_keyword_weight,
    learn_nearness_weight,
    learn_rerank_weight,
)
from store import chunk_reads, documents
from store.index.ranking import Ranking
from store.postgres import Database
from store.types import Corpus, DocumentSource

CANDIDATES = 200

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, of how much."""


def tune(
    database: Database,
    retriever: Retriever,
    corpus: Corpus,
    queries: Sequence[JudgedQuery],
    *,
    reranker: Reranker | None = None,
    progress: Progress = lambda what, done, of: None,
) -> RetrievalSettings:
    """Learn how to search a corpus; nothing is stored.

    A judgement names a document by its id, by its source, by what stands behind `#` in that, or by the name
    of its file with or without ending.

    Args:
        database: holds the corpus.
        retriever: searches it.
        corpus: to learn for.
        queries: judged.
        reranker: whose weight is to be learned as well; None leaves it as it is.
        progress: told how far it is.

    Raises:
        DataError: there are too few queries, or no judged document is in the corpus.
        EncoderMismatchError: the corpus was embedded by another encoder.
    """
    check_enough(len(queries))
    candidates = []
    for done, query in enumerate(queries, start=1):
        candidates.append(_candidates(database, retriever, corpus, query))
        progress("queries asked", done, len(queries))
    _check_names(candidates, corpus)
    keyword = learn_keyword_weight(candidates)
    report: dict[str, Any] = {"queries": len(candidates), "keyword_weight": _report(keyword)}
    if reranker is None:
        return RetrievalSettings(Fusion.WEIGHTED, keyword.weight, learned=report)
    relevance, vectors = [], []
    for done, (query, found) in enumerate(zip(queries, candidates, strict=True), start=1):
        chunks = best(found, keyword.weight)
        relevance.append(reranker.relevance(query.text, _passages(database, chunks)))
        vectors.append(_vectors(database, chunks, corpus.dimension))
        progress("queries reranked", done, len(queries))
    rerank = learn_rerank_weight(candidates, keyword.weight, relevance)
    report["rerank_weight"] = {"reranker": reranker.name, **_report(rerank)}
    nearness = learn_nearness_weight(candidates, (keyword.weight, rerank.weight), relevance, vectors)
    report["nearness_weight"] = _report(nearness)
    return RetrievalSettings(Fusion.WEIGHTED, keyword.weight, rerank.weight, report, nearness.weight)


def _candidates(database: Database, retriever: Retriever, corpus: Corpus, query: JudgedQuery) -> Candidates:
    keyword, vector = retriever.rank(query.text, corpus, CANDIDATES)
    with database.transaction() as session:
        sources = chunk_reads.documents_of(session, [*keyword.ids.tolist(), *vector.ids.tolist()])
    names = {chunk: _name(source, query.grades) for chunk, source in sources.items()}
    return Candidates(_only(keyword, names), _only(vector, names), names, query.grades)


def _name(document: DocumentSource, judged: Mapping[str, float]) -> str:
    """The name by which a judgement knows a document; its id where none does."""
    source = urlsplit(document.source)
    path = PurePosixPath(unquote(source.path))
    names = (str(document.id), document.source, unquote(source.fragment), path.name, path.stem)
    return next((name for name in names if name in judged), str(document.id))


def _only(ranking: Ranking, names: Mapping[int, str]) -> Ranking:
    """The ranking without chunks that were deleted meanwhile."""
    there = np.array([chunk in names for chunk in ranking.ids.tolist()], dtype=bool)
    return Ranking(ranking.ids[there], ranking.scores[there])


def _check_names(candidates: Sequence[Candidates], corpus: Corpus) -> None:
    if any(name in c.grades for c in candidates for name in c.documents.values()):
        return
    example = next((name for c in candidates for name in c.grades), "none")
    raise DataError(
        f"no judged document, such as {example!r}, was found in corpus {corpus.name!r}. Name documents by "
        "id, by source, by the record's id behind the # of its source, or by the name of the file"
    )


def _passages(database: Database, chunks: Sequence[int]) -> list[Passage]:
    with database.transaction() as session:
        found = documents.chunks_by_id(session, chunks)
    texts = []
    for chunk_id in chunks:
        chunk = found.get(chunk_id)  # None: deleted meanwhile
        title = chunk and (chunk.heading_path[-1] if chunk.heading_path else chunk.title)
        texts.append(Passage(chunk.text if chunk else "", title or ""))
    return texts


def _vectors(database: Database, chunks: Sequence[int], dimension: int) -> NDArray[np.float32]:
    """The vectors of chunks, `(n, dimension)`; zeros for those that were deleted meanwhile."""
    with database.transaction() as session:
        found = chunk_reads.embeddings(session, chunks)
    nothing = np.zeros(dimension, dtype=np.float16)
    return np.array([found.get(chunk, nothing) for chunk in chunks], dtype=np.float32)


def _report(learned: Learned) -> dict[str, Any]:
    return {
        "usual_ndcg@10": round(learned.usual_ndcg, 4),
        "cross_validated_ndcg@10": round(learned.cross_validated_ndcg, 4),
    }
