"""Short texts through all layers of a BERT in one call of torch.

Torch gives up the interpreter's lock for each of its operations and waits for it after each: in a server that
answers many at once, a hundred and fifty times for a batch of questions, which takes longer than their
arithmetic. What torch runs as one piece waits once.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.jit import optimized_execution  # type: ignore[attr-defined]

from rag.linear import Linear, laid_out

_Run = Callable[[Tensor, Tensor, list[Tensor], int, float], Tensor]


@dataclass(frozen=True)
class Norm:
    """Weight and bias of a normalisation, `(d,)` each."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Layer:
    """A layer; `qkv` makes queries, keys and values."""

    qkv: Linear
    out: Linear
    norm: Norm
    up: Linear
    down: Linear
    last_norm: Norm


@dataclass(frozen=True)
class Embeddings:
    """What a token begins as: `words` `(vocabulary, d)` and `positions` `(most positions, d)`, normalised."""

    words: Tensor
    positions: Tensor
    norm: Norm


class OneCall:
    """All layers, for texts that are padded to the longest while they attend."""

    def __init__(self, run: _Run, weights: list[Tensor], heads: int, epsilon: float) -> None:
        """To be made by `one_call`."""
        self._run = run
        self._weights = weights
        self._heads = heads
        self._epsilon = epsilon

    def means(self, tokens: Tensor, lengths: Sequence[int]) -> Tensor:
        """The mean of each text's tokens after the last layer, `(texts, d) float32`.

        Args:
            tokens: `(t,)`, texts one behind the other; behind the last there may be tokens of none.
            lengths: how many tokens each text has.
        """
        # Torch would try several forms of the call, which takes it seconds and gains nothing here.
        with optimized_execution(False):
            return self._run(tokens, torch.tensor(lengths), self._weights, self._heads, self._epsilon)


def one_call(embeddings: Embeddings, layers: Sequence[Layer], heads: int, epsilon: float) -> OneCall | None:
    """What runs all layers in one call; None where this torch cannot, which is slower only."""
    weights = [embeddings.words, embeddings.positions, embeddings.norm.weight, embeddings.norm.bias]
    for layer in layers:
        for linear, norm in _in_order(layer):
            tensors = laid_out(linear)
            if tensors is None:
                return None
            weights += tensors if norm is None else [*tensors, norm.weight, norm.bias]
    run = _compiled()
    return OneCall(run, weights, heads, epsilon) if run is not None else None


def _in_order(layer: Layer) -> list[tuple[Linear, Norm | None]]:
    return [(layer.qkv, None), (layer.out, layer.norm), (layer.up, None), (layer.down, layer.last_norm)]


def _compiled() -> _Run | None:
    with warnings.catch_warnings():
        # It is to go one day, for what compiles with a C++ compiler, which few have who run this.
        warnings.simplefilter("ignore")
        try:
            run: _Run = torch.jit.script(_means)
        except Exception:  # without the source or in a Python that is too new it raises all kinds
            return None
    return run


def _means(tokens: Tensor, lengths: Tensor, weights: list[Tensor], heads: int, epsilon: float) -> Tensor:
    """See `OneCall.means`. In the part of Python that torch compiles."""
    first, layers = weights[:4], weights[4:]
    texts, d, longest = lengths.size(0), first[0].size(1), int(lengths.max())
    there = torch.arange(longest) < lengths[:, None]  # (texts, longest)
    into = there.view(-1).nonzero().view(-1)  # of each token its place among the padded
    t, behind = into.size(0), tokens.size(0) - into.size(0)
    mask = torch.zeros([texts, longest]).masked_fill_(~there, -float("inf"))[:, None, None]
    places = F.pad(into % longest, [0, behind])
    x = F.layer_norm(first[0][tokens] + first[1][places], [d], first[2], first[3], epsilon)
    padded = torch.zeros([texts * longest, 3 * d])
    for number in range(len(layers) // 12):
        w = layers[12 * number : 12 * number + 12]
        padded[into] = torch.ops.mkldnn._linear_pointwise(x, w[0], w[1], "none", [], "")[:t].float()
        qkv = padded.view(texts, longest, 3, heads, d // heads).permute(2, 0, 3, 1, 4).contiguous()
        shares = (qkv[0] @ qkv[1].transpose(-1, -2)).mul_((d / heads) ** -0.5).add_(mask).softmax(-1)
        attended = (shares @ qkv[2]).transpose(1, 2).reshape(texts * longest, d)
        of_tokens = F.pad(attended[into].to(x.dtype), [0, 0, 0, behind])  # (t, d)
        x = torch.ops.mkldnn._linear_pointwise(of_tokens, x, w[2], w[3], "add")
        x = F.layer_norm(x, [d], w[4], w[5], epsilon)
        wide = torch.ops.mkldnn._linear_pointwise(x, w[6], w[7], "gelu", [], "none")
        x = torch.ops.mkldnn._linear_pointwise(wide, x, w[8], w[9], "add")
        x = F.layer_norm(x, [d], w[10], w[11], epsilon)
    sums = torch.zeros([texts * longest, d])
    sums[into] = x[:t].float()
    means: Tensor = sums.view(texts, longest, d).sum(1) / lengths[:, None]
    return means
