"""Queries per second of BM25: ours beside rank_bm25 and bm25s, on made-up chunks, in one run.

    python -m bench.keywords --sizes 100000 1000000 --out bench/results/keywords.json

Words are drawn by Zipf's law; a query has three to six words of medium frequency and asks for the ten best
chunks. Every library gets the same texts and the queries as text, and cuts them into words by itself;
rank_bm25 gets them cut at spaces, the cheapest there is. bm25s is asked as it comes and, where numba is
installed, compiled by that. All are asked in turns, a few queries each, so that
whatever else the machine does meets them alike; ratios are of medians. rank_bm25 is asked few queries, of up
to --rank-bm25-up-to chunks only: it takes about 6 KB of memory for each. The lengths of queries differ, so
the median of few is of the same queries for all.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from sys import intern
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
SLOW_QUERIES = 15

Search = Callable[[str], Any]
Times = list[float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rank-bm25-up-to", type=int, default=100_000)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    sizes: dict[str, Any] = {}
    for count in arguments.sizes:
        draw = np.random.default_rng(arguments.seed)
        texts = make_texts(count, draw)
        queries = make_queries(arguments.queries, draw)
        with tempfile.TemporaryDirectory(prefix="bench-keywords-") as folder:
            peers = [
                name
                for name in arguments.peers
                if (name != "rank_bm25" or count <= arguments.rank_bm25_up_to)
                and (name != COMPILED or find_spec("numba"))
            ]
            sizes[str(count)] = measure(texts, queries, Path(folder), peers)
        print(f"{count:,} chunks\n{json.dumps(sizes[str(count)], indent=2)}", flush=True)
    if arguments.out:
        write_json({"sizes": sizes}, arguments.out, env)


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


def measure(texts: list[str], queries: Sequence[str], folder: Path, peers: Sequence[str]) -> dict[str, Any]:
    """Build every index, ask them in turns, and compare."""
    builds: dict[str, Callable[[], Search]] = {
        "ours": lambda: ours(texts, folder / "index"),
        **{name: partial(PEERS[name], texts) for name in peers},
    }
    searches, figures = {}, {}
    for name, build in builds.items():
        began = time.perf_counter()
        searches[name] = build()
        figures[name] = {"build_s": time.perf_counter() - began}
        print(f"{name}: built in {figures[name]['build_s']:.0f} s", flush=True)
    fast = {name: search for name, search in searches.items() if name != "rank_bm25"}
    times = in_turns(fast, queries)
    for name in fast:
        figures[name] |= describe(times[name])
    compared: dict[str, Any] = {
        **figures,
        **{f"ratio_to_{name}": ratio(times["ours"], times[name]) for name in fast if name != "ours"},
    }
    if "rank_bm25" in searches:
        few = in_turns(searches, queries[:SLOW_QUERIES], rounds=1)
        compared["rank_bm25"] |= describe(few["rank_bm25"])
        compared["ratio_to_rank_bm25"] = ratio(few["ours"], few["rank_bm25"])
    return compared


def ours(texts: Sequence[str], folder: Path) -> Search:
    """Our index with tantivy."""
    index = TantivyIndex(folder)
    for begin in range(0, len(texts), BATCH):
        part = texts[begin : begin + BATCH]
        index.add(np.arange(begin, begin + len(part)), part)
    index.commit()
    return lambda query: index.search(query, K)


def by_bm25s(texts: Sequence[str], backend: str = "numpy") -> Search:
    """bm25s with stemming and stop words, as ours; `numpy` is its usual backend."""
    stemmer = Stemmer.Stemmer("english")

    def tokens(some: list[str]) -> Any:
        return bm25s.tokenize(some, stopwords="en", stemmer=stemmer, show_progress=False)

    retriever: Any = bm25s.BM25(k1=1.2, b=0.75, backend=backend)
    retriever.index(tokens(list(texts)), show_progress=False)
    return lambda query: retriever.retrieve(tokens([query]), k=K, show_progress=False, n_threads=1)


def by_rank_bm25(texts: Sequence[str]) -> Search:
    """rank_bm25 on words cut at spaces."""
    okapi: Any = BM25Okapi([[intern(word) for word in text.split()] for text in texts], k1=1.2, b=0.75)
    return lambda query: np.argsort(-okapi.get_scores(query.split()))[:K]


COMPILED = "bm25s_numba"
PEERS: dict[str, Callable[[Sequence[str]], Search]] = {
    "bm25s": by_bm25s,
    COMPILED: partial(by_bm25s, backend="numba"),
    "rank_bm25": by_rank_bm25,
}


def in_turns(searches: Mapping[str, Search], queries: Sequence[str], rounds: int = 5) -> dict[str, Times]:
    """The times of each search for all queries, in ms: a share of the queries each, in turns."""
    for search in searches.values():
        search(queries[0])
    times: dict[str, Times] = {name: [] for name in searches}
    for turn in range(rounds):
        for name, search in searches.items():
            for query in queries[turn::rounds]:
                began = time.perf_counter()
                search(query)
                times[name].append(1000 * (time.perf_counter() - began))
    return times


def describe(times: Times) -> dict[str, float]:
    """Queries per second, one after the other, and the median and 99th percentile of their times."""
    return {
        "queries_per_s": 1000 * len(times) / sum(times),
        "p50_ms": float(np.median(times)),
        "p99_ms": float(np.quantile(times, 0.99)),
    }


def ratio(one: Times, other: Times) -> dict[str, float]:
    """How many times as many queries per second, and how many by the medians of the same queries."""
    return {"queries_per_s": sum(other) / sum(one), "by_median": float(np.median(other) / np.median(one))}


if __name__ == "__main__":
    main()
