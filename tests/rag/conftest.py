"""A generator small enough to train inside a test, with the real tokenizer."""

from collections.abc import Sequence

import pytest
import torch

from rag.encoder import minilm_directory
from rag.generator import decode as decoding
from rag.generator.config import GeneratorConfig
from rag.generator.decode import Chances, Decoded, Task
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


class Sure:
    """There is an answer, which is known at once, or `later`: when it is asked for."""

    def __init__(self, *, later: bool = False) -> None:
        self._ready = not later

    def ready(self) -> bool:
        return self._ready

    def of(self, number: int) -> float:
        self._ready = True
        return 1.0


def decode(
    model: Generator, reader: Reader, tasks: Sequence[Task], chances: Chances | None = None
) -> list[Decoded]:
    """Decode what is surely there."""
    return decoding.decode(model, reader, tasks, lambda tasks, outlooks: chances or Sure())
