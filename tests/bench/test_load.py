"""The load generator against a server whose answers are known."""

import gzip
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from bench.load import Target, crowd, measure_first_token, measure_overhead, recover

STREAM = (
    b"event: retrieval\nid: a:1\ndata: {}\n\n"
    b'event: token\nid: a:2\ndata: {"text": "Yes."}\n\n'
    b'event: done\nid: a:3\ndata: {"response_id": "r", "abstained": false}\n\n'
)


@pytest.fixture
def target() -> Iterator[Target]:
    """A server that is busy at every third request."""
    numbers = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            timings = {"retrieve": 0.0, "generate": 0.0, "cite": 0.0, "score": 0.0, "total": 0.0}
            answer = STREAM if body.get("stream") else json.dumps({"timings_ms": timings}).encode()
            self.send_response(503 if body.get("question") == "busy?" and next(numbers) % 3 == 0 else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Target(server.server_port, "gw_x", ["busy?"])
    server.shutdown()
    server.server_close()


def test_crowd_counts_what_comes_back(target: Target) -> None:
    served = crowd(target, target.ask, 4, 0.3)
    figures = served.figures("some")
    assert figures["some_busy"] == served.statuses[503] > 0
    assert figures["some_errors"] == 0
    assert figures["some_per_s"] == pytest.approx(served.statuses[200] / served.seconds)
    assert 0 < figures["some_p50_ms"] <= figures["some_p99_ms"]


def test_server_that_is_gone_is_an_error(target: Target) -> None:
    gone = Target(9, "gw_x", ["Why?"])
    assert crowd(gone, gone.ask, 1, 0.05).figures("some")["some_errors"] > 0


def test_streams_recovery_and_overhead_are_timed(target: Target) -> None:
    assert recover(target, 10_000) < 10
    target.questions = ["Why?"] * 8
    first = measure_first_token(target, 5)
    assert first["first_token_n"] == 8 and first["first_token_p50_ms"] > 0
    assert measure_overhead(target, 5)["overhead_n"] == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whole_measurement_has_a_figure_for_each_part(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "questions.jsonl.gz", "wt") as file:
        for number in range(12):
            passage = f"The fox number {number} lives in den {number} at the river."
            example = {
                "id": str(number),
                "source": "made",
                "license": "none",
                "title": f"Fox {number}",
                "passage": passage,
                "question": f"Where does the fox number {number} live?",
                "answers": [{"text": f"den {number}", "start": passage.index("den")}],
                "answerable": True,
            }
            file.write(json.dumps(example) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    arguments = ["--seconds", "0.5", "--clients", "1", "4", "--crowd", "60", "--port", port]
    out = tmp_path / "load.json"
    subprocess.run(
        [sys.executable, "-m", "bench.load", tmp_path / "questions.jsonl.gz", *arguments, "--out", out],
        check=True,
    )
    figures = json.loads(out.read_text())["figures"]
    assert figures["passages"] == 12
    for clients in (1, 4):
        assert figures[f"answers_{clients}_clients_per_s"] > 0
        assert figures[f"answers_{clients}_clients_errors"] == 0
    assert figures["overload_busy"] > 0 and figures["overload_errors"] == 0
    assert figures["overload_recovery_s"] < 60
    assert figures["search_16_clients_per_s"] > 0 and figures["search_16_clients_errors"] == 0
    assert figures["overhead_n"] > 0
