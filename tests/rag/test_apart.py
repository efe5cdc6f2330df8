"""Texts that lie one behind the other: each is read by itself."""

import pytest
import torch
from torch import Tensor

from rag.apart import apart
from rag.linear import Linear, _LaidOut, _Plain, linear

HEADS, DIMENSION = 2, 8


def attended_alone(qkv: Tensor) -> Tensor:
    """The attention of one text `(length, 3 d)`, by its formula."""
    q, k, v = (x.view(len(qkv), HEADS, -1).transpose(0, 1) for x in qkv.split(DIMENSION, dim=1))
    weights = (q @ k.transpose(1, 2) / (DIMENSION / HEADS) ** 0.5).softmax(-1)
    return (weights @ v).transpose(0, 1).reshape(len(qkv), DIMENSION)


@pytest.mark.parametrize("lengths", [[3], [2, 2, 5], [4, 33, 33, 40]])
def test_each_text_attends_to_itself_alone(lengths: list[int]) -> None:
    qkv = torch.randn(sum(lengths) + 3, 3 * DIMENSION, generator=torch.Generator().manual_seed(7))
    texts = qkv[:-3].split(lengths)
    attended = apart(lengths).attend(qkv, HEADS)
    assert attended.shape == (len(qkv), DIMENSION)
    torch.testing.assert_close(attended[:-3], torch.cat([attended_alone(text) for text in texts]))
    means = apart(lengths).means(qkv)
    torch.testing.assert_close(means, torch.stack([text.mean(dim=0) for text in texts]))


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_long_texts_attend_in_bfloat16_also_beyond_the_range_of_its_exponents(scale: float) -> None:
    """With the greater scale products of queries and keys exceed 88 by far, both ways."""
    lengths = [64, 100, 100]
    qkv = torch.randn(sum(lengths), 3 * DIMENSION, generator=torch.Generator().manual_seed(7))
    qkv[:, : 2 * DIMENSION] *= scale
    qkv = qkv.bfloat16()
    attended = apart(lengths).attend(qkv, HEADS)
    expected = torch.cat([attended_alone(text) for text in qkv.float().split(lengths)])
    assert attended.dtype == torch.bfloat16
    torch.testing.assert_close(attended.float(), expected, atol=0.03, rtol=0.02)


def test_a_weight_near_the_end_of_the_range_does_not_overflow_with_its_value() -> None:
    qkv = torch.ones(80, 3 * DIMENSION)
    qkv[40] = torch.tensor([6.5] * 2 * DIMENSION + [50.0] * DIMENSION)  # its logit of itself is 84.5
    attended = apart([80]).attend(qkv.bfloat16(), HEADS)
    torch.testing.assert_close(attended[40].float(), torch.full((DIMENSION,), 50.0))
    assert attended.isfinite().all()


@pytest.mark.parametrize("kind", [_LaidOut, _Plain])
def test_layer_that_is_laid_out_gives_what_a_plain_one_gives(kind: type[_LaidOut] | type[_Plain]) -> None:
    generator = torch.Generator().manual_seed(7)
    weight, bias = torch.randn(6, 4, generator=generator), torch.randn(6, generator=generator)
    x, to = torch.randn(9, 4, generator=generator), torch.randn(9, 6, generator=generator)
    layer: Linear = kind(weight, bias)
    expected = x @ weight.T + bias
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.gelu(x), expected * 0.5 * (1 + torch.erf(expected / 2**0.5)))
    torch.testing.assert_close(layer.added(x, to), to + expected)


def test_layer_is_laid_out_where_torch_can(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, bias = torch.ones(6, 4), torch.ones(6)
    assert isinstance(linear(weight, bias), _LaidOut)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert isinstance(linear(weight, bias), _Plain)
