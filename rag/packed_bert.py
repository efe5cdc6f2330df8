"""MiniLM and its kin on a processor: texts one behind the other, without padding between them.

All that is done to each token by itself, nine tenths of the work, is done to the tokens of many texts at
once; attention goes over texts of equal length together. And many texts are shared out: threads that each
work for themselves are faster than threads that wait for each other in every layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from rag.cores import Cores, filled, shared_out

_Ids = Sequence[Sequence[int]]  # of each text its tokens


@dataclass(frozen=True)
class _Weights:
    """Weight and bias of a linear layer or a normalisation."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, module: Any, dtype: torch.dtype) -> Self:
        return cls(module.weight.detach().to(dtype), module.bias.detach().to(dtype))


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
    def of(cls, layer: Any, dtype: torch.dtype) -> Self:
        own = layer.attention.self
        qkv = _Weights(
            torch.cat([own.query.weight, own.key.weight, own.value.weight]).detach().to(dtype),
            torch.cat([own.query.bias, own.key.bias, own.value.bias]).detach().to(dtype),
        )
        output = layer.attention.output
        last = layer.output
        modules = output.dense, output.LayerNorm, layer.intermediate.dense, last.dense, last.LayerNorm
        return cls(qkv, *(_Weights.of(module, dtype) for module in modules))


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

    def __init__(self, bert: Any, tokenizer: Path, window: int, dtype: torch.dtype) -> None:
        """Takes over the weights of a `transformers.BertModel`; reads `window` tokens of each text."""
        config = bert.config
        self.dimension: int = config.hidden_size
        self._heads: int = config.num_attention_heads
        self._epsilon: float = config.layer_norm_eps
        self._dtype = dtype
        embeddings = bert.embeddings
        positions = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        self._words = embeddings.word_embeddings.weight.detach().to(dtype)  # (vocabulary, d)
        self._positions = positions.detach().to(dtype)  # (most positions, d)
        self._norm = _Weights.of(embeddings.LayerNorm, dtype)
        self._layers = [_Layer.of(layer, dtype) for layer in bert.encoder.layer]
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(window)
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


def is_packable(model: Any) -> bool:
    """Whether a SentenceTransformer is a BERT as MiniLM is: means of tokens, no words put in front."""
    from sentence_transformers.models import Normalize, Pooling, Transformer

    modules = list(model.children())
    if [type(module) for module in modules[:2]] != [Transformer, Pooling]:
        return False
    if any(type(module) is not Normalize for module in modules[2:]) or model.default_prompt_name:
        return False
    config = modules[0].auto_model.config
    return (
        type(modules[0].auto_model).__name__ == "BertModel"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and not config.is_decoder
        and modules[1].pooling_mode == "mean"
        and not modules[0].do_lower_case
    )


def _groups(lengths: Sequence[int]) -> list[_Group]:
    """Returns the groups of equal lengths, which are sorted."""
    counted = [(length, len(list(same))) for length, same in groupby(lengths)]
    starts = accumulate((length * texts for length, texts in counted), initial=0)
    return [_Group(start, texts, length) for start, (length, texts) in zip(starts, counted, strict=False)]
