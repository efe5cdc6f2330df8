"""What scoring adds to an answer over HTTP: the same questions of two servers in turns, one of them unscored.

    python -m bench.scoring FILE --questions 60 --out FILE

Both servers share the data folder and all settings; the second is given a scorer that gives no scores. Each
question goes to both, one after the other, the first of them by turns. What is asked is warm: models and
indexes are loaded, and some questions were asked before.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.build import build
from api.lazy import Lazy
from api.logs import configure_logging
from api.settings import load_settings
from bench.ask import RAG, serving, write_passages
from bench.environment import environment, last_json, report, run
from rag.evaluation.metrics import percentile
from rag.scoring.answer import AnswerToScore
from rag.training.data import read_examples
from store.evaluations import Evaluation

WARM = 6
CORPUS = "bench"


class Unscored:
    """Gives no score, at once."""

    def score(self, answer: AnswerToScore) -> tuple[Evaluation, ...]:
        """None."""
        return ()

    def score_many(self, answers: Sequence[AnswerToScore]) -> list[tuple[Evaluation, ...]]:
        """None of any."""
        return [() for _ in answers]


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        serve_unscored()
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the corpus is, or is made")
    parser.add_argument("--port", type=int, default=18_085)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    if arguments.folder is not None:
        figures = measure(arguments, arguments.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="bench-scoring-") as folder:
            figures = measure(arguments, Path(folder))
    report(f"Scoring, {arguments.file.name}", figures, arguments.out, env)


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the corpus if need be, start both servers, ask."""
    examples = list(read_examples(arguments.file))
    shell = {**os.environ, "RAG_DATA_DIR": str(folder / "data")}
    if not (folder / "data").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_passages(examples, folder / "passages.jsonl")
        run([*RAG, "migrate"], shell)
        run([*RAG, "ingest", str(folder / "passages.jsonl"), "--corpus", CORPUS, "--json"], shell)
    made = run([*RAG, "keys", "create", "--role", "reader", "--user", "bench", "--json"], shell)
    key = last_json(made)["key"]
    answerable = [e.question for e in examples if e.answerable]
    asked = random.Random(arguments.seed).sample(answerable, arguments.questions + WARM)
    unscored = [sys.executable, "-m", "bench.scoring", "serve"]
    ports = [{**shell, "RAG_PORT": str(arguments.port + i)} for i in range(2)]
    with serving(ports[0], key) as one, serving(ports[1], key, unscored) as other:
        return compare(one, other, asked)


def compare(scored: httpx.Client, bare: httpx.Client, asked: Sequence[str]) -> dict[str, Any]:
    """Ask both in turns; the differences are of the same question."""
    times: list[tuple[float, float]] = []
    stages, sentences = [], []
    for number, question in enumerate(asked):
        clients = [scored, bare] if number % 2 else [bare, scored]
        took = {}
        for client in clients:
            took[client], body = _ask(client, question)
            if client is scored and number >= WARM and not body["abstained"]:
                stages.append(body["timings_ms"]["score"])
                sentences.append(len(body["sentences"]))
        if number >= WARM and not body["abstained"]:
            times.append((took[scored], took[bare]))
    differences = [with_scores - without for with_scores, without in times]
    return {
        "answers": len(times),
        "sentences_mean": sum(sentences) / len(sentences),
        "scored_ms_p50": percentile([one for one, _ in times], 50),
        "bare_ms_p50": percentile([other for _, other in times], 50),
        "difference_of_p50_ms": median(one for one, _ in times) - median(other for _, other in times),
        "difference_ms_p50": median(differences),
        "stage_ms_p50": percentile(stages, 50),
        "stage_ms_p95": percentile(stages, 95),
    }


def _ask(client: httpx.Client, question: str) -> tuple[float, dict[str, Any]]:
    begun = time.perf_counter()
    response = client.post("/v1/ask", json={"question": question, "corpus": CORPUS})
    took_ms = (time.perf_counter() - begun) * 1000
    body: dict[str, Any] = response.raise_for_status().json()
    return took_ms, body


def serve_unscored() -> None:
    """`rag serve` without scores."""
    settings = load_settings()
    configure_logging("INFO")
    scorer: Lazy[Any] = Lazy(Unscored)
    application = build(settings, scorer=scorer)
    config = uvicorn.Config(
        create_app(settings, application), host=settings.host, port=settings.port, log_config=None,
        access_log=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
    application.close()


if __name__ == "__main__":
    main()
