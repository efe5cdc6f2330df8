"""A job over very many texts whose process is killed again and again, and what is there at the end.

    python -m bench.million write corpora/wikipedia.txt.zst FOLDER [--documents 1000000]
    python -m bench.million leg FOLDER --data DATA --encoder ENCODER    # until it says that the job is done
    python -m bench.million check FOLDER --data DATA --out bench/results/million.json

`write` makes files with a record for each article, or with so many pieces of articles, some of them copies.
Each `leg` goes on with the job through `rag ingest` and kills it with SIGKILL at a random moment, unless it
ends before. `check` compares every record with what is stored, and measures the disk. Notes of the legs are
kept in `legs.jsonl` beside the data folder. An encoder with a window of 64 tokens makes chunks of some 40
words: a million of 47 million words.
"""

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from bench.environment import ROOT, environment, last_json, report
from bench.million_records import write_pieces, write_records
from ingest.clean import normalise, sha256
from store import corpora
from store.postgres import Database, open_database

CORPUS = "million"
POLL_S = 1.0
SAMPLE_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    write = steps.add_parser("write")
    write.add_argument("articles", type=Path, help="zstd: title, paragraphs line by line, empty line")
    write.add_argument("folder", type=Path)
    write.add_argument("--limit", type=int, help="so many articles at most")
    write.add_argument("--documents", type=int, help="so many pieces of articles, about 130 tokens each")
    for name in ("leg", "check"):
        step = steps.add_parser(name)
        step.add_argument("folder", type=Path)
        step.add_argument("--data", type=Path, required=True)
        if name == "leg":
            step.add_argument("--encoder", required=True, help="folder of a sentence-transformers model")
            step.add_argument("--longest-s", type=float, default=420.0)
            step.add_argument("--to-end", action="store_true", help="do not kill it")
            step.add_argument("--seed", type=int, help="of the moment of the kill")
        else:
            step.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    match arguments.step:
        case "write":
            articles, folder = arguments.articles, arguments.folder
            if arguments.documents is None:
                print(write_records(articles, folder, arguments.limit), "records")
            else:
                print(write_pieces(articles, folder, arguments.documents), "records")
        case "leg":
            drawn = random.Random(arguments.seed).uniform(arguments.longest_s / 2, arguments.longest_s)
            moment_s = math.inf if arguments.to_end else drawn
            print(json.dumps(leg(arguments.folder, arguments.data, arguments.encoder, moment_s)))
        case "check":
            env = environment()
            figures = check(arguments.folder, arguments.data)
            report("Very many texts in one corpus", figures, arguments.out, env)


def leg(folder: Path, data: Path, encoder: str, moment_s: float) -> dict[str, Any]:
    """Goes on with the job for so long, then kills its process; notes how far it is and what it took."""
    env = {**os.environ, "RAG_DATA_DIR": str(data), "RAG_ENCODER": encoder, "PYTHONPATH": str(ROOT)}
    rag = [sys.executable, "-m", "api.cli"]
    subprocess.run([*rag, "migrate"], env=env, check=True, capture_output=True)
    database = open_database(None, data)
    try:
        before = stored(database)
        begun = time.monotonic()
        command = [*rag, "ingest", str(folder), "--corpus", CORPUS, "--json"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
            peaks = _watch(process, database, begun, moment_s)
            told = process.stdout.read() if process.stdout is not None and not peaks["killed"] else ""
        note = {
            "seconds": time.monotonic() - begun,
            "documents_before": before,
            "documents_after": stored(database),
            **peaks,
            "report": last_json(told) if "{" in told else None,
        }
    finally:
        database.close()
    with (data.parent / "legs.jsonl").open("a") as out:
        out.write(json.dumps(note) + "\n")
    return note


def _watch(
    process: "subprocess.Popen[str]", database: Database, begun: float, moment_s: float
) -> dict[str, Any]:
    """Waits for the process, and kills it when its time has come; notes memory, and the job's course."""
    peaks = {"peak_memory_mb": 0.0, "reader_peak_memory_mb": 0.0}
    course: list[dict[str, float]] = []
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        seconds = time.monotonic() - begun
        if seconds > moment_s:
            process.kill()
            process.wait()
            break
        try:
            readers = sum(child.memory_info().rss for child in watched.children(recursive=True))
            own = watched.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        peaks["peak_memory_mb"] = max(peaks["peak_memory_mb"], own / 1e6)
        peaks["reader_peak_memory_mb"] = max(peaks["reader_peak_memory_mb"], readers / 1e6)
        if not course or seconds - course[-1]["seconds"] >= SAMPLE_S:
            times = watched.cpu_times()
            used_s = times.user + times.system
            course.append(
                {"seconds": seconds, "documents": noted(database), "memory_mb": own / 1e6, "cpu_s": used_s}
            )
        time.sleep(POLL_S)
    return {"killed": process.returncode == -signal.SIGKILL, **peaks, "course": course}


def noted(database: Database) -> int:
    """How many documents the newest job says that it has seen to."""
    with database.transaction() as session:
        found = session.scalar(
            text(
                "SELECT (SELECT sum(value::int) FROM jsonb_each_text(counts -> 'documents')) FROM jobs "
                "ORDER BY started_at DESC LIMIT 1"
            )
        )
    return int(found or 0)


def stored(database: Database) -> int:
    """How many documents the corpus has; 0 where there is none."""
    with database.transaction() as session:
        found = session.scalar(
            text(
                "SELECT count(*) FROM documents JOIN corpora ON corpora.id = documents.corpus_id "
                "WHERE corpora.name = :name"
            ),
            {"name": CORPUS},
        )
    return int(found or 0)


def check(folder: Path, data: Path) -> dict[str, Any]:
    """Compares the records of all files that were read to their ends with what is stored, and measures it."""
    legs = [json.loads(line) for line in (data.parent / "legs.jsonl").read_text().splitlines()]
    files = sorted(folder.glob("*.jsonl"))
    database = open_database(None, data)
    try:
        read = [file for file in files if file.absolute().as_uri() in read_to_the_end(database)]
        figures = {"files": len(files), "files_read": len(read), **compared(database, *records_of(read))}
        figures |= sizes(database, figures["chunks"])
        stored_documents = stored(database)
    finally:
        database.close()
    return {
        **figures,
        "kills": sum(one["killed"] for one in legs),
        "documents_at_each_kill": [one["documents_after"] for one in legs if one["killed"]],
        "seconds": sum(one["seconds"] for one in legs),
        "documents_per_s": stored_documents / sum(one["seconds"] for one in legs),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in legs),
        "reader_peak_memory_mb": max(one["reader_peak_memory_mb"] for one in legs),
        "last_report": legs[-1]["report"],
    }


def read_to_the_end(database: Database) -> set[str]:
    """The sources of the files that jobs have read; of a job that is done, all of its files."""
    with database.transaction() as session:
        return set(session.scalars(text("SELECT DISTINCT source FROM job_documents WHERE status = 'read'")))


def records_of(files: Sequence[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """The hash of each record's text by its source, and by that of copies how they were made."""
    wanted, copies = {}, {}
    for file in files:
        with file.open() as lines:
            for record in map(json.loads, lines):
                source = f"{file.absolute().as_uri()}#{record['id']}"
                wanted[source] = sha256(normalise(record["text"]))
                if "copy" in record:
                    copies[source] = record["copy"]
    return wanted, copies


def compared(database: Database, wanted: dict[str, str], copies: dict[str, str]) -> dict[str, Any]:
    """How many records are stored as they are, and what there is too much or too little of."""
    with database.transaction() as session:
        corpus = corpora.get(session, CORPUS)
        statuses: Counter[str] = Counter()
        same, foreign, seen = 0, 0, 0
        files = {source.partition("#")[0] for source in wanted}
        rows = session.execute(
            text("SELECT source, sha256, status, current_version FROM documents WHERE corpus_id = :id"),
            {"id": corpus.id},
            execution_options={"yield_per": 10_000},
        )
        again = 0
        made: Counter[str] = Counter(f"copies_{kind}" for kind in copies.values())
        for source, digest, status, version in rows:
            if source.partition("#")[0] not in files:
                continue  # of a file that is in work
            if source in copies:
                made[f"copies_{copies[source]}_as_{status}"] += 1
            seen += 1
            statuses[status] += 1
            again += version > 1
            same += wanted.get(source) == digest
            foreign += source not in wanted
        found = session.execute(text(_CHUNKS), {"id": corpus.id}).one()._asdict()
    return {
        "records": len(wanted),
        "documents": seen,
        "documents_with_the_text_of_their_record": same,
        "documents_of_no_record": foreign,
        "records_lost": len(wanted) - (seen - foreign),
        "documents_stored_twice": again,
        **{f"documents_{status}": number for status, number in sorted(statuses.items())},
        **made,
        **found,
    }


_CHUNKS = """
    SELECT (SELECT count(*) FROM chunks WHERE corpus_id = :id) AS chunks,
           (SELECT count(*) FROM chunks WHERE corpus_id = :id AND searchable) AS chunks_searchable,
           (SELECT count(*) FROM (SELECT 1 FROM chunks WHERE corpus_id = :id
             GROUP BY document_id, version, ordinal HAVING count(*) > 1) AS doubled) AS chunks_doubled,
           (SELECT count(*) FROM index_log WHERE corpus_id = :id) AS index_log_rows,
           (SELECT count(DISTINCT chunk_id) FROM index_log WHERE corpus_id = :id) AS index_log_chunks
"""


def sizes(database: Database, chunks: int) -> dict[str, Any]:
    """What tables take on disk with their indexes, largest first, and all of it per chunk."""
    with database.transaction() as session:
        rows = session.execute(
            text(
                "SELECT relname, pg_total_relation_size(oid) AS size_bytes FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 8"
            )
        ).all()
        whole = int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    return {
        "database_mb": whole / 1e6,
        "database_bytes_per_chunk": whole / max(chunks, 1),
        "bytes_per_chunk_by_table": {name: round(size / max(chunks, 1)) for name, size in rows},
    }


if __name__ == "__main__":
    main()
