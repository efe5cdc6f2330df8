"""Questions asked over HTTP of a running server, whose corpus is all the passages of a question file.

    python -m bench.ask FILE --questions 200

Retrieval (is the question's own passage among the first 1, 5, 20?), answers (exact match and F1 as returned,
abstentions counting as wrong), citations (does the document's text hold the quote at its offsets?), latency.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any

import httpx

from bench.environment import environment, last_json, report, run
from rag.evaluation.metrics import exact_match, percentile, token_f1
from rag.training.data import Example, read_examples

RAG = [sys.executable, "-m", "api.cli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    examples = list(read_examples(arguments.file))
    answerable = [e for e in examples if e.answerable]
    asked = random.Random(arguments.seed).sample(answerable, min(arguments.questions, len(answerable)))
    with tempfile.TemporaryDirectory(prefix="bench-ask-") as folder:
        shell = {**os.environ, "RAG_DATA_DIR": str(Path(folder) / "data"), "RAG_PORT": "18080"}
        passages = write_passages(examples, Path(folder) / "passages.jsonl")
        run([*RAG, "migrate"], shell)
        ingested = last_json(
            run([*RAG, "ingest", str(Path(folder) / "passages.jsonl"), "--corpus", "bench", "--json"], shell)
        )
        key = last_json(run([*RAG, "keys", "create", "--role", "reader", "--user", "bench", "--json"], shell))
        with serving(shell, key["key"]) as client:
            figures = {"passages": passages, "chunks": ingested["chunks"], **ask_all(client, asked)}
    report(f"{len(asked)} questions of {arguments.file.name} over HTTP", figures, arguments.out, env)


def write_passages(examples: Sequence[Example], path: Path) -> int:
    """Write each different passage as a document; returns how many there are."""
    texts = {e.passages[0].text: e.passages[0].title for e in examples}
    with path.open("w") as file:
        for number, (text, title) in enumerate(texts.items()):
            file.write(json.dumps({"id": str(number), "title": title, "text": text}) + "\n")
    return len(texts)


@contextmanager
def serving(
    shell: dict[str, str], key: str, command: Sequence[str] = (*RAG, "serve")
) -> Iterator[httpx.Client]:
    """A server in a process of its own, and a client of it."""
    server = subprocess.Popen(command, env=shell, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{shell['RAG_PORT']}"
    try:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            wait_until_ready(client, server)
            yield client
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(client: httpx.Client, server: "subprocess.Popen[bytes]", timeout_s: float = 300) -> None:
    """Wait for the server to say that it is ready.

    Raises:
        RuntimeError: it ended, or was not ready in time.
    """
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and server.poll() is None:
        try:
            if client.get("/ready").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the server was not ready within {timeout_s} s (exit code {server.poll()})")


def ask_all(client: httpx.Client, examples: Sequence[Example]) -> dict[str, float]:
    """Ask one question after the other."""
    rows = [ask(client, e) for e in examples]
    latencies = [r["ms"] for r in rows]
    citations = sum(r["citations"] for r in rows)
    answered = [r for r in rows if not r["abstained"]]
    return {
        "hit@1": mean(r["rank"] < 1 for r in rows),
        "hit@5": mean(r["rank"] < 5 for r in rows),
        "hit@20": mean(r["rank"] < 20 for r in rows),
        "exact_match": 100 * mean(r["exact"] for r in rows),
        "f1": 100 * mean(r["f1"] for r in rows),
        "abstained_share": mean(r["abstained"] for r in rows),
        "f1_of_answered": 100 * mean(r["f1"] for r in answered),
        "citations": citations,
        "citations_verified_share": sum(r["verified"] for r in rows) / citations,
        "supported_sentences_share": mean(s for r in rows for s in r["supported"]),
        "latency_ms_p50": percentile(latencies, 50),
        "latency_ms_p95": percentile(latencies, 95),
    }


def ask(client: httpx.Client, example: Example) -> dict[str, Any]:
    """One question: where its passage ranks, what the answer is, and whether the citations hold."""
    found = client.post("/v1/search", json={"query": example.question, "corpus": "bench", "top_k": 20})
    found.raise_for_status()
    begun = time.perf_counter()
    response = client.post("/v1/ask", json={"question": example.question, "corpus": "bench"})
    elapsed_ms = (time.perf_counter() - begun) * 1000
    response.raise_for_status()
    answer = response.json()
    own = example.passages[0].text
    ranks = [rank for rank, hit in enumerate(found.json()["hits"]) if hit["text"] in own]
    expected = [a.text for a in example.answers]
    return {
        "ms": elapsed_ms,
        "rank": min(ranks, default=99),
        "abstained": answer["abstained"],
        "exact": max(exact_match(answer["answer"], e) for e in expected),
        "f1": max(token_f1(answer["answer"], e) for e in expected),
        "citations": len(answer["citations"]),
        "verified": sum(verify(client, citation) for citation in answer["citations"]),
        "supported": [float(s["supported"]) for s in answer["sentences"]],
    }


def verify(client: httpx.Client, citation: dict[str, Any]) -> bool:
    """Whether the document, read back over the API, has the quote at the citation's offsets."""
    document = client.get(
        f"/v1/documents/{citation['document_id']}/text", params={"version": citation["document_version"]}
    )
    document.raise_for_status()
    text: str = document.json()["text"]
    return bool(text[citation["start"] : citation["end"]] == citation["quote"])


if __name__ == "__main__":
    main()
