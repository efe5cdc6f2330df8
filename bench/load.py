"""A server under load: answers per second, too many questions at once, searches, first tokens, overhead.

    python -m bench.load QUESTIONS.jsonl.gz --seconds 20 --out bench/results/load.json

The corpus is all passages of the question file. Clients are threads of this process and share the cores
with the server, as they do on a machine of one's own; run nothing else meanwhile. With `--data-dir` the
corpus is made once and kept there; with `--workers` so many servers share the port.

sustained   so many clients, each asking one question after the other: answers/s, latencies, errors
overload    200 clients: what comes back other than 200 and 503, and after how long one question is answered
            again as fast as before (twice the median of one client)
search      16 clients that search, without generator: by words and meaning, as is the default, and by words
first_token from the request to the first `token` of a stream, one after the other, ten passages
overhead    what a request takes beyond its stages (retrieve, generate, cite, score), the generator stubbed:
            API, access control and log
"""

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ask import RAG, serving, write_passages
from bench.environment import environment, report, run
from bench.line import Line
from rag.evaluation.metrics import percentile
from rag.training.data import read_examples

STAGES = ("retrieve", "generate", "cite", "score")
PARTS = ("sustained", "overload", "search", "first_token", "overhead")
STUBBED = [sys.executable, "-m", "bench.stubbed"]
CORPUS = "bench"


@dataclass
class Served:
    """What came back of the requests of all clients."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    """Of those that were answered with 200."""
    seconds: float = 0.0

    def figures(self, name: str) -> dict[str, Any]:
        """As they are reported."""
        failed = sum(count for status, count in self.statuses.items() if status not in (200, 503))
        times = self.latencies_ms or [float("nan")]
        return {
            f"{name}_per_s": len(self.latencies_ms) / self.seconds,
            f"{name}_p50_ms": percentile(times, 50),
            f"{name}_p95_ms": percentile(times, 95),
            f"{name}_p99_ms": percentile(times, 99),
            f"{name}_busy": self.statuses[503],
            f"{name}_errors": failed,
        }


class Target:
    """A server, and what is asked of it."""

    def __init__(self, port: int, key: str, questions: Sequence[str]) -> None:
        self._port = port
        self._key = key
        self.questions = questions

    def line(self) -> Line:
        return Line(self._port, self._key)

    @contextmanager
    def stream(self, question: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        body = {"question": question, "corpus": CORPUS, "stream": True, "top_k": 10}
        try:
            connection.request("POST", "/v1/ask", json.dumps(body), headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(self, line: Line, question: str) -> tuple[int, bytes]:
        return line.post("/v1/ask", {"question": question, "corpus": CORPUS})

    def search(self, line: Line, question: str) -> tuple[int, bytes]:
        return line.post("/v1/search", {"query": question, "corpus": CORPUS})

    def search_words(self, line: Line, question: str) -> tuple[int, bytes]:
        return line.post("/v1/search", {"query": question, "corpus": CORPUS, "mode": "keyword"})


Request = Callable[[Line, str], tuple[int, bytes]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="questions with their passages")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="of `sustained`")
    parser.add_argument("--crowd", type=int, default=200, help="clients of `overload`")
    parser.add_argument("--passages", type=int, help="only so many; default: all of the file's")
    parser.add_argument("--port", type=int, default=18_081)
    parser.add_argument("--workers", type=int, default=1, help="servers that share the port")
    parser.add_argument("--data-dir", type=Path, help="where the corpus is kept; default: made and deleted")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    figures = measure(arguments)
    report(f"{arguments.file.name}: {arguments.seconds:g} s each", figures, arguments.out, env)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the corpus, and measure each part that is wanted."""
    examples = list(read_examples(arguments.file))[: arguments.passages]
    questions = [e.question for e in examples if e.answerable]
    random.Random(arguments.seed).shuffle(questions)
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder:
        data = arguments.data_dir or Path(folder) / "data"
        data.mkdir(parents=True, exist_ok=True)
        shell = {**os.environ, "RAG_DATA_DIR": str(data), "RAG_PORT": str(arguments.port)}
        figures: dict[str, Any] = {
            "passages": write_passages(examples, data / "passages.jsonl"),
            "workers": arguments.workers,
        }
        run([*RAG, "migrate"], shell)
        run([*RAG, "ingest", str(data / "passages.jsonl"), "--corpus", CORPUS, "--json"], shell)
        made = run([*RAG, "keys", "create", "--role", "reader", "--user", "bench", "--json"], shell)
        target = Target(arguments.port, json.loads(made.splitlines()[-1])["key"], questions)
        if set(arguments.parts) - {"overhead"}:
            with ExitStack() as servers:
                shared = shell | {"RAG_SHARE_PORT": "true"}
                for _ in range(arguments.workers):
                    servers.enter_context(serving(shared, "unused"))
                figures |= measure_server(target, arguments)
        if "overhead" in arguments.parts:
            with serving(shell, "unused", STUBBED):
                figures |= measure_overhead(target, arguments.seconds)
    return figures


def measure_server(target: Target, arguments: argparse.Namespace) -> dict[str, Any]:
    """All parts that need the real generator."""
    figures: dict[str, Any] = {}
    seconds = arguments.seconds
    for question in target.questions[: 5 * arguments.workers]:  # what is loaded at the first is no part of it
        with target.line() as line:
            target.ask(line, question)
    if "sustained" in arguments.parts:
        for clients in arguments.clients:
            figures |= crowd(target, target.ask, clients, seconds).figures(f"answers_{clients}_clients")
    if "overload" in arguments.parts:
        alone = crowd(target, target.ask, 1, seconds / 4)
        figures |= crowd(target, target.ask, arguments.crowd, seconds).figures("overload")
        figures["overload_recovery_s"] = recover(target, 2 * percentile(alone.latencies_ms, 50))
    if "search" in arguments.parts:
        figures |= crowd(target, target.search, 16, seconds).figures("search_16_clients")
        figures |= crowd(target, target.search_words, 16, seconds).figures("search_words_16_clients")
    if "first_token" in arguments.parts:
        figures |= measure_first_token(target, seconds)
    return figures


def crowd(target: Target, request: Request, clients: int, seconds: float) -> Served:
    """So many clients at once, each sending one request after the other."""
    served, lock = Served(), threading.Lock()
    begun = time.perf_counter()

    def client(number: int) -> None:
        questions = random.Random(number)
        with target.line() as line:
            while time.perf_counter() - begun < seconds:
                sent = time.perf_counter()
                status = _status(line, request, questions.choice(target.questions))
                elapsed_ms = (time.perf_counter() - sent) * 1000
                with lock:
                    served.statuses[status] += 1
                    if status == http.client.OK:
                        served.latencies_ms.append(elapsed_ms)
                if status == http.client.SERVICE_UNAVAILABLE:
                    time.sleep(0.05)  # a client that tries again at once would only measure refusals

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served.seconds = time.perf_counter() - begun
    return served


def _status(line: Line, request: Request, question: str) -> int:
    try:
        return request(line, question)[0]
    except (OSError, http.client.HTTPException):
        return 0


def recover(target: Target, fast_ms: float) -> float:
    """Seconds until one question is answered as fast as before the crowd came."""
    begun = time.perf_counter()
    with target.line() as line:
        while time.perf_counter() - begun < 60:
            sent = time.perf_counter()
            status = _status(line, target.ask, target.questions[0])
            if status == http.client.OK and (time.perf_counter() - sent) * 1000 <= fast_ms:
                break
    return time.perf_counter() - begun


def measure_first_token(target: Target, seconds: float) -> dict[str, Any]:
    """How long a stream takes to its first token; abstentions, which come late by design, are left out."""
    waited: list[float] = []
    begun = time.perf_counter()
    for question in target.questions:
        if time.perf_counter() - begun > seconds:
            break
        sent = time.perf_counter()
        first_ms, abstained = 0.0, False
        with target.stream(question) as response:
            for line in response:
                if line == b"event: token\n" and not first_ms:
                    first_ms = (time.perf_counter() - sent) * 1000
                elif line.startswith(b'data: {"response_id"'):
                    abstained = json.loads(line.removeprefix(b"data: "))["abstained"]
            if first_ms and not abstained:
                waited.append(first_ms)
    times = waited or [float("nan")]
    return {
        "first_token_n": len(waited),
        "first_token_p50_ms": percentile(times, 50),
        "first_token_p95_ms": percentile(times, 95),
    }


def measure_overhead(target: Target, seconds: float) -> dict[str, Any]:
    """What a request takes beyond the stages that its response names."""
    beyond: list[float] = []
    begun = time.perf_counter()
    with target.line() as line:
        for number, question in enumerate(target.questions):
            if time.perf_counter() - begun > seconds:
                break
            sent = time.perf_counter()
            _, body = target.ask(line, question)
            elapsed_ms = (time.perf_counter() - sent) * 1000
            stages = json.loads(body)["timings_ms"]
            if number >= 5:
                beyond.append(elapsed_ms - sum(stages[name] for name in STAGES))
    times = beyond or [float("nan")]
    return {
        "overhead_n": len(beyond),
        "overhead_p50_ms": percentile(times, 50),
        "overhead_p95_ms": percentile(times, 95),
    }


if __name__ == "__main__":
    main()
