"""Attention of texts that lie one behind the other, each to itself alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

SHORT = 32
"""Tokens up to which so many operations for each length take longer than their work."""
_LEAST, _MOST = 1e-30, 1e30  # sums of weights between them leave room for products with values
_LONG = 64  # tokens: from here on a text by itself is attended to faster than by torch's own kernel
_ROWS = 16  # lengths are rounded up to a multiple: torch keeps a program for each size of a product


class Apart(Protocol):
    """Where texts lie among `t` tokens; behind the last text there may be tokens of none."""

    def attend(self, qkv: Tensor, heads: int) -> Tensor:
        """Attention of each text's queries, keys and values, `(t, 3 d)`: gives `(t, d)`."""

    def means(self, x: Tensor) -> Tensor:
        """The mean of each text's tokens `(t, d)`: gives `(texts, d) float32`."""


def apart(lengths: Sequence[int]) -> Apart:
    """The places of texts of so many tokens, which ascend."""
    return _Padded(lengths) if lengths[-1] <= SHORT else Grouped(lengths)


class _Padded:
    """Short texts: all at once, each padded to the longest while it attends."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._texts, self._longest = len(lengths), lengths[-1]
        self._lengths = torch.tensor(lengths)
        there = torch.arange(self._longest) < self._lengths[:, None]  # (texts, longest)
        self._into = there.view(-1).nonzero().view(-1)  # of each token its place among the padded
        self._mask = torch.zeros(there.shape).masked_fill_(~there, -torch.inf)[:, None, None]

    def attend(self, qkv: Tensor, heads: int) -> Tensor:
        padded = self._pad(qkv).view(self._texts, self._longest, 3, heads, -1)
        q, k, v = padded.permute(2, 0, 3, 1, 4).contiguous()  # each (texts, heads, longest, d / heads)
        weights = (q @ k.transpose(-1, -2)).mul_(1 / math.sqrt(q.shape[-1])).add_(self._mask).softmax(-1)
        attended = (weights @ v).transpose(1, 2).reshape(self._texts * self._longest, -1)
        of_tokens = attended[self._into].to(qkv.dtype)
        return F.pad(of_tokens, (0, 0, 0, len(qkv) - len(of_tokens)))  # (t, d)

    def means(self, x: Tensor) -> Tensor:
        sums = self._pad(x).view(self._texts, self._longest, -1).sum(dim=1)
        return sums / self._lengths[:, None]

    def _pad(self, x: Tensor) -> Tensor:
        padded = torch.zeros((self._texts * self._longest, x.shape[1]))
        padded[self._into] = x[: len(self._into)].float()
        return padded


@dataclass(frozen=True)
class _Group:
    """Texts of equal length that lie one behind the other: from token `start`, `texts` times `length`."""

    start: int
    texts: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.texts * self.length


class Grouped:
    """Longer texts: those of equal length together, so that nothing is padded."""

    def __init__(self, lengths: Sequence[int]) -> None:
        """The places of texts of so many tokens; those of equal length are side by side."""
        counted = [(length, len(list(same))) for length, same in groupby(lengths)]
        starts = accumulate((length * texts for length, texts in counted), initial=0)
        self._groups = [
            _Group(start, texts, length) for start, (length, texts) in zip(starts, counted, strict=False)
        ]

    def attend(self, qkv: Tensor, heads: int) -> Tensor:
        """Attention of each text's queries, keys and values, `(t, 3 d)`: gives `(t, d)`."""
        attended = qkv.new_zeros((len(qkv), qkv.shape[1] // 3))
        of_tokens, into = qkv.view(len(qkv), 3, heads, -1), attended.view(len(qkv), heads, -1)
        for g in self._groups:
            if by_products(qkv.dtype, g.length):
                _attend_long(of_tokens, g, into)
            else:
                _attend(of_tokens, g, into)
        return attended

    def means(self, x: Tensor) -> Tensor:
        """The mean of each text's tokens `(t, d)`: gives `(texts, d) float32`."""
        return torch.cat(
            [x[g.start : g.end].view(g.texts, g.length, -1).float().mean(dim=1) for g in self._groups]
        )


def by_products(dtype: torch.dtype, length: int) -> bool:
    """Whether so long a text attends to itself by `weigh`."""
    return dtype == torch.bfloat16 and length >= _LONG


def _attend(qkv: Tensor, group: _Group, into: Tensor) -> None:
    """Attention of a group's texts, among `(t, 3, heads, d / heads)`, into `(t, heads, d / heads)`."""
    of_texts = qkv[group.start : group.end].view(group.texts, group.length, *qkv.shape[1:])
    q, k, v = of_texts.permute(2, 0, 3, 1, 4)  # each (texts, heads, length, d / heads)
    attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
    into[group.start : group.end] = attended.flatten(0, 1)


def _attend_long(qkv: Tensor, group: _Group, into: Tensor) -> None:
    """`_attend` for bfloat16, text by text, so that what is between the products stays in the cache.

    Each text's tokens are taken out, with rows of zeros behind them that add nothing to the products with the
    values.
    """
    length = group.length
    own = qkv.new_zeros(3, qkv.shape[2], rounded(length), qkv.shape[3])
    for start in range(group.start, group.end, length):
        of_text = slice(start, start + length)
        own[:, :, :length] = qkv[of_text].permute(1, 2, 0, 3)
        q, k, v = own
        if not weigh(q, k, v, length, into[of_text]):
            _attend(qkv, _Group(start, 1, length), into)


def rounded(length: int) -> int:
    """The rows in which so many tokens are taken out: there are few such numbers."""
    return -(-length // _ROWS) * _ROWS


def weigh(q: Tensor, k: Tensor, v: Tensor, length: int, into: Tensor) -> bool:
    """Attention by two products; False, and nothing is done, where it would leave the range of numbers.

    The weights are divided by their sum at the end and not brought into range before. Some heads of MiniLM
    come near its end, with logits over 80.

    Args:
        q: `(heads, n', d / heads)`, the queries of n tokens and rows of zeros.
        k: `(heads, m, d / heads)`, the keys of `length` tokens and rows of zeros.
        v: their values in the same way.
        length: of the text.
        into: `(n, heads, d / heads)`.
    """
    weights = q.new_empty(len(q), q.shape[1], k.shape[1])
    torch.baddbmm(weights, q, k.transpose(1, 2), beta=0, alpha=q.shape[-1] ** -0.5, out=weights)
    torch.exp(weights, out=weights)
    sums = weights[:, : len(into), :length].sum(-1, keepdim=True, dtype=torch.float32)
    least, most = sums.aminmax()
    if least <= _LEAST or most >= _MOST or most.isnan():
        return False
    torch.div((weights @ v)[:, : len(into)], sums, out=into.transpose(0, 1))
    return True
