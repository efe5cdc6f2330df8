"""The encoder that is installed with the package."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.embedding import compare, passages
from rag.cores import _started, shared_out
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


def padded(texts: list[str]) -> NDArray[np.float32]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_directory()), device="cpu", local_files_only=True)
    return np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))


def test_vectors_are_those_of_sentence_transformers(exact: Encoder) -> None:
    texts = [*TEXTS, "", "Odessa", "a b", "c d", *(f"{'word ' * (7 * n)}{n}" for n in range(60))]
    np.testing.assert_allclose(exact.encode(texts), padded(texts), atol=1e-5)


def test_questions_together_have_the_vectors_of_sentence_transformers(exact: Encoder) -> None:
    questions = ["Who?", "Where is Odessa?", "How many days of leave do I have a year?", "Odessa"]
    np.testing.assert_allclose(exact.encode(questions), padded(questions), atol=1e-5)
    shorter = Encoder(precision="bfloat16").encode(questions)
    assert (shorter * exact.encode(questions)).sum(axis=1).min() > 0.999


def test_many_texts_are_shared_out_and_torch_keeps_its_threads(exact: Encoder) -> None:
    before = torch.get_num_threads()
    assert exact.encode(["Leave is 30 days a year. " * 20] * 40).shape == (40, 384)
    workers = [t for t in threading.enumerate() if t.name.startswith("encoding")]
    assert len(workers) == before == torch.get_num_threads()


def test_a_thread_of_its_own_uses_one_core() -> None:
    before = torch.get_num_threads()
    pool = _started(3, "test")
    try:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(9))) == [1] * 9
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
        pool.shutdown()


@pytest.mark.parametrize(("threads", "expected"), [(1, [3]), (2, [2, 1])])
def test_batches_are_equally_large(threads: int, expected: list[int]) -> None:
    assert [len(b) for b in shared_out([900, 300, 400], threads)] == expected
    assert shared_out([5, 3, 4], threads) == [[1, 2, 0]]
    assert shared_out([], threads) == []


def test_a_model_that_takes_the_first_token_is_read_with_padding(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling

    model = SentenceTransformer(str(minilm_directory()), device="cpu", local_files_only=True)
    SentenceTransformer(modules=[model[0], Pooling(384, "cls")], device="cpu").save(str(tmp_path))
    expected = model[0].auto_model(**model.tokenize(TEXTS[:1])).last_hidden_state[0, 0].detach().numpy()
    expected = expected / np.linalg.norm(expected)
    np.testing.assert_allclose(Encoder(str(tmp_path)).encode(TEXTS[:1])[0], expected, atol=1e-5)
