"""MiniLM and its kin on a processor: texts one behind the other, without padding between them.

All that is done to each token by itself, nine tenths of the work, is done to the tokens of many texts at
once; only attention goes over each text by itself. And many texts are shared out: threads that each
work for themselves are faster than threads that wait for each other in every layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from rag.apart import apart
from rag.bert_folder import BertFolder
from rag.cores import Cores, filled, shared_out
from rag.linear import Linear, linear

_Ids = Sequence[Sequence[int]]  # of each text its tokens


@dataclass(frozen=True)
class _Weights:
    """Weight and bias."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, bert: BertFolder, name: str, dtype: torch.dtype) -> Self:
        return cls(bert.weights[f"{name}.weight"].to(dtype), bert.weights[f"{name}.bias"].to(dtype))


@dataclass(frozen=True)
class _Layer:
    """A layer; `qkv` makes queries, keys and values."""

    qkv: Linear
    out: Linear
    norm: _Weights
    up: Linear
    down: Linear
    last_norm: _Weights

    @classmethod
    def of(cls, bert: BertFolder, number: int, dtype: torch.dtype) -> Self:
        def weights(part: str) -> _Weights:
            return _Weights.of(bert, f"encoder.layer.{number}.{part}", dtype)

        def layer(part: str) -> Linear:
            return linear(weights(part).weight, weights(part).bias)

        own = [weights(f"attention.self.{part}") for part in ("query", "key", "value")]
        return cls(
            qkv=linear(torch.cat([w.weight for w in own]), torch.cat([w.bias for w in own])),
            out=layer("attention.output.dense"),
            norm=weights("attention.output.LayerNorm"),
            up=layer("intermediate.dense"),
            down=layer("output.dense"),
            last_norm=weights("output.LayerNorm"),
        )


class PackedBert:
    """A BERT whose texts' vectors are the means of their tokens'."""

    def __init__(self, bert: BertFolder, dtype: torch.dtype) -> None:
        """Takes over the weights of a folder, to compute in `dtype`."""
        self.dimension = bert.dimension
        self.window = bert.window
        self._heads = bert.heads
        self._epsilon = bert.epsilon
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
        means = self._cores.map_each(self._means, read)
        vectors = np.empty((len(ids), self.dimension), np.float32)
        for numbers, of_batch in zip(batches, means, strict=True):
            vectors[numbers] = of_batch
        return vectors

    @torch.inference_mode()
    def _means(self, ids: _Ids) -> NDArray[np.float32]:
        """Returns the vectors of texts, given as tokens, that are sorted by length."""
        lengths = [len(each) for each in ids]
        texts = apart(lengths)
        tokens = filled(torch.tensor(list(chain.from_iterable(ids))))  # (t,)
        places = filled(torch.cat([torch.arange(length) for length in lengths]))  # (t,)
        x = self._normed(self._words[tokens] + self._positions[places], self._norm)  # (t, d)
        for layer in self._layers:
            attended = texts.attend(layer.qkv(x), self._heads)
            x = self._normed(layer.out.added(attended, x), layer.norm)
            x = self._normed(layer.down.added(layer.up.gelu(x), x), layer.last_norm)
        means: NDArray[np.float32] = texts.means(x).numpy()
        return means

    def _normed(self, x: Tensor, norm: _Weights) -> Tensor:
        return F.layer_norm(x, (self.dimension,), norm.weight, norm.bias, self._epsilon)
