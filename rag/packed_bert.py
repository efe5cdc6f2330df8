"""MiniLM and its kin on a processor: texts one behind the other, without padding between them.

All that is done to each token by itself, nine tenths of the work, is done to the tokens of many texts at
once; only attention goes over each text by itself. And many texts are shared out: threads that each
work for themselves are faster than threads that wait for each other in every layer.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from rag.apart import SHORT, apart
from rag.bert_folder import BertFolder
from rag.cores import Cores, filled, shared_out
from rag.linear import Linear, linear
from rag.one_call import Embeddings, Layer, Norm, one_call

_Ids = Sequence[Sequence[int]]  # of each text its tokens


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
        self._embeddings = Embeddings(
            bert.weights["embeddings.word_embeddings.weight"].to(dtype),
            (positions + kinds[0]).to(dtype),
            _norm(bert, "embeddings.LayerNorm", dtype),
        )
        self._layers = [_layer(bert, number, dtype) for number in range(bert.layers)]
        self._one_call = one_call(self._embeddings, self._layers, self._heads, self._epsilon)
        self._tokenizer = Tokenizer.from_file(str(bert.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(bert.window)
        self._cores = Cores("encoding")

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns a vector of each text, not of unit length: `(n, d) float32`."""
        ids = [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]  # without offsets
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
        tokens = filled(torch.tensor(list(chain.from_iterable(ids))))  # (t,)
        if self._one_call is not None and lengths[-1] <= SHORT:
            return self._one_call.means(tokens, lengths).numpy()
        return self._means_step_by_step(tokens, lengths).numpy()

    def _means_step_by_step(self, tokens: Tensor, lengths: Sequence[int]) -> Tensor:
        """Returns the means of texts of so many tokens, which ascend: `(texts, d) float32`."""
        places = filled(torch.cat([torch.arange(length) for length in lengths]))  # (t,)
        first = self._embeddings
        x = self._normed(first.words[tokens] + first.positions[places], first.norm)  # (t, d)
        texts = apart(lengths)
        for layer in self._layers:
            attended = texts.attend(layer.qkv(x), self._heads)
            x = self._normed(layer.out.added(attended, x), layer.norm)
            x = self._normed(layer.down.added(layer.up.gelu(x), x), layer.last_norm)
        return texts.means(x)

    def _normed(self, x: Tensor, norm: Norm) -> Tensor:
        return F.layer_norm(x, (self.dimension,), norm.weight, norm.bias, self._epsilon)


def _layer(bert: BertFolder, number: int, dtype: torch.dtype) -> Layer:
    def weights(part: str) -> Norm:
        return _norm(bert, f"encoder.layer.{number}.{part}", dtype)

    def layer(part: str) -> Linear:
        return linear(weights(part).weight, weights(part).bias)

    own = [weights(f"attention.self.{part}") for part in ("query", "key", "value")]
    return Layer(
        qkv=linear(torch.cat([w.weight for w in own]), torch.cat([w.bias for w in own])),
        out=layer("attention.output.dense"),
        norm=weights("attention.output.LayerNorm"),
        up=layer("intermediate.dense"),
        down=layer("output.dense"),
        last_norm=weights("output.LayerNorm"),
    )


def _norm(bert: BertFolder, name: str, dtype: torch.dtype) -> Norm:
    return Norm(bert.weights[f"{name}.weight"].to(dtype), bert.weights[f"{name}.bias"].to(dtype))
