"""The generator by itself: how long one answer takes, what it needs, and what the ways of decoding bring.

    python -m bench.generator QA_FILE --questions 50 --out bench/results/generator.json

The questions come from the held-out articles of a training file; each is read with ten passages cut to 180
word pieces: its own and nine others. Speed is measured in float32 and bfloat16, alternating, after a warm-up,
with the scorer and the encoder of the settings, which as in a server look again at the sentence pointed at.
Memory is measured in a process of its own, without these two, as what loading a checkpoint, answering once,
and answering many times from other numbers of passages of other lengths adds to the imports.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from api.scorers import load_judge
from api.settings import load_settings, shipped_checkpoint
from api.threads import prepare_torch, set_threads
from bench.environment import environment, last_json, report
from rag.evaluation.metrics import exact_match, percentile, token_f1
from rag.generator.batcher import Batcher, BatchSettings
from rag.generator.generate import Asked, LocalGenerator
from rag.generator.passages import Passage, Reader
from rag.generator.settings import GREEDY, GenerationSettings, Style
from rag.training.data import Example, read_examples
from rag.training.mixture import is_held_out

PASSAGES = 10
PASSAGE_PIECES = 180
AT_ONCE = 8
MANY = 300
PRECISIONS = ("float32", "bfloat16")
WAYS = {
    "greedy": GenerationSettings(style=Style.SPAN),
    "beams_2": GenerationSettings(style=Style.SPAN, beams=2),
    "beams_4": GenerationSettings(style=Style.SPAN, beams=4),
    "beams_8": GenerationSettings(style=Style.SPAN, beams=8),
    "temperature_0.7": GenerationSettings(style=Style.SPAN, temperature=0.7),
    "temperature_1_top_p_0.9": GenerationSettings(style=Style.SPAN, temperature=1.0, top_p=0.9),
    "temperature_1": GenerationSettings(style=Style.SPAN, temperature=1.0),
}


@dataclass(frozen=True)
class Question:
    """A held-out question with its passages and the answers that count as right."""

    text: str
    passages: tuple[Passage, ...]
    expected: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=shipped_checkpoint())
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--held-out", type=float, default=0.05, help="share of articles, as in training")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--memory-of", choices=PRECISIONS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    prepare_torch()
    env = environment(arguments.seed)
    set_threads(arguments.threads)
    if arguments.memory_of:
        print_memory(arguments.checkpoint, arguments.memory_of)
        return
    judge = load_judge(load_settings())
    generators = {p: LocalGenerator(arguments.checkpoint, precision=p, judge=judge) for p in PRECISIONS}
    questions = held_out_questions(arguments, generators["float32"].reader)
    figures: dict[str, Any] = {"questions": len(questions), "model": generators["float32"].name}
    figures |= latencies(generators, questions)
    for precision in PRECISIONS:
        figures |= memory(arguments, precision)
    for precision, generator in generators.items():
        figures |= throughput(generator, questions, precision)
    for name, way in WAYS.items():
        figures |= quality(generators["float32"], questions, name, way)
    report("The generator alone", figures, arguments.out, env)


def held_out_questions(arguments: argparse.Namespace, reader: Reader) -> list[Question]:
    """Answerable questions of articles that training leaves out, each with nine passages of other ones."""
    examples = [e for e in read_examples(arguments.file) if is_held_out(e, arguments.held_out)]
    chance = random.Random(arguments.seed)
    texts = list(dict.fromkeys(e.passages[0] for e in examples))
    if len(texts) < PASSAGES:
        raise SystemExit(
            f"{arguments.file} holds out {len(texts)} passages, {PASSAGES} are needed: --held-out"
        )
    asked = [e for e in examples if e.answers and e.answers[0].start >= 0]
    chance.shuffle(asked)
    return [make_question(e, texts, reader, chance) for e in asked[: arguments.questions]]


def make_question(
    example: Example, texts: Sequence[Passage], reader: Reader, chance: random.Random
) -> Question:
    own = example.passages[0]
    others = chance.sample([t for t in texts if t != own], PASSAGES - 1)
    passages = [cut(p, reader) for p in others]
    passages.insert(chance.randrange(PASSAGES), cut(own, reader, around=example.answers[0].start))
    return Question(example.question, tuple(passages), tuple(a.text for a in example.answers))


def cut(passage: Passage, reader: Reader, around: int = 0) -> Passage:
    """So many word pieces of a passage, with a character in them; short ones are filled by repeating."""
    text = passage.text
    pieces = reader.pieces([text])[0]
    while len(pieces.ids) < PASSAGE_PIECES:
        text = f"{text} {passage.text}"
        pieces = reader.pieces([text])[0]
    at = next(i for i, (_, end) in enumerate(pieces.offsets) if end > around)
    first = min(max(0, at - PASSAGE_PIECES // 2), len(pieces.ids) - PASSAGE_PIECES)
    last = first + PASSAGE_PIECES - 1
    return Passage(text[pieces.offsets[first][0] : pieces.offsets[last][1]], passage.title)


def latencies(generators: dict[str, LocalGenerator], questions: Sequence[Question]) -> dict[str, float]:
    """Time of one answer; the precisions alternate, so that a busy moment meets both."""
    taken: dict[str, list[float]] = {precision: [] for precision in generators}
    for generator in generators.values():
        generator.generate(questions[0].text, questions[0].passages)
    for question in questions:
        for precision, generator in generators.items():
            taken[precision].append(timed(lambda: generator.generate(question.text, question.passages)))  # noqa: B023
    return {
        f"latency_ms_p{share}_{precision}": 1000 * percentile(times, share)
        for precision, times in taken.items()
        for share in (50, 95)
    }


def throughput(generator: LocalGenerator, questions: Sequence[Question], precision: str) -> dict[str, float]:
    """Answers each second: singly, eight in a batch, and by eight threads through the batcher."""
    chosen = [questions[i % len(questions)] for i in range(2 * AT_ONCE)]
    asked = [Asked(q.text, q.passages) for q in chosen]
    batcher = Batcher(generator, BatchSettings(at_once=AT_ONCE))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        batches = [asked[begin : begin + AT_ONCE] for begin in range(0, len(asked), AT_ONCE)]
        singly_s = timed(lambda: [generator.answer([one]) for one in asked])
        together_s = timed(lambda: [generator.answer(batch) for batch in batches])
        threads_s = timed(lambda: list(threads.map(lambda q: batcher.generate(q.text, q.passages), chosen)))
    batcher.close()
    return {
        f"answers_per_s_singly_{precision}": len(asked) / singly_s,
        f"answers_per_s_batched_{precision}": len(asked) / together_s,
        f"answers_per_s_{AT_ONCE}_threads_{precision}": len(asked) / threads_s,
        f"batched_to_singly_{precision}": singly_s / together_s,
    }


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def quality(
    generator: LocalGenerator, questions: Sequence[Question], name: str, way: GenerationSettings
) -> dict[str, float]:
    """Exact match and F1 of one way of decoding, and what it takes."""
    begun = time.perf_counter()
    answers = [generator.generate(q.text, q.passages, way).text for q in questions]
    elapsed_s = time.perf_counter() - begun
    pairs = list(zip(answers, questions, strict=True))
    return {
        f"{name}_exact_match": 100 * mean(max(exact_match(a, e) for e in q.expected) for a, q in pairs),
        f"{name}_f1": 100 * mean(max(token_f1(a, e) for e in q.expected) for a, q in pairs),
        f"{name}_ms": 1000 * elapsed_s / len(questions),
    }


def memory(arguments: argparse.Namespace, precision: str) -> dict[str, float]:
    """MiB that a checkpoint, one answer and many add, in a process that did nothing else."""
    command = [sys.executable, "-m", "bench.generator", str(arguments.file), "--memory-of", precision]
    command += ["--checkpoint", str(arguments.checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {f"{name}_{precision}": value for name, value in last_json(done.stdout).items()}


def print_memory(checkpoint: Path, precision: str) -> None:
    import psutil

    process = psutil.Process()
    before = process.memory_info().rss
    generator = LocalGenerator(checkpoint, precision=precision)
    loaded = process.memory_info().rss
    passages = tuple(Passage("word " * PASSAGE_PIECES) for _ in range(PASSAGES))
    generator.generate("What is the word?", passages, GREEDY)
    after = process.memory_info().rss
    chance = random.Random(0)
    for _ in range(MANY):
        lengths = [chance.randint(1, PASSAGE_PIECES) for _ in range(chance.randint(1, PASSAGES))]
        generator.generate("What is the word?", [Passage("word " * length) for length in lengths], GREEDY)
    after_many = process.memory_info().rss
    mib = 2**20
    print(
        json.dumps(
            {
                "memory_mib_loaded": (loaded - before) / mib,
                "memory_mib_answering": (after - before) / mib,
                "memory_mib_answering_many": (after_many - before) / mib,
            }
        )
    )


if __name__ == "__main__":
    main()
