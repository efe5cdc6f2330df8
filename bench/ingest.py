"""How fast a file of texts becomes searchable, and how much of that time is embedding.

    python -m bench.ingest FILE --text-field answer

Three figures from one run: files to searchable through `rag ingest`; the encoder alone over (a sample of) the
same chunks; the same ingestion again with nothing changed. The first is compared with the second twice:
whole, and without the seconds before the job begins, in which the process and PostgreSQL start. The job's own
seconds hold the start of the encoder and of the process that reads.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from api.threads import choose_precision
from bench.environment import environment, last_json, report, run
from rag.encoder import Encoder
from rag.training.data import read_lines
from store import corpora, index_log
from store.index.search_text import search_text
from store.postgres import open_database


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--text-field", default="text")
    parser.add_argument("--limit", type=int, help="only so many lines of the file, drawn by the seed")
    parser.add_argument("--sample", type=int, default=2_000, help="chunks that the encoder alone is timed on")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        data = Path(folder) / "data"
        file = arguments.file
        if arguments.limit:
            file = shortened(file, arguments.limit, arguments.seed, Path(folder))
        figures = measure(data, file, arguments.text_field)
        figures |= embedding_only(data, arguments.sample, arguments.seed, figures["chunks_per_document"])
    alone_s = figures["chunks"] / figures["embedding_only_chunks_per_s"]
    figures["end_to_end_share_of_embedding_rate"] = alone_s / figures["seconds"]
    figures["job_share_of_embedding_rate"] = alone_s / figures["job_seconds"]
    report(f"Ingestion of {arguments.file.name}", figures, arguments.out, env)


def shortened(file: Path, limit: int, seed: int, folder: Path) -> Path:
    """Write some lines of a JSONL file, in their order, into the folder."""
    short = folder / f"{file.name.split('.')[0]}-{limit}.jsonl"
    lines = list(read_lines(file))
    chosen = sorted(random.Random(seed).sample(range(len(lines)), min(limit, len(lines))))
    short.write_text("".join(f"{lines[number].rstrip()}\n" for number in chosen))
    return short


def measure(data: Path, file: Path, text_field: str) -> dict[str, float]:
    """Ingest twice through the command line."""
    rag = [sys.executable, "-m", "api.cli"]
    env = {**os.environ, "RAG_DATA_DIR": str(data)}
    run([*rag, "migrate"], env)
    command = [*rag, "ingest", str(file), "--corpus", "bench", "--text-field", text_field, "--json"]
    begun = time.perf_counter()
    first = last_json(run(command, env))
    first_s = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    begun = time.perf_counter()
    second = last_json(run(command, env))
    second_s = time.perf_counter() - begun
    done = first["documents"]["done"]
    texts = sum(first["documents"].values())
    return {
        "texts": texts,
        "documents_done": done,
        "documents_duplicate": first["documents"]["duplicate"],
        "documents_failed": first["documents"]["failed"],
        "chunks": first["chunks"],
        "chunks_per_document": first["chunks"] / done,
        "seconds": first_s,
        "job_seconds": first["seconds"],
        "texts_per_s": texts / first_s,
        "documents_per_s": done / first_s,
        "chunks_per_s": first["chunks"] / first_s,
        "peak_memory_mb": peak / 1e6,
        "again_unchanged": second["documents"]["unchanged"],
        "again_seconds": second_s,
    }


def embedding_only(data: Path, sample: int, seed: int, chunks_per_document: float) -> dict[str, float]:
    """Time the encoder alone on a sample of the stored chunks, in lists as long as an ingestion batch."""
    database = open_database(None, data)
    try:
        with database.transaction() as session:
            corpus = corpora.get(session, "bench")
            texts = [search_text(c.heading_path, c.text) for c in index_log.snapshot_rows(session, corpus.id)]
    finally:
        database.close()
    chosen = np.random.default_rng(seed).permutation(len(texts))[:sample]
    encoder = Encoder(precision=choose_precision("auto"))
    encoder.encode([texts[i] for i in chosen[:64]])
    begun = time.perf_counter()
    for at in range(0, len(chosen), 256):
        encoder.encode([texts[i] for i in chosen[at : at + 256]])
    rate = len(chosen) / (time.perf_counter() - begun)
    return {
        "embedding_only_sample": len(chosen),
        "embedding_only_chunks_per_s": rate,
        "embedding_only_documents_per_s": rate / chunks_per_document,
    }


if __name__ == "__main__":
    main()
