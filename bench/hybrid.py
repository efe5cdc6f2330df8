"""Hybrid searches over HTTP in a large corpus that is there already, with the query's embedding.

    python -m bench.hybrid --data-dir FOLDER --corpus NAME --questions FILE --out bench/results/hybrid.json

One server after the other is started on the data folder, then two at once, each of which is a process:

restart     from the start of the process until it says that it is ready, with the corpus's index open
search      one search after the other from one connection, ten hits; each question once
write       a document sent to one server: how long until a search of each of both finds it

A corpus with another encoder than MiniLM (RAG_ENCODER) is searched with that; what MiniLM takes for one
query is measured by itself, so that it can be added.
"""

import argparse
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from api.threads import choose_precision, set_threads
from bench.ask import RAG, serving
from bench.environment import environment, last_json, report, run
from rag.encoder import Encoder
from rag.evaluation.metrics import percentile
from rag.training.data import read_examples

WARM_UP = 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--questions", type=Path, required=True, help="a question file; it is not ingested")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--writes", type=int, default=5)
    parser.add_argument("--port", type=int, default=18_085)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    asked = [e.question for e in read_examples(arguments.questions)]
    queries = random.Random(arguments.seed).sample(asked, min(arguments.queries + WARM_UP, len(asked)))
    shell = {**os.environ, "RAG_DATA_DIR": str(arguments.data_dir)}
    key = last_json(
        run([*RAG, "keys", "create", "--role", "contributor", "--user", "bench", "--json"], shell)
    )
    figures = measure(arguments, shell, key["key"], queries)
    figures["minilm_query_p50_ms"] = minilm_ms(queries)
    report(f"Hybrid searches in {arguments.corpus}", figures, arguments.out, env)


def measure(
    arguments: argparse.Namespace, shell: dict[str, str], key: str, queries: Sequence[str]
) -> dict[str, Any]:
    """Everything over HTTP."""
    one, other = ({**shell, "RAG_PORT": str(arguments.port + n)} for n in range(2))
    with ExitStack() as servers:
        begun = time.perf_counter()
        first = servers.enter_context(serving(one, key))
        figures: dict[str, Any] = {"restart_s": time.perf_counter() - begun}
        first_ms, _ = timed_search(first, arguments.corpus, queries[0])
        figures["first_search_ms"] = first_ms
        for query in queries[1:WARM_UP]:
            timed_search(first, arguments.corpus, query)
        rows = [timed_search(first, arguments.corpus, query) for query in queries[WARM_UP:]]
        times = [ms for ms, _ in rows]
        figures |= {f"search_p{q}_ms": percentile(times, q) for q in (50, 95, 99)}
        figures["searches"] = len(times)
        figures["hits_per_search"] = sum(hits for _, hits in rows) / len(rows)
        both = [first, servers.enter_context(serving(other, key))]
        timed_search(both[1], arguments.corpus, queries[0])
        seen = [written(both, arguments.corpus) for _ in range(arguments.writes)]
    for n in range(2):
        figures[f"write_searchable_s_in_server_{n + 1}"] = max(row[n] for row in seen)
    return figures


def timed_search(client: httpx.Client, corpus: str, query: str) -> tuple[float, int]:
    """How many ms a search takes, and how many hits it has."""
    begun = time.perf_counter()
    response = client.post("/v1/search", json={"query": query, "corpus": corpus, "top_k": 10})
    elapsed_ms = (time.perf_counter() - begun) * 1000
    response.raise_for_status()
    return elapsed_ms, len(response.json()["hits"])


def written(servers: Sequence[httpx.Client], corpus: str) -> list[float]:
    """Seconds from the answer to a write until each server finds the document; it is deleted then."""
    word = f"zq{uuid4().hex[:12]}"
    body = {"corpus": corpus, "text": f"The new record is called {word}.", "source": f"bench:{word}"}
    sent = servers[0].post("/v1/documents", json=body)
    sent.raise_for_status()
    begun = time.perf_counter()
    found: dict[int, float] = {}
    while len(found) < len(servers) and time.perf_counter() - begun < 60:
        for n, server in enumerate(servers):
            if n not in found and has(server, corpus, word):
                found[n] = time.perf_counter() - begun
    servers[0].delete(f"/v1/documents/{sent.json()['document_id']}").raise_for_status()
    return [found.get(n, float("inf")) for n in range(len(servers))]


def has(server: httpx.Client, corpus: str, word: str) -> bool:
    """Whether a search finds a word."""
    body = {"query": f"+{word}", "corpus": corpus, "top_k": 1, "spelling": False}
    response = server.post("/v1/search", json=body)
    response.raise_for_status()
    return bool(response.json()["hits"])


def minilm_ms(queries: Sequence[str]) -> float:
    """What MiniLM takes for one query."""
    set_threads(None)
    encoder = Encoder(precision=choose_precision("auto"))
    times = []
    for query in queries[:100]:
        begun = time.perf_counter()
        encoder.encode([query])
        times.append((time.perf_counter() - begun) * 1000)
    return percentile(times, 50)


if __name__ == "__main__":
    main()
