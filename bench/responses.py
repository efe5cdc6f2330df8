"""A log of a million responses over HTTP: lists, searches, the overview, orders, exports.

    python -m bench.responses fill FOLDER FILE… --responses 1000000
    python -m bench.responses measure FOLDER --out FILE

`fill` makes the log in the data folder from the questions of files; `measure` asks a server that it starts
there, once as an administrator and once as a reviewer from whom two corpora and some documents are hidden.
Each filter is asked for several times with other values and for the page after; times are those of the
client.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from bench.ask import RAG, serving
from bench.environment import environment, last_json, run, write_json
from bench.response_log import CORPORA, REVIEWER, USERS, fill
from rag.evaluation.metrics import percentile
from rag.training.data import read_examples
from store.postgres import migrate, open_database

POOL = 20_000
PAGE = 50
ROUNDS = 12
PARTS = ("filters", "text", "orders", "overview", "exports")

Values = Callable[[random.Random, Mapping[str, Any]], str]

FILTERS: Mapping[str, Values] = {
    "user": lambda rng, seen: f"user:user{1 + int(USERS * rng.random() ** 3)}",
    "corpus": lambda rng, seen: f"corpus:corpus{rng.randint(1, CORPORA)}",
    "model": lambda rng, seen: f"model:groundwork-{rng.randrange(3)}",
    "session": lambda rng, seen: f"session:{seen['session_id']}",
    "document": lambda rng, seen: f"document:{seen['document_id']}",
    "abstained": lambda rng, seen: rng.choice(("abstained", "-abstained")),
    "thumb": lambda rng, seen: f"thumb:{rng.choice(('up', 'down', 'any'))}",
    "commented": lambda rng, seen: "commented",
    "corrected": lambda rng, seen: rng.choice(("corrected", "-corrected")),
    "reviewed": lambda rng, seen: rng.choice(("reviewed", "-reviewed")),
    "score": lambda rng, seen: f"score.overall:<{rng.choice((0.5, 0.9, 0.1, 0.01))}",
    "score_of_persons": lambda rng, seen: rng.choice(("score.correct:false", "score.correct:true")),
    "score_that_none_has": lambda rng, seen: "score.overall:>1",
    "probability": lambda rng, seen: f"probability:<{rng.choice((0.5, 0.1, 0.01, 0.0001))}",
    "latency": lambda rng, seen: f"latency:>{rng.choice((500, 1500, 1820, 5000))}",
    "since": lambda rng, seen: f"since:{rng.randint(1, 300)}d",
    "until": lambda rng, seen: f"until:{rng.randint(1, 300)}d",
}
TEXTS: Mapping[str, Values] = {
    "word_of_a_question": lambda rng, seen: f"text:{rng.choice(seen['words'])}",
    "phrase_of_a_question": lambda rng, seen: f'text:"{seen["phrase"]}"',
    "word_in_every_third": lambda rng, seen: f"text:{rng.choice(('what', 'the', 'was', 'how many', 'case'))}",
    "one_response": lambda rng, seen: f"text:{rng.randrange(1_000_000)}",
    "nothing": lambda rng, seen: f"text:zyzzyva{rng.randrange(1000)}",
    "inside_of_a_word": lambda rng, seen: f"text:{rng.choice(seen['words'])[1:-1]}",
}
ORDERS = ("probability", "-probability", "latency", "-latency", "score.overall", "-score.groundedness")
SPANS = {"30d": 86_400, "365d": 14 * 86_400}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    acts = parser.add_subparsers(dest="act", required=True)
    filling = acts.add_parser("fill")
    filling.add_argument("folder", type=Path)
    filling.add_argument("files", type=Path, nargs="+")
    filling.add_argument("--responses", type=int, default=1_000_000)
    measuring = acts.add_parser("measure")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    measuring.add_argument("--rounds", type=int, default=ROUNDS)
    measuring.add_argument("--export-seconds", type=float, default=10.0)
    measuring.add_argument("--as", dest="roles", nargs="+", choices=ROLES, default=list(ROLES))
    measuring.add_argument("--port", type=int, default=18_087)
    measuring.add_argument("--seed", type=int, default=7)
    measuring.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.act == "fill":
        fill_folder(arguments.folder, arguments.files, arguments.responses)
    else:
        measure_folder(arguments)


def fill_folder(folder: Path, files: list[Path], count: int) -> None:
    """Make the log in the embedded database of a data folder."""
    examples = [e for file in files for e in read_examples(file) if e.answerable][:POOL]
    database = open_database(None, folder)
    try:
        migrate(database)
        fill(database.url.replace("+psycopg", ""), examples, count)
    finally:
        database.close()


ROLES = {"administrator": "root", "reviewer": REVIEWER}


def measure_folder(arguments: argparse.Namespace) -> None:
    """Start a server in the folder and measure each part as each role."""
    env = environment(arguments.seed)
    shell = {**os.environ, "RAG_DATA_DIR": str(arguments.folder), "RAG_PORT": str(arguments.port)}
    figures: dict[str, Any] = {}
    for role in arguments.roles:
        made = run([*RAG, "keys", "create", "--role", role, "--user", ROLES[role], "--json"], shell)
        with serving(shell, last_json(made)["key"]) as client:
            while not is_warm(client):  # bench.warm_up measures what is before
                time.sleep(0.2)
            for part in (part for part in PARTS if part in arguments.parts):
                rows = figures.setdefault(role, {})[part] = list(MEASURED[part](client, arguments))
                for row in rows:
                    shown = "  ".join(f"{name} {value:,.0f}" for name, value in row.items() if name != "what")
                    print(f"{role:13} {part:8} {row['what']:28} {shown}", flush=True)
                if arguments.out:  # after each part: a run that is broken off has measured something
                    write_json({"figures": figures}, arguments.out, env)


def is_warm(client: httpx.Client) -> bool:
    """Whether the server has read into memory what it wants there."""
    return "groundwork_warm 1.0" in client.get("/metrics").raise_for_status().text


def filters(client: httpx.Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The first page of each filter with several values, and the page after it."""
    yield from _queries(client, arguments, {"none": lambda rng, seen: "", **FILTERS})


def text(client: httpx.Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Searches for words that many, few or no responses have."""
    yield from _queries(client, arguments, TEXTS)


def _queries(
    client: httpx.Client, arguments: argparse.Namespace, asked: Mapping[str, Values]
) -> Iterator[dict[str, Any]]:
    rng = random.Random(arguments.seed)
    seen = examples(client, rng)
    for what, values in asked.items():
        times, slowest = [], ("", 0.0)
        for _ in range(arguments.rounds):
            q = values(rng, rng.choice(seen))
            parameters: dict[str, Any] = {"q": q, "limit": PAGE}
            for _ in range(2):
                page, took_ms = timed(client, "/v1/responses", parameters)
                times.append(took_ms)
                slowest = max(slowest, (q, took_ms), key=lambda each: each[1])
                if page["next"] is None:
                    break
                parameters["cursor"] = page["next"]
        print(f"  {what}: slowest {slowest[0]!r} {slowest[1]:.0f} ms", file=sys.stderr, flush=True)
        yield {"what": what, **_summary(times)}


def examples(client: httpx.Client, rng: random.Random) -> list[dict[str, Any]]:
    """Responses of all times with a conversation, a document and words that can be looked for."""
    found = []
    for _ in range(10):
        page, _ = timed(
            client, "/v1/responses", {"q": f"until:{rng.randint(1, 360)}d -abstained", "limit": 2}
        )
        for listed in page["responses"]:
            whole = client.get(f"/v1/responses/{listed['id']}").raise_for_status().json()
            words = whole["question"].replace('"', " ").replace("(", " ").split()
            found.append(
                {
                    "session_id": whole["session_id"],
                    "document_id": whole["citations"][0]["document_id"],
                    "words": [word for word in words if len(word) > 3 and word.isalpha()] or ["when"],
                    "phrase": " ".join(words[:4]),
                }
            )
    return found


def orders(client: httpx.Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The first pages of each order, alone and with a filter."""
    for order in ORDERS:
        times = []
        for q in ("", "corpus:corpus5", "user:user3"):
            parameters: dict[str, Any] = {"q": q, "limit": PAGE, "order": order}
            for _ in range(4):
                page, took_ms = timed(client, "/v1/responses", parameters)
                times.append(took_ms)
                parameters["cursor"] = page["next"]
        yield {"what": order, **_summary(times)}


def overview(client: httpx.Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The overview of a month and of all, told apart by each thing."""
    for span, width in SPANS.items():
        for by in ("nothing", "model", "corpus", "group"):
            parameters = {"q": f"since:{span}", "by": by, "width_s": width}
            times = [timed(client, "/v1/overview", parameters)[1] for _ in range(5)]
            yield {"what": f"{span} by {by}", **_summary(times)}


def exports(client: httpx.Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rows a second of each export while it is read for some seconds, and how much the server grows."""
    server = _server(arguments.port)
    for what, format in (
        ("responses", "jsonl"), ("responses", "csv"), ("responses", "parquet"), ("scores", "csv"),
        ("corrections", "jsonl"), ("chat", "jsonl"),
    ):  # fmt: skip
        before = server.memory_info().rss
        most, rows, size_bytes, begun = before, 0, 0, time.perf_counter()
        with client.stream("GET", f"/v1/exports/{what}", params={"format": format}) as response:
            response.raise_for_status()
            for piece in response.iter_raw():
                rows += piece.count(b"\n")
                size_bytes += len(piece)
                most = max(most, server.memory_info().rss)
                if time.perf_counter() - begun > arguments.export_seconds:
                    break
        took_s = time.perf_counter() - begun
        row = {"what": f"{what} as {format}", "mb_per_s": size_bytes / took_s / 1e6}
        if format != "parquet":  # what is in it can only be told of a whole one
            row["rows_per_s"] = rows / took_s
        yield {**row, "grown_mb": (most - before) / 1e6}


def _server(port: int) -> psutil.Process:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port:
            return psutil.Process(connection.pid)
    raise RuntimeError(f"nothing listens on port {port}")


def timed(client: httpx.Client, path: str, parameters: Mapping[str, Any]) -> tuple[Any, float]:
    """What is answered, and after how many milliseconds."""
    begun = time.perf_counter()
    response = client.get(path, params=dict(parameters))
    took_ms = (time.perf_counter() - begun) * 1000
    return response.raise_for_status().json(), took_ms


def _summary(times_ms: list[float]) -> dict[str, float]:
    return {
        "n": len(times_ms), "p50_ms": median(times_ms), "p95_ms": percentile(times_ms, 95),
        "max_ms": max(times_ms),
    }  # fmt: skip


MEASURED: Mapping[str, Callable[[httpx.Client, argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "filters": filters, "text": text, "orders": orders, "overview": overview, "exports": exports,
}  # fmt: skip


if __name__ == "__main__":
    main()
