"""The encoder that is installed with the package."""

from pathlib import Path

import numpy as np
import pytest

from bench.embedding import compare, passages
from rag.encoder import Encoder

TEXTS = ["A ship sailed to the port of Odessa.", "Leave is 30 days a year. " * 20, "x"]


@pytest.fixture(scope="module")
def exact() -> Encoder:
    return Encoder()


def test_bfloat16_keeps_the_direction_of_vectors(exact: Encoder) -> None:
    vectors = Encoder(precision="bfloat16").encode(TEXTS)
    cosines = (vectors * exact.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_text_has_the_same_vector_beside_others(exact: Encoder) -> None:
    alone = np.concatenate([exact.encode([t]) for t in TEXTS])
    np.testing.assert_allclose(exact.encode(TEXTS), alone, atol=1e-5)


def test_the_bench_compares_equal_work(exact: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"answer": "one two three"}\n{"answer": "four"}\n')
    figures = compare(exact, passages(file, "answer", 9, seed=1), rounds=1)
    assert figures["texts"] == 2 and figures["tokens_per_text"] == 2.0
    assert figures["cosine_lowest"] > 0.99999 and figures["ratio"] > 0
