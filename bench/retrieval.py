"""Retrieval quality: our searches beside rank_bm25, plain FAISS and a plain hybrid, on the same embeddings.

    python -m bench.retrieval --collections FOLDER… --qa FILE… --cache FOLDER --out FILE

Collections are in the BEIR layout. The passages of all question files make one more collection: each
question's own passage is the relevant one.

    rank_bm25     BM25Okapi as it comes, over lower-cased words
    faiss         IndexFlatIP
    plain rrf     reciprocal rank fusion of these two
    baseline      bm25s (stemmed, without stop words, k1 1.2, b 0.75) and FAISS, min-max scaled, half and half
    keyword … reranked   ours; reranking is measured on a sample where there are many queries, and beside it
                         the baseline on the same; once more without what nearness to the best hits adds
    … learned            with weights learned from half of the queries, on the other half, both ways round

Embeddings and relevances are kept in --cache between runs; times of those that were kept mean nothing.
"""

import argparse
import hashlib
import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Protocol

import bm25s
import faiss
import numpy as np
import Stemmer
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from api.settings import shipped_checkpoint
from api.threads import choose_precision
from bench.environment import environment, write_json
from bench.halves import ENOUGH, learned_fusion, learned_reranking
from rag.encoder import Encoder
from rag.evaluation.passage_index import MODES, PassageIndex
from rag.evaluation.retrieval import Collection, measure, read_collection, reranked_search
from rag.generator.generate import LocalGenerator
from rag.generator.passages import Passage
from rag.retriever.fusion import min_max_weighted, reciprocal_rank
from rag.retriever.rerank import DEPTH as RERANK_DEPTH
from rag.retriever.rerank import Reranker
from rag.training.data import read_examples
from store.index.ranking import Ranking, rank

DEPTH = 200
FIGURES = ("ndcg@10", "recall@100", "hit@1", "hit@5", "hit@20", "latency_ms_p50")
Rank = Callable[[str], Ranking]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collections", type=Path, nargs="*", default=[])
    parser.add_argument("--qa", type=Path, nargs="*", default=[])
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--generator", type=Path, default=shipped_checkpoint())
    parser.add_argument("--cache", type=Path, help="where embeddings are kept between runs")
    parser.add_argument("--rerank-queries", type=int, default=300, help="of each collection at most; 0: none")
    parser.add_argument("--cached-only", action="store_true", help="rerank only what was all read before")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    collections = {path.name: read_collection(path) for path in arguments.collections}
    if arguments.qa:
        name = "+".join(path.name.split(".")[0] for path in arguments.qa)
        collections[name] = collection_of_questions(arguments.qa)
    generator = None
    if arguments.rerank_queries:
        precision = choose_precision("auto")
        generator = CachedReranker(LocalGenerator(arguments.generator, precision=precision), arguments.cache)
    sets = {}
    for name, collection in collections.items():
        encoder = CachedEncoder(Encoder(arguments.encoder, choose_precision("auto")), arguments.cache)
        wanted = None if arguments.cached_only else arguments.rerank_queries
        sample = first_queries(collection, wanted, arguments.seed)
        sets[name] = measure_all(
            collection, sample, encoder, generator, arguments.seed, cached_only=arguments.cached_only
        )
        encoder.save()
        if generator:
            generator.save()
        show(name, sets[name])
        if arguments.out:
            write_json({"sets": sets, "summary": summary(sets)}, arguments.out, env)
    for line, value in summary(sets).items():
        print(f"{line}: {value:+.1%}")


def collection_of_questions(files: Sequence[Path]) -> Collection:
    """All different passages of question files, and the answerable questions on them."""
    passages: dict[str, tuple[str, Passage]] = {}
    queries: dict[str, str] = {}
    grades: dict[str, dict[str, float]] = {}
    for path in files:
        for example in read_examples(path):
            passage = example.passages[0]
            passages.setdefault(passage.text, (str(len(passages)), passage))
            if example.answerable:
                queries[example.id] = example.question
                grades[example.id] = {passages[passage.text][0]: 1.0}
    ids = tuple(number for number, _ in passages.values())
    return Collection(ids, tuple(passage for _, passage in passages.values()), queries, grades)


def first_queries(collection: Collection, most: int | None, seed: int) -> Collection:
    """The collection with a sample of its queries; None: with all."""
    ids = list(collection.queries)
    if most is not None and len(ids) > most:
        ids = random.Random(seed).sample(ids, most)
    queries = {i: collection.queries[i] for i in ids}
    return Collection(collection.ids, collection.passages, queries, collection.grades)


def measure_all(
    collection: Collection,
    sample: Collection,
    encoder: "CachedEncoder",
    reranker: "CachedReranker | None",
    seed: int,
    *,
    cached_only: bool = False,
) -> dict[str, dict[str, float]]:
    """Every search's figures, with the number of queries that each was measured on."""
    texts = [f"{p.title}\n{p.text}".strip() or "-" for p in collection.passages]
    rows = {
        name: {"n": len(collection.queries), **measure(collection, top(search))}
        for name, search in plain_searches(texts, encoder).items()
    }
    with tempfile.TemporaryDirectory(prefix="bench-retrieval-") as folder:
        index = PassageIndex(texts, encoder, Path(folder) / "index")
        for mode in MODES:
            search = ours(index, mode)
            rows[mode] = {"n": len(collection.queries), **measure(collection, search)}
        if reranker is not None:
            if cached_only:
                sample = read_before(index, collection, reranker)
            searches = {
                "baseline, on the sample": top(plain_searches(texts, encoder)["baseline"]),
                "weighted, on the sample": ours(index, "weighted"),
                "reranked": reranked_search(index, sample, reranker),
                "by relevance alone": reranked_search(index, sample, reranker, nearness_weight=0),
            }
            rows |= {
                name: {"n": len(sample.queries), **measure(sample, search)}
                for name, search in searches.items()
            }
            if len(sample.queries) >= ENOUGH:
                n = {"n": len(sample.queries)}
                rows["weighted, learned"] = {**n, **learned_fusion(index, sample, seed)}
                rows["reranked, learned"] = {**n, **learned_reranking(index, sample, reranker, seed)}
        index.close()
    return rows


def read_before(index: PassageIndex, collection: Collection, reranker: "CachedReranker") -> Collection:
    """The collection with the queries for which all that reranking reads is in the cache."""
    queries = {
        i: query
        for i, query in collection.queries.items()
        if reranker.knows(
            query, [collection.passages[n] for n in index.search(query, "weighted", RERANK_DEPTH, DEPTH)]
        )
    }
    return Collection(collection.ids, collection.passages, queries, collection.grades)


def ours(index: PassageIndex, mode: str) -> Callable[[str], list[int]]:
    return lambda query: index.search(query, mode, 100, DEPTH)


def top(search: Rank) -> Callable[[str], list[int]]:
    return lambda query: [int(i) for i in search(query).ids[:100]]


def plain_searches(texts: Sequence[str], encoder: "CachedEncoder") -> dict[str, Rank]:
    """What one would put together in an afternoon."""
    okapi: Any = BM25Okapi([words(text) for text in texts])
    flat: Any = faiss.IndexFlatIP(encoder.dimension)
    flat.add(encoder.encode(texts))
    stemmer = Stemmer.Stemmer("english")
    retriever: Any = bm25s.BM25(k1=1.2, b=0.75)
    tokens = bm25s.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)
    retriever.index(tokens, show_progress=False)
    k = min(DEPTH, len(texts))
    numbers = np.arange(len(texts), dtype=np.int64)

    def rank_bm25(query: str) -> Ranking:
        scores = okapi.get_scores(words(query))
        return rank(numbers[scores > 0], scores[scores > 0], k, 6)

    def nearest(query: str) -> Ranking:
        scores, ids = flat.search(encoder.encode([query]), k)
        return rank(ids[0], scores[0], k, 6)

    def stemmed(query: str) -> Ranking:
        asked = bm25s.tokenize([query], stopwords="en", stemmer=stemmer, show_progress=False)
        ids, scores = retriever.retrieve(asked, k=k, show_progress=False)
        there = scores[0] > 0
        return rank(ids[0][there].astype(np.int64), scores[0][there], k, 6)

    return {
        "rank_bm25": rank_bm25,
        "faiss": nearest,
        "plain rrf": lambda query: reciprocal_rank([rank_bm25(query), nearest(query)]),
        "bm25s": stemmed,
        "baseline": lambda query: min_max_weighted([stemmed(query), nearest(query)], [0.5, 0.5]),
    }


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class Encodes(Protocol):
    """What is needed of an encoder."""

    @property
    def revision(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class CachedEncoder:
    """An encoder that keeps what it has encoded, in memory and between runs."""

    def __init__(self, encoder: Encodes, folder: Path | None) -> None:
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._file = folder / f"{encoder.revision}.npz" if folder else None
        self._vectors: dict[str, NDArray[np.float32]] = {}
        if self._file is not None and self._file.exists():
            with np.load(self._file) as stored:
                self._vectors = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        waiting = sorted(new, key=lambda key: len(new[key]))  # little padding
        begun = time.monotonic()
        for at in range(0, len(waiting), 256):
            batch = waiting[at : at + 256]
            found = self._encoder.encode([new[key] for key in batch])
            self._vectors.update(zip(batch, found, strict=True))
            if len(waiting) > 256:
                done = at + len(batch)
                print(
                    f"{done} of {len(waiting)} texts embedded in {time.monotonic() - begun:.0f} s", flush=True
                )
                self.save()
        return np.stack([self._vectors[key] for key in keys])

    def save(self) -> None:
        """Write what was encoded so far."""
        if self._file is not None and self._vectors:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._file, keys=np.array(list(self._vectors)), vectors=np.stack([*self._vectors.values()])
            )


class CachedReranker:
    """A reranker that keeps what it has read, in memory and between runs."""

    def __init__(self, reranker: Reranker, folder: Path | None) -> None:
        self.name = reranker.name
        self._reranker = reranker
        self._file = folder / f"relevance-{reranker.name}.json" if folder else None
        self._known: dict[str, float] = {}
        if self._file is not None and self._file.exists():
            self._known = json.loads(self._file.read_text())

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        keys = [relevance_key(question, passage) for passage in passages]
        new = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in self._known}
        if new:
            self._known |= zip(new, self._reranker.relevance(question, [*new.values()]), strict=True)
        return [self._known[key] for key in keys]

    def knows(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether all of these were read before."""
        return all(relevance_key(question, passage) in self._known for passage in passages)

    def save(self) -> None:
        """Write what was read so far."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._known))


def relevance_key(question: str, passage: Passage) -> str:
    """What a relevance is kept under."""
    return hashlib.sha256("\0".join((question, passage.title, passage.text)).encode()).hexdigest()


def show(name: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}")
    print(f"{'':24} {'n':>6} " + " ".join(f"{figure:>10}" for figure in FIGURES))
    for search, figures in rows.items():
        shown = " ".join(f"{figures[figure]:10.3f}" for figure in FIGURES)
        print(f"{search:24} {figures['n']:6} {shown}")


def summary(sets: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """How much nDCG@10 is gained on the baseline, relative, on average over the collections."""
    gains: dict[str, list[float]] = {}
    for rows in sets.values():
        base = rows["baseline"]["ndcg@10"]
        for search in ("weighted", "rrf"):
            gains.setdefault(search, []).append(rows[search]["ndcg@10"] / base - 1)
        for search in ("weighted, learned", "reranked", "reranked, learned"):
            if search in rows:
                sampled = rows[search]["ndcg@10"] / rows["baseline, on the sample"]["ndcg@10"]
                gains.setdefault(search, []).append(sampled - 1)
    return {f"{search} over the baseline": mean(values) for search, values in gains.items()}


if __name__ == "__main__":
    main()
