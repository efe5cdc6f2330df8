"""How fast passages are embedded, beside sentence-transformers with its defaults, in turns.

    python -m bench.embedding /path/to/medquad.jsonl.gz --texts 512 --rounds 5

Both encode the same texts with the same weights on the same threads. Other work of the machine slows both
alike, since they take turns: the ratio is what counts. The cosine says how far the vectors are apart.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.threads import choose_precision, set_threads
from bench.environment import environment, report
from rag.encoder import Encoder, minilm_directory
from rag.training.data import read_lines

WORDS = (20, 130)
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="JSON Lines, gzipped or not")
    parser.add_argument("--text-field", default="answer")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    set_threads(arguments.threads)
    texts = passages(arguments.file, arguments.text_field, arguments.texts, arguments.seed)
    precision = choose_precision("auto")
    figures = compare(Encoder(precision=precision), texts, arguments.rounds)
    report("Embedding, in turns", {"precision": precision, **figures}, arguments.out, env)


def passages(file: Path, field: str, number: int, seed: int) -> list[str]:
    """The beginnings of some of the file's texts, of as many words as passages have."""
    rng = random.Random(seed)
    texts = [" ".join(json.loads(line)[field].split()[: rng.randint(*WORDS)]) for line in read_lines(file)]
    return rng.sample([t for t in texts if t], min(number, len(texts)))


def compare(encoder: Encoder, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Encode all texts with both in turns; the first round is not counted."""
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(minilm_directory()), device="cpu", local_files_only=True)
    ours, theirs = encoder.encode(texts), _unit(plain.encode(list(texts), show_progress_bar=False))
    cosines = (ours * theirs).sum(axis=1)
    seconds = [
        (_seconds(encoder.encode, texts), _seconds(lambda t: plain.encode(list(t)), texts))
        for _ in range(rounds)
    ]
    tokens = sum(len(offsets) for offsets in encoder.token_offsets(texts))
    return {
        "texts": len(texts),
        "tokens_per_text": tokens / len(texts),
        "rounds": rounds,
        "ours_texts_per_s": len(texts) / median(s for s, _ in seconds),
        "sentence_transformers_texts_per_s": len(texts) / median(s for _, s in seconds),
        "ratio": median(b / a for a, b in seconds),
        "ratio_lowest": min(b / a for a, b in seconds),
        "ratio_highest": max(b / a for a, b in seconds),
        "cosine_lowest": float(cosines.min()),
    }


def _seconds(embed: Embed, texts: Sequence[str]) -> float:
    begun = time.perf_counter()
    embed(texts)
    return time.perf_counter() - begun


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
