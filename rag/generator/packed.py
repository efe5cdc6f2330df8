"""The encoder's layers over windows that lie one behind the other, without padding between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rag.generator.layers import EncoderLayer
from rag.linear import Linear, linear


@dataclass(frozen=True)
class PackedLayer:
    """An encoder layer as it was when this was made; `qkv` makes queries, keys and values."""

    heads: int
    qkv: Linear
    out: Linear
    norm: nn.LayerNorm
    up: Linear
    down: Linear
    last_norm: nn.LayerNorm

    @classmethod
    def of(cls, layer: EncoderLayer) -> Self:
        """The layer with the weights that it has now."""
        own, after = layer.attention, layer.feed_forward
        return cls(
            own.heads,
            _joined(own.query, own.key_value),
            _joined(own.out),
            layer.attention_norm,
            _joined(after.up),
            _joined(after.down),
            layer.feed_forward_norm,
        )


def packed_layers(layers: Iterable[nn.Module]) -> list[PackedLayer]:
    """`EncoderLayer`s with the weights that they have now."""
    packed = []
    for layer in layers:
        assert isinstance(layer, EncoderLayer)
        packed.append(PackedLayer.of(layer))
    return packed


def _joined(*layers: nn.Linear) -> Linear:
    """One layer that gives what these give, side by side."""
    weights = torch.cat([layer.weight.detach() for layer in layers])
    return linear(weights, torch.cat([layer.bias.detach() for layer in layers]))


def read_packed(layers: Sequence[PackedLayer], x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Run encoder layers over the tokens `(t, D)` of windows, each of which attends to itself.

    Args:
        layers: of `packed_layers`.
        x: the windows' embedded tokens, one window behind the other; what follows them is of no window.
        lengths: of the windows; those of equal length are attended to together.
    """
    groups = [(length, len(list(same))) for length, same in groupby(lengths)]
    for layer in layers:
        x = layer.norm(layer.out.added(_attended(layer.qkv(x), layer.heads, groups), x))
        x = layer.last_norm(layer.down.added(layer.up.gelu(x), x))
    return x


def _attended(qkv: Tensor, heads: int, groups: Sequence[tuple[int, int]]) -> Tensor:
    mixed = qkv.new_zeros((len(qkv), qkv.shape[1] // 3))
    at = 0
    for length, windows in groups:
        end = at + length * windows
        q, k, v = qkv[at:end].view(windows, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)  # (windows, heads, length, D / heads)
        mixed[at:end].view(windows, length, heads, -1).copy_(found.transpose(1, 2))
        at = end
    return mixed
