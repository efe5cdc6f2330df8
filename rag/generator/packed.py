"""The encoder's layers over windows that lie one behind the other, without padding between them."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from rag.generator.layers import Attention, EncoderLayer

TOKENS_AT_ONCE = 4096
"""More at once takes memory and gains nothing."""
TOKENS_TO_SHARE = 512
"""Fewer are best left to the threads of one operation."""


def shared_out(lengths: Sequence[int], cores: int) -> list[list[int]]:
    """The numbers of windows in parts of about as many tokens, so many that no core has nothing to do.

    Windows of equal length are side by side in a part.
    """
    total = sum(lengths)
    number = cores * -(-total // (TOKENS_AT_ONCE * cores)) if total > TOKENS_TO_SHARE else 1
    parts: list[list[int]] = [[] for _ in range(number)]
    before = 0
    for window in sorted(range(len(lengths)), key=lengths.__getitem__):
        parts[(2 * before + lengths[window]) * number // (2 * total)].append(window)
        before += lengths[window]
    return [part for part in parts if part]


def read_packed(layers: Iterable[nn.Module], x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Run encoder layers over the tokens `(t, D)` of windows, each of which attends to itself.

    Args:
        layers: `EncoderLayer`s.
        x: the windows' embedded tokens, one window behind the other.
        lengths: of the windows; those of equal length are attended to together.
    """
    groups = [(length, len(list(same))) for length, same in groupby(lengths)]
    for layer in layers:
        assert isinstance(layer, EncoderLayer)
        x = layer.attention_norm(x + _attended(layer.attention, x, groups))
        x = layer.feed_forward_norm(x + layer.feed_forward(x))
    return x


def _attended(attention: Attention, x: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
    heads, size = attention.heads, attention.head_dimension
    q = attention.query(x) * size**-0.5
    kv = attention.key_value(x)
    mixed = torch.empty_like(x)
    at = 0
    for length, windows in groups:
        end = at + length * windows
        shape = (windows, length, -1, heads, size)
        (queries,) = _by_head(q[at:end].view(shape))
        keys, values = _by_head(kv[at:end].view(shape))
        weights = (queries @ keys.transpose(1, 2)).softmax(dim=-1)  # (windows · heads, length, length)
        found = (weights @ values).view(windows, heads, length, size)
        mixed[at:end].view(windows, length, heads, size).copy_(found.transpose(1, 2))
        at = end
    joined: Tensor = attention.out(mixed)
    return joined


def _by_head(x: Tensor) -> Tensor:
    """`(windows, length, n, heads, size)` to `(n, windows · heads, length, size)`."""
    return x.permute(2, 0, 3, 1, 4).flatten(1, 2)
