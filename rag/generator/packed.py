"""The encoder's layers over windows that lie one behind the other, without padding between them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from rag.apart import Grouped
from rag.cores import Cores, filled, shared_out
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


def read_windows(
    layers: Sequence[PackedLayer],
    ids: Tensor,
    begin: Callable[[Tensor, Tensor], Tensor],
    cores: Cores,
    into: Tensor,
) -> Tensor:
    """Read windows without padding, shared out among cores.

    Args:
        layers: of `packed_layers`.
        ids: `(N, L)` word pieces of the windows, 0 at padding.
        begin: windows and places `(t,)` to the states `(t, D)` that the first layer reads.
        cores: what reads.
        into: `(N, L, D)`, zero; it is filled, but for padding, and returned.
    """
    lengths: list[int] = (ids != 0).sum(dim=1).tolist()
    present = [number for number, length in enumerate(lengths) if length]

    @torch.inference_mode()
    def read(part: Sequence[int]) -> None:
        windows = [present[n] for n in part]
        each = [lengths[n] for n in windows]
        rows = torch.tensor(windows).repeat_interleave(torch.tensor(each))  # (t,)
        places = torch.cat([torch.arange(length) for length in each])  # (t,)
        x = read_packed(layers, begin(filled(rows), filled(places)), each)
        into[rows, places] = x[: len(rows)].to(into.dtype)

    parts = shared_out([lengths[n] for n in present], torch.get_num_threads())
    deque(cores.map(read, parts), maxlen=0)
    return into


def read_packed(layers: Sequence[PackedLayer], x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Run encoder layers over the tokens `(t, D)` of windows, each of which attends to itself.

    Args:
        layers: of `packed_layers`.
        x: the windows' embedded tokens, one window behind the other; what follows them is of no window.
        lengths: of the windows; those of equal length are attended to together.
    """
    texts = Grouped(lengths)
    for layer in layers:
        x = layer.norm(layer.out.added(texts.attend(layer.qkv(x), layer.heads), x))
        x = layer.last_norm(layer.down.added(layer.up.gelu(x), x))
    return x
