"""Hybrid searches over HTTP in a large corpus that is there already, with the query's embedding.

    python -m bench.hybrid --data-dir FOLDER --corpus NAME --questions FILE --out bench/results/hybrid.json

One server after the other is started on the data folder, then two at once, each of which is a process:

restart     from the start of the process until it says that it is ready, with the corpus's index open
search      one search after the other from one connection, ten hits; each question once
filter      searches held to documents whose metadata say so, few and many: is every hit one of theirs,
            are there ten, and how many of the ten nearest vectors are those that comparing with all finds
write       a document sent to one server: how long until a search of each of both finds it

What MiniLM takes for one query is measured by itself. A corpus that another encoder made (RAG_ENCODER) is
searched with that one; `bench.encoder_pair` makes one that costs as much as MiniLM. For the filters every
document is given a number, `bench_number`, among its metadata.
"""

import argparse
import os
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from api.threads import choose_precision, set_threads
from bench.ask import RAG, serving
from bench.environment import environment, last_json, report, run
from rag.encoder import MINILM, Encoder
from rag.evaluation.metrics import percentile
from rag.training.data import read_examples
from store import chunk_reads, corpora, documents
from store.postgres import Database, open_database

WARM_UP = 20
SHARES = (0.0001, 0.001, 0.01, 0.1, 1.0)
COMPARED_UP_TO = 20_000
"""With how many chunks all vectors are compared, to see whether a filtered search found the nearest."""
FILTERED_QUERIES = 20


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
        print(figures, flush=True)
        figures |= filtered(arguments, first, queries[WARM_UP : WARM_UP + FILTERED_QUERIES])
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


def filtered(arguments: argparse.Namespace, server: httpx.Client, queries: Sequence[str]) -> dict[str, float]:
    """Searches held to shares of the documents."""
    encoder = Encoder(os.environ.get("RAG_ENCODER", MINILM), choose_precision("auto"))
    vectors = encoder.encode(queries)
    figures: dict[str, float] = {}
    database = open_database(None, arguments.data_dir)
    try:
        count = numbered(database, arguments.corpus)
        for share in SHARES:
            only = {"bench_number": {"lt": max(1, round(share * count))}}
            ids, rows = chunks_under(database, arguments.corpus, only)
            found = [search_under(server, arguments.corpus, query, only) for query in queries]
            name = f"filter_{100 * share:g}%"
            figures[f"{name}_chunks"] = len(ids)
            figures[f"{name}_p50_ms"] = percentile([one["ms"] for one in found], 50)
            figures[f"{name}_full"] = mean(len(one["hybrid"]) == min(10, len(ids)) for one in found)
            figures[f"{name}_allowed"] = mean(
                set(one["hybrid"] + one["vector"]) <= set(ids.tolist()) for one in found
            )
            if rows is not None:
                nearest = (set(ids[np.argsort(-(rows @ v))[:10]].tolist()) for v in vectors)
                shared = (len(near & set(one["vector"])) for near, one in zip(nearest, found, strict=True))
                figures[f"{name}_vector_recall@10"] = mean(n / min(10, len(ids)) for n in shared)
            print({key: value for key, value in figures.items() if key.startswith(name)}, flush=True)
    finally:
        database.close()
    return figures


def numbered(database: Database, corpus: str) -> int:
    """Give every document a number from 0 on, in no order that means anything; how many there are."""
    with database.transaction() as session:
        known = corpora.get(session, corpus)
        session.execute(
            text(
                "UPDATE documents SET metadata = metadata || jsonb_build_object('bench_number', n) FROM "
                "(SELECT id, row_number() OVER (ORDER BY md5(source)) - 1 AS n FROM documents "
                "WHERE corpus_id = :corpus) AS numbers WHERE documents.id = numbers.id"
            ),
            {"corpus": known.id},
        )
        found = session.execute(
            text("SELECT count(*) FROM documents WHERE corpus_id = :corpus"), {"corpus": known.id}
        )
        return int(found.scalar_one())


def chunks_under(
    database: Database, corpus: str, only: dict[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """The chunks that a filter lets through, and their vectors where they are not too many."""
    with database.transaction() as session:
        ids = documents.matching_chunks(session, corpora.get(session, corpus).id, only, None)
        if len(ids) > COMPARED_UP_TO:
            return ids, None
        vectors = chunk_reads.embeddings(session, ids.tolist())
    return ids, np.stack([vectors[i] for i in ids.tolist()]).astype(np.float32)


def search_under(server: httpx.Client, corpus: str, query: str, only: dict[str, Any]) -> dict[str, Any]:
    """A hybrid search under a filter with its time, and the same by vectors alone."""
    body = {"query": query, "corpus": corpus, "top_k": 10, "filters": only, "spelling": False}
    begun = time.perf_counter()
    hybrid = server.post("/v1/search", json=body)
    elapsed_ms = (time.perf_counter() - begun) * 1000
    vector = server.post("/v1/search", json={**body, "mode": "vector"})
    found = {
        name: [hit["chunk_id"] for hit in response.raise_for_status().json()["hits"]]
        for name, response in (("hybrid", hybrid), ("vector", vector))
    }
    return {"ms": elapsed_ms, **found}


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
