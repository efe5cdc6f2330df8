"""What a person meets with a corpus of very many documents: lists, the server's start, searches.

    python -m bench.million_use FOLDER --data DATA --encoder ENCODER --out FILE

FOLDER and DATA are those of `bench.million`, whose job is done; what its `check` wrote into FILE is kept
beside these figures. The indexes are built, unless --keep-index leaves those that are there. A server is
started on them twice, the first time with none of the data folder in memory, as after a start of the machine;
there some records are searched for by their first words: is a record found, or what it is a copy of?
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.ask import RAG, serving
from bench.environment import environment, last_json, report, run
from bench.million import CORPUS, read_to_the_end
from rag.evaluation.metrics import percentile
from store.postgres import open_database

SEARCHES = 300
WARM_UP = 20
FIRST_WORDS = 12
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", required=True, help="folder of the model that the corpus was made with")
    parser.add_argument("--keep-index", action="store_true")
    parser.add_argument("--port", type=int, default=18_089)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    shell = {
        **os.environ,
        "RAG_DATA_DIR": str(arguments.data),
        "RAG_ENCODER": arguments.encoder,
        "RAG_PORT": str(arguments.port),
    }
    before = json.loads(arguments.out.read_text())["figures"] if arguments.out.exists() else {}
    figures = before | commands(shell)
    if not arguments.keep_index:
        figures["index_built_s"] = timed(["index", "rebuild", "--corpus", CORPUS, "--json"], shell)
    figures["index_mb"] = (
        sum(f.stat().st_size for f in (arguments.data / "indexes").rglob("*") if f.is_file()) / 1e6
    )
    key = last_json(
        run([*RAG, "keys", "create", "--role", "administrator", "--user", "root", "--json"], shell)
    )
    records = chosen(read_files(arguments.folder, arguments.data), arguments.seed)
    for state in ("cold", "warm"):
        if state == "cold":
            forget(arguments.data)
        begun = time.perf_counter()
        with serving(shell, key["key"]) as client:
            figures[f"restart_{state}_s"] = time.perf_counter() - begun
            for part in (searches(client, records), lists(client)):
                found = {f"{name}_{state}" if "ms" in name else name: value for name, value in part.items()}
                print(state, found, flush=True)
                figures |= found
            figures["server_memory_mb"] = memory_mb()
    report("Very many documents in one corpus", figures, arguments.out, env)


def commands(shell: dict[str, str]) -> dict[str, float]:
    """What commands take, from the start of the process to its end."""
    job = last_json(run([*RAG, "jobs", "list", "--json"], shell))["jobs"][0]["id"]
    figures = {}
    for name, command in {
        "command_jobs_list_s": ["jobs", "list", "--json"],
        "command_jobs_show_s": ["jobs", "show", job, "--json"],
        "command_failed_documents_s": ["jobs", "documents", job, "--status", "failed", "--json"],
        "command_corpora_list_s": ["corpora", "list", "--json"],
    }.items():
        figures[name] = timed(command, shell)
        print(name, figures[name], flush=True)
    return figures


def timed(command: Sequence[str], shell: dict[str, str]) -> float:
    """What a command takes, from the start of the process to its end."""
    begun = time.perf_counter()
    run([*RAG, *command], shell)
    return time.perf_counter() - begun


def forget(folder: Path) -> None:
    """Have the operating system drop what it keeps in memory of a folder's files."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def read_files(folder: Path, data: Path) -> list[Path]:
    """The files that were read to their ends."""
    database = open_database(None, data)
    try:
        read = read_to_the_end(database)
    finally:
        database.close()
    return [file for file in sorted(folder.glob("*.jsonl")) if file.absolute().as_uri() in read]


def chosen(files: Sequence[Path], seed: int) -> list[dict[str, Any]]:
    """Some records of each file."""
    rng = random.Random(seed)
    each = -(-(SEARCHES + WARM_UP) // len(files))
    records = []
    for file in files:
        with file.open() as lines:
            for line in rng.sample(list(islice(lines, 50_000)), each):
                records.append(json.loads(line))
    rng.shuffle(records)
    return records[: SEARCHES + WARM_UP]


def searches(client: httpx.Client, records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Searches for the first words of records, one after the other."""
    times, found = [], 0
    for record in records:
        query = " ".join(record["text"].split()[:FIRST_WORDS])
        begun = time.perf_counter()
        response = client.post("/v1/search", json={"query": query, "corpus": CORPUS, "top_k": 10})
        times.append((time.perf_counter() - begun) * 1000)
        response.raise_for_status()
        texts = [hit["text"][:60] for hit in response.json()["hits"]]
        found += record["text"][:60] in texts
    later = times[WARM_UP:]
    return {
        "first_search_ms": times[0],
        **{f"search_p{q}_ms": percentile(later, q) for q in (50, 95, 99)},
        "searches": len(records),
        "records_found": found,
    }


def lists(client: httpx.Client) -> dict[str, float]:
    """What the lists of jobs, of a job's rows and of documents take, the slowest of some rounds."""
    job = client.get("/v1/jobs").json()["jobs"][0]["id"]
    rows = f"/v1/jobs/{job}/documents"
    asked: dict[str, Callable[[], httpx.Response]] = {
        "jobs": lambda: client.get("/v1/jobs"),
        "job": lambda: client.get(f"/v1/jobs/{job}"),
        "job_rows": lambda: client.get(rows),
        "job_rows_failed": lambda: client.get(rows, params={"status": "failed"}),
        "job_rows_unchanged": lambda: client.get(rows, params={"status": "unchanged"}),
        "job_rows_near_duplicate": lambda: client.get(rows, params={"status": "near_duplicate"}),
        "documents": lambda: client.get("/v1/documents", params={"corpus": CORPUS}),
        "duplicates": lambda: client.get("/v1/duplicates", params={"corpus": CORPUS}),
        "corpora": lambda: client.get("/v1/corpora"),
        "overview": lambda: client.get("/v1/overview"),
    }
    figures = {}
    for name, ask in asked.items():
        times = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            ask().raise_for_status()
            times.append((time.perf_counter() - begun) * 1000)
        figures[f"list_{name}_ms"] = max(times)
    return figures


def memory_mb() -> float:
    """What the server, a child of this process, holds in memory."""
    children = psutil.Process().children(recursive=True)
    return max(child.memory_info().rss for child in children) / 1e6


if __name__ == "__main__":
    main()
