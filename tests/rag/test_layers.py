"""The transformer's parts."""

import pytest
import torch

from rag.generator.config import GeneratorConfig
from rag.generator.layers import Attention
from rag.generator.model import MASKED


@pytest.mark.parametrize("masked", [0, 3])
def test_attention_is_the_same_with_gradients_and_without(masked: int) -> None:
    torch.manual_seed(1)
    attention = Attention(GeneratorConfig(dimension=24, heads=3))
    x, memory = torch.randn(2, 5, 24), torch.randn(2, 7, 24)
    bias = torch.zeros(2, 1, 1, 7)
    bias[..., 7 - masked :] = MASKED
    learning = attention(x, *attention.memory(memory), bias)
    with torch.no_grad():
        answering = attention(x, *attention.memory(memory), bias)
    torch.testing.assert_close(learning, answering)
