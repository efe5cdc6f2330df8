"""Retrieval measured on judged collections in the BEIR layout, every mode and fusion in one table."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from rag.errors import DataError
from rag.evaluation.judgements import read_judged_queries
from rag.evaluation.metrics import hit, ndcg, percentile, recall
from rag.evaluation.passage_index import MODES, Encodes, PassageIndex
from rag.evaluation.qa import check_names, set_name
from rag.generator.generate import LocalGenerator
from rag.generator.passages import Passage
from rag.retriever.nearness import gather
from rag.retriever.rerank import DEPTH as RERANK_DEPTH
from rag.retriever.rerank import Reranker, mix
from rag.retriever.settings import NEARNESS_WEIGHT, RERANK_WEIGHT
from rag.training.data import read_lines

DEPTH = 200


@dataclass(frozen=True)
class Collection:
    """Documents, queries, and how relevant which document is to which query."""

    ids: tuple[str, ...]
    passages: tuple[Passage, ...]
    queries: dict[str, str]
    grades: dict[str, dict[str, float]]


def read_collection(directory: Path) -> Collection:
    """Read `corpus.jsonl[.gz]`, `queries.jsonl` and `qrels.tsv` of a folder.

    Raises:
        DataError: one of them is missing or not of the expected form.
    """
    corpus = next(
        (p for p in (directory / "corpus.jsonl.gz", directory / "corpus.jsonl") if p.exists()), None
    )
    if corpus is None:
        raise DataError(f"{directory} has no corpus.jsonl or corpus.jsonl.gz")
    judged = read_judged_queries(directory / "queries.jsonl", directory / "qrels.tsv")
    try:
        documents = [json.loads(line) for line in read_lines(corpus) if line.strip()]
        return Collection(
            ids=tuple(str(d["_id"]) for d in documents),
            passages=tuple(Passage(d["text"], d.get("title") or "") for d in documents),
            queries={query.id: query.text for query in judged},
            grades={query.id: dict(query.grades) for query in judged},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{directory}: not a collection in the BEIR layout ({error})") from error


def evaluate_retrieval(
    directories: Sequence[Path],
    encoder: Encodes,
    folder: Path,
    generator: LocalGenerator | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure every mode on each collection; with a generator, reranking by its relevance head too.

    Args:
        directories: of collections.
        encoder: for the vectors.
        folder: where index files may be put.
        generator: reranks the best of the weighted fusion; None leaves that row out.
        progress: told what is going on, how much is done, of how much.
    """
    check_names(directories)
    sets = {}
    for directory in directories:
        collection = read_collection(directory)
        name = set_name(directory)
        texts = [f"{p.title}\n{p.text}".strip() or "-" for p in collection.passages]
        told = (lambda done, of, name=name: progress(name, done, of)) if progress else None
        index = PassageIndex(texts, encoder, folder / name, told)
        sets[name] = {mode: measure(collection, _by_mode(index, mode)) for mode in MODES}
        if generator:
            sets[name]["reranked"] = measure(collection, reranked_search(index, collection, generator))
        index.close()
    return {"sets": sets}


Search = Callable[[str], list[int]]
"""A query to the numbers of the best documents."""


def _by_mode(index: PassageIndex, mode: str) -> Search:
    return lambda query: index.search(query, mode, 100, DEPTH)


def reranked_search(
    index: PassageIndex,
    collection: Collection,
    reranker: Reranker,
    nearness_weight: float = NEARNESS_WEIGHT,
    *,
    rerank_weight: float = RERANK_WEIGHT,
) -> Search:
    """A search whose best are read again, and placed as `rag.search` places them, without its time limit."""

    def search(query: str) -> list[int]:
        ranking = index.rank(query, "weighted", DEPTH)
        found = [int(i) for i in ranking.ids[:100]]
        first = found[:RERANK_DEPTH]
        relevance = reranker.relevance(query, [collection.passages[i] for i in first])
        fused = [float(score) for score in ranking.scores[: len(first)]]
        placed = gather(mix(fused, relevance, rerank_weight), index.rows[first], nearness_weight)
        return [first[p.number] for p in placed] + found[len(first) :]

    return search


def measure(collection: Collection, search: Search) -> dict[str, float]:
    """The figures of a search: means over the collection's queries, and the median time of one."""
    rows: dict[str, list[float]] = {}
    latencies = []
    for query_id, query in collection.queries.items():
        begun = time.perf_counter()
        found = search(query)
        latencies.append((time.perf_counter() - begun) * 1000)
        ranked = [collection.ids[i] for i in found]
        grades = collection.grades[query_id]
        rows.setdefault("ndcg@10", []).append(ndcg(ranked, grades, 10))
        rows.setdefault("recall@100", []).append(recall(ranked, grades, 100))
        for k in (1, 5, 20):
            rows.setdefault(f"hit@{k}", []).append(hit(ranked, grades, k))
    return {
        **{name: mean(values) for name, values in rows.items()},
        "latency_ms_p50": percentile(latencies, 50),
    }
