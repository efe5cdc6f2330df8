"""A generator small enough to train inside a test, with the real tokenizer."""

import pytest
import torch

from rag.encoder import minilm_directory
from rag.generator.config import GeneratorConfig
from rag.generator.model import Generator
from rag.generator.passages import Reader

TINY = GeneratorConfig(
    dimension=32,
    heads=2,
    feed_forward=64,
    encoder_layers=1,
    decoder_layers=1,
    window=48,
    span_tokens=16,
    question_tokens=12,
)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader(minilm_directory() / "tokenizer.json", TINY)


@pytest.fixture
def tiny_model() -> Generator:
    torch.manual_seed(1)
    return Generator(TINY)
