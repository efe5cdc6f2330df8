"""Queries per second of BM25: ours beside rank_bm25 and bm25s, on made-up chunks, in one run.

    python -m bench.keywords --sizes 100000 1000000 --out bench/results/keywords.json

Words are drawn by Zipf's law; a query has three to six words of medium frequency and asks for the ten best
chunks. Every library gets the same texts and the queries as text, and cuts them into words by itself;
rank_bm25 gets them cut at spaces, the cheapest there is. It is measured with few queries and up to
--rank-bm25-up-to chunks only: more do not fit into memory. On a busy machine compare processor time.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer
from rank_bm25 import BM25Okapi

from bench.environment import environment, write_json
from store.index.tantivy_index import TantivyIndex

WORDS = 60_000
WORDS_PER_CHUNK = 60
BATCH = 20_000
K = 10
SLOW_QUERIES = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rank-bm25-up-to", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    figures: dict[str, Any] = {}
    for count in arguments.sizes:
        draw = np.random.default_rng(arguments.seed)
        texts = make_texts(count, draw)
        queries = make_queries(arguments.queries, draw)
        row = {"ours": ours(texts, queries), "bm25s": by_bm25s(texts, queries)}
        row["ratio_to_bm25s"] = ratio(row["ours"], row["bm25s"])
        if count <= arguments.rank_bm25_up_to:
            row["rank_bm25"] = by_rank_bm25(texts, queries[:SLOW_QUERIES])
            row["ratio_to_rank_bm25"] = ratio(row["ours"], row["rank_bm25"])
        figures[str(count)] = row
        print(f"{count:,} chunks\n{json.dumps(row, indent=2)}", flush=True)
    if arguments.out:
        write_json({"sizes": figures}, arguments.out, env)


def make_texts(count: int, draw: np.random.Generator) -> list[str]:
    """Chunks of words whose frequency falls with their rank."""
    weights = 1.0 / (np.arange(WORDS) + 2.7)
    drawn = draw.choice(WORDS, size=(count, WORDS_PER_CHUNK), p=weights / weights.sum())
    return [" ".join(f"word{word}" for word in row) for row in drawn.tolist()]


def make_queries(count: int, draw: np.random.Generator) -> list[str]:
    """Some words each, neither the most frequent nor the rarest."""
    return [
        " ".join(f"word{word}" for word in draw.integers(20, 5_000, size=draw.integers(3, 7)).tolist())
        for _ in range(count)
    ]


def ours(texts: Sequence[str], queries: Sequence[str]) -> dict[str, float]:
    """Our index with tantivy."""
    with tempfile.TemporaryDirectory(prefix="bench-keywords-") as folder:
        index = TantivyIndex(Path(folder) / "index")
        began = time.perf_counter()
        for begin in range(0, len(texts), BATCH):
            part = texts[begin : begin + BATCH]
            index.add(np.arange(begin, begin + len(part)), part)
        index.commit()
        built_s = time.perf_counter() - began
        figures = measure(lambda query: index.search(query, K), queries)
        index.close()
    return {"build_s": built_s, **figures}


def by_bm25s(texts: Sequence[str], queries: Sequence[str]) -> dict[str, float]:
    """bm25s with stemming and stop words, as ours."""
    stemmer = Stemmer.Stemmer("english")

    def tokens(some: list[str]) -> Any:
        return bm25s.tokenize(some, stopwords="en", stemmer=stemmer, show_progress=False)

    began = time.perf_counter()
    retriever: Any = bm25s.BM25(k1=1.2, b=0.75)
    retriever.index(tokens(list(texts)), show_progress=False)
    built_s = time.perf_counter() - began
    figures = measure(
        lambda query: retriever.retrieve(tokens([query]), k=K, show_progress=False, n_threads=1), queries
    )
    return {"build_s": built_s, **figures}


def by_rank_bm25(texts: Sequence[str], queries: Sequence[str]) -> dict[str, float]:
    """rank_bm25 on words cut at spaces."""
    began = time.perf_counter()
    okapi: Any = BM25Okapi([text.split() for text in texts], k1=1.2, b=0.75)
    built_s = time.perf_counter() - began
    figures = measure(lambda query: np.argsort(-okapi.get_scores(query.split()))[:K], queries)
    return {"build_s": built_s, **figures}


def measure(search: Callable[[str], Any], queries: Sequence[str]) -> dict[str, float]:
    """Queries per second, one after the other, and the median and 99th percentile of their times."""
    search(queries[0])
    times = []
    began_cpu = time.process_time()
    for query in queries:
        began = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - began)
    return {
        "queries_per_s": len(times) / sum(times),
        "cpu_ms": 1000 * (time.process_time() - began_cpu) / len(times),
        "p50_ms": 1000 * float(np.median(times)),
        "p99_ms": 1000 * float(np.quantile(times, 0.99)),
    }


def ratio(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """How many times as many queries per second, and how many in the same processor time."""
    return {
        "queries_per_s": one["queries_per_s"] / other["queries_per_s"],
        "per_cpu_time": other["cpu_ms"] / one["cpu_ms"],
    }


if __name__ == "__main__":
    main()
