"""The first lists, searches and overviews after a start, with nothing of the data folder in memory.

    python -m bench.warm_up FOLDER --out FILE

FOLDER is one that `bench.responses fill` made. A server is started there twice, each time after the system
was told to forget the folder's files: once it reads nothing before it is asked, once it warms up first. While
it does, the same list is asked for over and over, and after it again.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench.ask import RAG, serving
from bench.environment import environment, last_json, report, run
from bench.responses import SPANS, examples, is_warm, timed
from rag.evaluation.metrics import percentile

WORDS = 6
LISTED_AFTER = 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=18_088)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    shell = {**os.environ, "RAG_DATA_DIR": str(arguments.folder), "RAG_PORT": str(arguments.port)}
    made = run([*RAG, "keys", "create", "--role", "administrator", "--user", "root", "--json"], shell)
    key = last_json(made)["key"]
    with serving({**shell, "RAG_WARM_UP": "0"}, key) as client:
        seen = examples(client, random.Random(arguments.seed))
    words = sorted({word for each in seen for word in each["words"]}, key=len)[-WORDS:]
    figures: dict[str, Any] = {}
    for what, share in (("cold", "0"), ("warmed up", "0.5")):
        size_bytes = forget(arguments.folder)
        began = time.perf_counter()
        with serving({**shell, "RAG_WARM_UP": share}, key) as client:
            found = {"folder_gb": size_bytes / 1e9, "ready_s": time.perf_counter() - began}
            if share != "0":
                found |= while_it_warms_up(client)
            figures[what] = found | {f"{name} ms": took for name, took in firsts(client, words)}
            print(what, figures[what], flush=True)
    report("the first requests after a start", figures, arguments.out, env)


def forget(folder: Path) -> int:
    """Have the system forget the files of a folder that nobody uses; gives their size."""
    size_bytes = 0
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)  # what is not written yet is not forgotten
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                size_bytes += os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
    return size_bytes


def while_it_warms_up(client: httpx.Client) -> dict[str, float]:
    """How long it takes, and a list meanwhile and afterwards."""
    began, meanwhile = time.perf_counter(), []
    while not is_warm(client):
        meanwhile.append(listed_ms(client))
        time.sleep(0.1)
    took_s = time.perf_counter() - began
    after = [listed_ms(client) for _ in range(LISTED_AFTER)]
    meanwhile = meanwhile[1:]  # the first reads its page
    return {
        "warm_after_ready_s": took_s, "lists_meanwhile": len(meanwhile),
        "list_meanwhile_p50_ms": median(meanwhile), "list_meanwhile_p95_ms": percentile(meanwhile, 95),
        "list_after_p50_ms": median(after), "list_after_p95_ms": percentile(after, 95),
    }  # fmt: skip


def listed_ms(client: httpx.Client) -> float:
    return timed(client, "/v1/responses", {"limit": 50})[1]


def firsts(client: httpx.Client, words: list[str]) -> Iterator[tuple[str, float]]:
    """Each asked for once."""
    for word in words:
        yield f"text:{word}", timed(client, "/v1/responses", {"q": f"text:{word}", "limit": 50})[1]
    for q in ("user:user3", "score.overall:<0.1", "reviewed", "thumb:down", "until:200d"):
        yield q, timed(client, "/v1/responses", {"q": q, "limit": 50})[1]
    for span, width in SPANS.items():
        parameters = {"q": f"since:{span}", "by": "corpus", "width_s": width}
        yield f"overview {span}", timed(client, "/v1/overview", parameters)[1]


if __name__ == "__main__":
    main()
