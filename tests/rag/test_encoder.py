"""The encoder that is installed with the package."""

from pathlib import Path

import numpy as np
import pytest

from bench.embedding import compare, passages
from rag.encoder import UNLIMITED_WINDOW, Encoder, minilm_directory

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


def test_a_model_that_reads_any_number_of_tokens_gets_a_window(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_directory() / "tokenizer.json"))
    tokenizer.no_truncation()
    weights = np.random.default_rng(7).normal(size=(tokenizer.get_vocab_size(), 16)).astype(np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)]).save(str(tmp_path))
    encoder = Encoder(str(tmp_path))
    assert (encoder.dimension, encoder.window) == (16, UNLIMITED_WINDOW)
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(TEXTS), axis=1), 1.0, atol=1e-6)
