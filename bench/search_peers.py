"""Hybrid searches per second: ours beside LangChain, LlamaIndex, Haystack and txtai, in turns.

    python -m bench.search_peers prepare FOLDER --texts FILE.jsonl --questions FILE --count 100000
    python -m bench.search_peers measure FOLDER --python /venv/with/the/peers/bin/python --out FILE

`prepare` embeds texts (`text` of each line) and questions once and ingests the texts as the corpus `bench`;
every system gets the same. With `cheap` of `bench.encoder_pair` that takes minutes; `python -m
bench.encoder_pair adopt FOLDER/data bench FULL`, and `FULL` in FOLDER/encoder, have the questions embedded at
MiniLM's cost. Each system runs in a process of its own (`bench.search_systems`), and they are asked a few
questions each in turns, in two ways: with the same model embedding the question in the system's own wrapper,
and given its vector. Ours is asked as a library and, embedding, over HTTP. Ratios are of the medians; a
system that takes longer than half a second is asked a quarter of the questions.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice, product
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from api.threads import set_threads
from bench.ask import RAG, serving
from bench.environment import ROOT, environment, last_json, run, write_json
from bench.search_systems import SYSTEMS, TOP_K
from rag.encoder import Encoder
from rag.training.data import read_examples, read_lines

OVER_HTTP = "groundwork over HTTP"
WAYS = ("embed", "given")
SLOW_MS = 500.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["prepare", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=Path, help="JSON Lines with `text`")
    parser.add_argument("--questions", type=Path, help="a question file")
    parser.add_argument("--encoder", default="all-MiniLM-L6-v2")
    parser.add_argument("--count", type=int, default=100_000, help="of texts")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--python", default=sys.executable, help="that the other systems are installed for")
    parser.add_argument("--port", type=int, default=18_087)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        prepare(arguments)
        return
    env = environment()
    figures: dict[str, Any] = {}
    for figures in measure(arguments):  # after each turn: a run that is cut short has measured something
        if arguments.out:
            write_json(figures, arguments.out, env)
    print(json.dumps(figures, indent=2))


def prepare(arguments: argparse.Namespace) -> None:
    """Write texts, questions and their vectors, and ingest the texts."""
    folder: Path = arguments.folder
    folder.mkdir(parents=True)
    texts = [json.loads(line)["text"] for line in islice(read_lines(arguments.texts), arguments.count)]
    texts = list(dict.fromkeys(texts))
    asked = (example.question for example in read_examples(arguments.questions))
    questions = list(islice(dict.fromkeys(asked), arguments.queries))
    set_threads(None)
    encoder = Encoder(arguments.encoder)
    for name, lines in (("texts", texts), ("queries", questions)):
        records = (json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(lines))
        (folder / f"{name}.jsonl").write_text("".join(records))
    np.save(folder / "vectors.npy", encoder.encode(texts))
    np.save(folder / "query_vectors.npy", encoder.encode(questions))
    (folder / "encoder").write_text(str(arguments.encoder))
    print(run([*RAG, "ingest", str(folder / "texts.jsonl"), "--corpus", "bench", "--json"], shell_of(folder)))


def shell_of(folder: Path) -> dict[str, str]:
    """The environment in which our commands work on the folder."""
    encoder = (folder / "encoder").read_text()
    return {**os.environ, "RAG_DATA_DIR": str(folder / "data"), "RAG_ENCODER": encoder}


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Ask every system in turns; gives what is known after each."""
    folder: Path = arguments.folder
    shell = {**shell_of(folder), "RAG_PORT": str(arguments.port), "PYTHONPATH": str(ROOT)}
    questions = [json.loads(line)["text"] for line in read_lines(folder / "queries.jsonl")]
    key = last_json(run([*RAG, "keys", "create", "--role", "reader", "--user", "bench", "--json"], shell))
    times: dict[str, dict[str, list[float]]] = {way: {} for way in WAYS}
    built: dict[str, float] = {}
    slow: set[tuple[str, str]] = set()
    with ExitStack() as running:
        client = running.enter_context(serving(shell, key["key"]))
        systems = {name: running.enter_context(System(name, arguments, shell)) for name in arguments.systems}
        for name, system in systems.items():
            built[name] = system.built_s()
        for turn in range(-1, arguments.rounds):  # the first does not count
            share = range(max(0, turn), len(questions), arguments.rounds)
            some = range(share.start, share.start + 1) if turn < 0 else share
            for (name, system), way in product(systems.items(), WAYS):
                taken = [system.ask(way, n) for n in (some[::4] if (name, way) in slow else some)]
                if turn >= 0:
                    times[way].setdefault(name, []).extend(taken)
                elif taken[0] > SLOW_MS:
                    slow.add((name, way))
            over_http = [ask(client, questions[n]) for n in some]
            times["embed"].setdefault(OVER_HTTP, []).extend(over_http if turn >= 0 else [])
            if turn >= 0:
                yield {
                    "texts": sum(1 for _ in read_lines(folder / "texts.jsonl")),
                    "turns": f"{turn + 1} of {arguments.rounds}",
                    "embedding_the_question": compare(times["embed"], built),
                    "given_its_vector": compare(times["given"], built),
                }


def compare(times: dict[str, list[float]], built: dict[str, float]) -> dict[str, Any]:
    """What each system takes, and how many times as long as ours."""
    ours = {name: float(np.median(times[name])) for name in ("groundwork", OVER_HTTP) if name in times}
    return {
        name: {
            "build_s": built.get(name),
            "p50_ms": float(np.median(taken)),
            "queries_per_s": 1000 * len(taken) / sum(taken),
            **{f"times_{of.replace(' ', '_')}": float(np.median(taken)) / p50 for of, p50 in ours.items()},
        }
        for name, taken in times.items()
    }


class System:
    """A process of `bench.search_systems`."""

    def __init__(self, name: str, arguments: argparse.Namespace, shell: dict[str, str]) -> None:
        python = sys.executable if name == "groundwork" else arguments.python
        command = [python, "-m", "bench.search_systems", name, str(arguments.folder)]
        self._process = subprocess.Popen(
            command,
            env=shell,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "System":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def built_s(self) -> float:
        """Wait until its index is there; how long that took."""
        return float(self._read()["build_s"])

    def ask(self, way: str, number: int) -> float:
        """Ask one question; how many ms it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{way} {number} {number + 1}\n")
        self._process.stdin.flush()
        answered = self._read()
        if min(answered["hits"]) < 1:
            raise RuntimeError(f"question {number} found nothing")
        return float(answered["times_ms"][0])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise RuntimeError(f"{self._process.args!r} ended")


def ask(client: httpx.Client, question: str) -> float:
    """A search over HTTP; how many ms it took."""
    begun = time.perf_counter()
    response = client.post("/v1/search", json={"query": question, "corpus": "bench", "top_k": TOP_K})
    elapsed_ms = 1000 * (time.perf_counter() - begun)
    response.raise_for_status()
    return elapsed_ms


if __name__ == "__main__":
    main()
