"""The encoder's layers over windows that lie one behind the other, without padding between them."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rag.generator.layers import Attention, EncoderLayer


def read_packed(layers: Iterable[nn.Module], x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Run encoder layers over the tokens `(t, D)` of windows, each of which attends to itself.

    Args:
        layers: `EncoderLayer`s.
        x: the windows' embedded tokens, one window behind the other; what follows them is of no window.
        lengths: of the windows; those of equal length are attended to together.
    """
    groups = [(length, len(list(same))) for length, same in groupby(lengths)]
    for layer in layers:
        assert isinstance(layer, EncoderLayer)
        x = layer.attention_norm(x + _attended(layer.attention, x, groups))
        x = layer.feed_forward_norm(x + layer.feed_forward(x))
    return x


def _attended(attention: Attention, x: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
    heads = attention.heads
    q, kv = attention.query(x), attention.key_value(x)
    mixed = torch.zeros_like(x)
    at = 0
    for length, windows in groups:
        end = at + length * windows
        queries = q[at:end].view(windows, length, heads, -1).transpose(1, 2)
        keys, values = kv[at:end].view(windows, length, 2, heads, -1).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(queries, keys, values)  # (windows, heads, length, D / heads)
        mixed[at:end].view(windows, length, heads, -1).copy_(found.transpose(1, 2))
        at = end
    joined: Tensor = attention.out(mixed)
    return joined
