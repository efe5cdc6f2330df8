"""MiniLM and its kin on a processor: texts one behind the other, without padding between them.

All that is done to each token by itself, nine tenths of the work, is done to the tokens of many texts at
once; attention goes over texts of equal length together. And many texts are shared out: threads that each
work for themselves are faster than threads that wait for each other in every layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from rag.bert_folder import BertFolder
from rag.cores import Cores, filled, shared_out

_Ids = Sequence[Sequence[int]]  # of each text its tokens


@dataclass(frozen=True)
class _Weights:
    """Weight and bias of a linear layer or a normalisation."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, bert: BertFolder, name: str, dtype: torch.dtype) -> Self:
        return cls(bert.weights[f"{name}.weight"].to(dtype), bert.weights[f"{name}.bias"].to(dtype))


@dataclass(frozen=True)
class _Layer:
    """A layer; `qkv` makes queries, keys and values."""

    qkv: _Weights
    out: _Weights
    norm: _Weights
    up: _Weights
    down: _Weights
    last_norm: _Weights

    @classmethod
    def of(cls, bert: BertFolder, number: int, dtype: torch.dtype) -> Self:
        layer = f"encoder.layer.{number}"
        own = [
            _Weights.of(bert, f"{layer}.attention.self.{part}", dtype) for part in ("query", "key", "value")
        ]
        qkv = _Weights(torch.cat([w.weight for w in own]), torch.cat([w.bias for w in own]))
        rest = ("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
                "output.dense", "output.LayerNorm")  # fmt: skip
        return cls(qkv, *(_Weights.of(bert, f"{layer}.{part}", dtype) for part in rest))


@dataclass(frozen=True)
class _Group:
    """Texts of equal length that lie one behind the other: from token `start`, `texts` times `length`."""

    start: int
    texts: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.texts * self.length


class PackedBert:
    """A BERT whose texts' vectors are the means of their tokens'."""

    def __init__(self, bert: BertFolder, dtype: torch.dtype) -> None:
        """Takes over the weights of a folder, to compute in `dtype`."""
        self.dimension = bert.dimension
        self.window = bert.window
        self._heads = bert.heads
        self._epsilon = bert.epsilon
        self._dtype = dtype
        positions = bert.weights["embeddings.position_embeddings.weight"]
        kinds = bert.weights["embeddings.token_type_embeddings.weight"]
        self._words = bert.weights["embeddings.word_embeddings.weight"].to(dtype)  # (vocabulary, d)
        self._positions = (positions + kinds[0]).to(dtype)  # (most positions, d)
        self._norm = _Weights.of(bert, "embeddings.LayerNorm", dtype)
        self._layers = [_Layer.of(bert, number, dtype) for number in range(bert.layers)]
        self._tokenizer = Tokenizer.from_file(str(bert.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(bert.window)
        self._cores = Cores("encoding")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns a vector of each text, not of unit length: `(n, d) float32`."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        batches = shared_out([len(each) for each in ids], torch.get_num_threads())
        read = [[ids[number] for number in numbers] for numbers in batches]
        means = self._cores.map(self._means, read)
        vectors = np.empty((len(ids), self.dimension), np.float32)
        for numbers, of_batch in zip(batches, means, strict=True):
            vectors[numbers] = of_batch
        return vectors

    @torch.inference_mode()
    def _means(self, ids: _Ids) -> NDArray[np.float32]:
        """Returns the vectors of texts, given as tokens, that are sorted by length."""
        lengths = [len(each) for each in ids]
        groups = _groups(lengths)
        tokens = filled(torch.tensor(list(chain.from_iterable(ids))))  # (t,)
        places = filled(torch.cat([torch.arange(length) for length in lengths]))  # (t,)
        x = self._normed(self._words[tokens] + self._positions[places], self._norm)  # (t, d)
        for layer in self._layers:
            attended = self._attend(F.linear(x, layer.qkv.weight, layer.qkv.bias), groups)
            x = self._normed(x + F.linear(attended, layer.out.weight, layer.out.bias), layer.norm)
            inner = F.gelu(F.linear(x, layer.up.weight, layer.up.bias))  # (t, 4 d)
            x = self._normed(x + F.linear(inner, layer.down.weight, layer.down.bias), layer.last_norm)
        means = [x[g.start : g.end].view(g.texts, g.length, -1).float().mean(dim=1) for g in groups]
        found: NDArray[np.float32] = torch.cat(means).numpy()
        return found

    def _attend(self, qkv: Tensor, groups: Sequence[_Group]) -> Tensor:
        """Attention of each text's tokens `(t, 3 d)` to themselves: `(t, d)`."""
        attended = torch.zeros((len(qkv), self.dimension), dtype=self._dtype)
        for g in groups:
            of_text = qkv[g.start : g.end].view(g.texts, g.length, 3, self._heads, -1)
            q, k, v = of_text.permute(2, 0, 3, 1, 4)  # each (texts, heads, length, d / heads)
            heads = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
            attended[g.start : g.end].view(g.texts, g.length, self._heads, -1).copy_(heads)
        return attended

    def _normed(self, x: Tensor, norm: _Weights) -> Tensor:
        return F.layer_norm(x, (self.dimension,), norm.weight, norm.bias, self._epsilon)


def _groups(lengths: Sequence[int]) -> list[_Group]:
    """Returns the groups of equal lengths, which are sorted."""
    counted = [(length, len(list(same))) for length, same in groupby(lengths)]
    starts = accumulate((length * texts for length, texts in counted), initial=0)
    return [_Group(start, texts, length) for start, (length, texts) in zip(starts, counted, strict=False)]
