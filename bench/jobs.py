"""What jobs cost and what they survive; the embeddings are made up, so that only the rest is measured.

    python -m bench.jobs [--texts 16407] [--out bench/results/jobs.json]

Figures: reading in a process of its own against reading in this one; writing chunks by COPY against INSERT;
the same ingestion again with nothing changed, from the start of the process to its end; how long a small job
waits beside a large one; and a job whose process is killed three times at random moments.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text

from api.build import build
from api.encoders import USUAL_ENCODER, SharedEncoder
from api.job_runner import JobRunner
from api.lazy import Lazy
from api.settings import load_settings
from bench.environment import ROOT, environment, last_json, report, run
from ingest.clean import sha256
from ingest.inputs import find_inputs, read_input
from ingest.jobs import create_for_paths, ingest
from ingest.options import IngestOptions, JobRequest
from ingest.reader_process import InputReading
from ingest.readers import RawDocument, ReadOptions
from ingest.worker import Items
from store import corpora, documents, jobs
from store.index_log import encode_embedding
from store.job_types import FINISHED
from store.postgres import Database, migrate, open_database
from store.tables import ChunkRow
from store.types import Corpus, DocumentWithChunks, NewChunk, NewDocument

DIMENSION = 384
WORDS = 120
KILLS = 3


class MadeUpEncoder:
    """Vectors that depend on nothing but the text's length, after a pause that stands for the work."""

    name = USUAL_ENCODER
    revision = "made up"
    dimension = DIMENSION
    window = 256

    def __init__(self, texts_per_s: float | None = None) -> None:
        self._texts_per_s = texts_per_s
        self.embedded = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._texts_per_s is not None:
            time.sleep(len(texts) / self._texts_per_s)
        self.embedded += len(texts)
        numbers = np.array([[len(one) % 97 + 1] for one in texts], np.float32)
        vectors = np.repeat(numbers, DIMENSION, axis=1)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def token_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [_offsets(one) for one in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work-on", nargs=2, metavar=("DATA", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work_on:
        work_on(*map(Path, arguments.work_on))
        return
    env = environment(arguments.seed)
    rng = random.Random(arguments.seed)
    figures: dict[str, Any] = {"texts": arguments.texts}
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as name:
        data, file = Path(name) / "data", Path(name) / "texts.jsonl"
        write_texts(file, arguments.texts, rng)
        database = open_database(None, data)
        migrate(database)
        try:
            figures |= reading(file)
            figures |= copy_or_insert(database, min(arguments.texts, 5_000), rng)
            figures |= unchanged(database, data, file)
            figures |= fairness(data, Path(name), rng)
            figures |= survival(database, data, file, rng)
        finally:
            database.close()
    report(f"Jobs over {arguments.texts:,} texts", figures, arguments.out, env)


def write_texts(file: Path, count: int, rng: random.Random) -> None:
    """Records of random words, each text once."""
    with file.open("w") as out:
        for number in range(count):
            words = " ".join(f"w{rng.randrange(50_000)}" for _ in range(WORDS))
            out.write(json.dumps({"id": number, "text": f"Text {number}. {words}."}) + "\n")


def reading(file: Path) -> dict[str, float]:
    """What the process of its own costs, its start included and not."""
    inputs = find_inputs([str(file)]).found
    begun = time.perf_counter()
    here = sum(isinstance(item, RawDocument) for one in inputs for item in read_input(one, ReadOptions()))
    here_s = time.perf_counter() - begun
    begun = time.perf_counter()
    process = InputReading(inputs, ReadOptions())
    first_s, there = 0.0, 0
    for one in process:
        first_s = first_s or time.perf_counter() - begun
        there += len(one.items) if isinstance(one, Items) else 0
    there_s = time.perf_counter() - begun
    process.close()
    assert here == there
    return {
        "reading_here_texts_per_s": here / here_s,
        "reading_in_a_process_texts_per_s": there / (there_s - first_s),
        "reading_process_start_s": first_s,
    }


def copy_or_insert(database: Database, count: int, rng: random.Random) -> dict[str, float]:
    """The same chunks by COPY, as documents are stored, and by INSERT of all rows in one statement."""
    vector = np.full(DIMENSION, 0.05, np.float16)
    texts = [" ".join(f"w{rng.randrange(50_000)}" for _ in range(WORDS)) for _ in range(count)]
    chunks = [NewChunk(0, len(one), one, ("A", "B"), vector) for one in texts]
    corpus = _corpus(database, "copied")
    document = NewDocument("copied", "C", "x", sha256("x"), "text/plain")
    with database.transaction() as session:
        stored = documents.put_many(session, corpus.id, [DocumentWithChunks(document, ())])[0]
    rows = [
        {
            "corpus_id": corpus.id,
            "document_id": stored.id,
            "version": 1,
            "ordinal": ordinal,
            "start_offset": 0,
            "end_offset": len(chunk.text),
            "text": chunk.text,
            "heading_path": list(chunk.heading_path),
            "embedding": encode_embedding(chunk.embedding),
            "searchable": False,
        }
        for ordinal, chunk in enumerate(chunks)
    ]
    begun = time.perf_counter()
    with database.transaction() as session:
        session.execute(insert(ChunkRow), rows)
    insert_s = time.perf_counter() - begun
    whole = NewDocument("whole", "W", "y", sha256("y"), "text/plain")
    begun = time.perf_counter()
    with database.transaction() as session:
        documents.put_many(session, corpus.id, [DocumentWithChunks(whole, chunks)])
    copy_s = time.perf_counter() - begun
    return {"insert_chunks_per_s": count / insert_s, "copy_and_index_log_chunks_per_s": count / copy_s}


def unchanged(database: Database, data: Path, file: Path) -> dict[str, float]:
    """The first ingestion, without the work of an encoder, and the second through the command line."""
    encoder = MadeUpEncoder()
    corpus = _corpus(database, "bench")
    begun = time.perf_counter()
    ingest([str(file)], corpus, database=database, embed=encoder.encode, tokens=encoder.token_offsets)
    first_s = time.perf_counter() - begun
    command = [sys.executable, "-m", "api.cli", "ingest", str(file), "--corpus", "bench", "--json"]
    begun = time.perf_counter()
    again = last_json(run(command, {**os.environ, "RAG_DATA_DIR": str(data)}))
    return {
        "first_without_encoder_s": first_s,
        "again_unchanged": again["documents"]["unchanged"],
        "again_s": time.perf_counter() - begun,
        "again_of_it_in_the_job_s": again["seconds"],
    }


def fairness(data: Path, folder: Path, rng: random.Random) -> dict[str, float]:
    """How long a small job takes in a server: alone, and when a large one runs."""
    encoder = MadeUpEncoder(texts_per_s=200.0)
    settings = load_settings(data_dir=data, threads=1)
    shared = Lazy(lambda: SharedEncoder(encoder))  # type: ignore[arg-type]
    parts = build(settings, encoder=shared)
    runner = JobRunner(parts)
    runner.start()
    try:
        alone_s = _small_job(parts.database, runner, folder / "alone.jsonl", rng)
        write_texts(folder / "large.jsonl", 4_000, rng)
        large = _queue(parts.database, runner, folder / "large.jsonl")
        time.sleep(2.0)
        beside_s = _small_job(parts.database, runner, folder / "beside.jsonl", rng)
        with parts.database.transaction() as session:
            running = jobs.get(session, large).status not in FINISHED
    finally:
        runner.stop()
        parts.close()
    return {
        "small_job_alone_s": alone_s,
        "small_job_beside_a_large_one_s": beside_s,
        "large_one_still_runs": running,
    }


def _small_job(database: Database, runner: JobRunner, file: Path, rng: random.Random) -> float:
    write_texts(file, 20, rng)
    begun = time.perf_counter()
    job_id = _queue(database, runner, file)
    while True:
        with database.transaction() as session:
            if jobs.get(session, job_id).status in FINISHED:
                return time.perf_counter() - begun
        time.sleep(0.02)


def _queue(database: Database, runner: JobRunner, file: Path) -> Any:
    request = JobRequest((str(file),), options=IngestOptions(batch_characters=20_000))
    with database.transaction() as session:
        corpus = corpora.get(session, "bench")
        job_id = create_for_paths(session, corpus, request, None)
    runner.call()
    return job_id


def survival(database: Database, data: Path, file: Path, rng: random.Random) -> dict[str, Any]:
    """Kill the process of a job three times at random moments; the fourth brings it to its end."""
    corpus = _corpus(database, "survivor")
    command = [sys.executable, "-m", "bench.jobs", "--work-on", str(data), str(file)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    stored_at_kill = []
    for _ in range(KILLS):
        with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            before = _count(database, "documents", corpus.id)
            while _count(database, "documents", corpus.id) == before and process.poll() is None:
                time.sleep(0.02)
            time.sleep(rng.random())
            process.kill()
        stored_at_kill.append(_count(database, "documents", corpus.id))
    told = last_json(run(command, environ))
    return {
        "documents_stored_at_each_kill": stored_at_kill,
        "documents_in_the_end": _count(database, "documents", corpus.id),
        "documents_done": told["documents"]["done"],
        "chunks_in_the_end": _count(database, "chunks", corpus.id),
        "different_chunks": _count(database, "chunks", corpus.id, "DISTINCT text"),
        "index_log_rows": _count(database, "index_log", corpus.id),
        "jobs": _count(database, "jobs", corpus.id),
    }


def work_on(data: Path, file: Path) -> None:
    """The process that is killed."""
    encoder = MadeUpEncoder(texts_per_s=1_000.0)
    database = open_database(None, data)
    with database.transaction() as session:
        corpus = corpora.get(session, "survivor")
    options = IngestOptions(batch_characters=20_000)
    done = ingest(
        [str(file)],
        corpus,
        database=database,
        embed=encoder.encode,
        tokens=encoder.token_offsets,
        options=options,
    )
    print(json.dumps(done.to_json()))
    database.close()


def _corpus(database: Database, name: str) -> Corpus:
    with database.transaction() as session:
        return corpora.create(session, name, MadeUpEncoder.name, MadeUpEncoder.revision, DIMENSION)


def _count(database: Database, table: str, corpus_id: int, what: str = "*") -> int:
    with database.transaction() as session:
        statement = text(f"SELECT count({what}) FROM {table} WHERE corpus_id = :corpus_id")
        return int(session.scalar(statement, {"corpus_id": corpus_id}) or 0)


def _offsets(words: str) -> list[tuple[int, int]]:
    offsets, end = [], 0
    for word in words.split():
        start = words.index(word, end)
        end = start + len(word)
        offsets.append((start, end))
    return offsets


if __name__ == "__main__":
    main()
