"""The encoder's layers over windows that lie one behind the other, without padding between them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from rag.apart import Grouped
from rag.cores import Cores, Piece, cut_evenly, filled
from rag.cut import Cut, CutText
from rag.generator.layers import DecoderLayer, EncoderLayer
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


def packed_key_values(layers: Iterable[nn.Module]) -> list[Linear]:
    """What makes keys and values of what `DecoderLayer`s look at, with the weights that they have now."""
    packed = []
    for layer in layers:
        assert isinstance(layer, DecoderLayer)
        packed.append(_joined(layer.cross_attention.key_value))
    return packed


def put(pieces: Sequence[Piece], x: Tensor, into: Tensor) -> None:
    """Put the states `(t, D)` of pieces of windows, one behind the other, at their places of `(N, L, D)`."""
    begin = 0
    for piece in pieces:
        into[piece.text, piece.first : piece.end] = x[begin : begin + piece.length]
        begin += piece.length


def _joined(*layers: nn.Linear) -> Linear:
    """One layer that gives what these give, side by side."""
    weights = torch.cat([layer.weight.detach() for layer in layers])
    return linear(weights, torch.cat([layer.bias.detach() for layer in layers]))


def read_windows(
    layers: Sequence[PackedLayer],
    ids: Tensor,
    begin: Callable[[Tensor], Tensor],
    end: Callable[[Sequence[Piece], Tensor], None],
    cores: Cores,
) -> None:
    """Read windows without padding, shared out among cores.

    Args:
        layers: of `packed_layers`.
        ids: `(N, L)` word pieces of the windows, 0 at padding.
        begin: places `(t,)` among the N · L tokens to the states `(t, D)` that the first layer reads.
        end: takes the states `(t, D)` of pieces of windows, which lie one behind the other; what follows them
            is of no window.
        cores: what reads.
    """
    lengths: list[int] = (ids != 0).sum(dim=1).tolist()
    present = [number for number, length in enumerate(lengths) if length]
    parts = cut_evenly([lengths[n] for n in present], cores.number())
    parts = [[Piece(present[p.text], p.first, p.end) for p in part] for part in parts]
    cut = {p.text: CutText(lengths[p.text]) for part in parts for p in part if p.length < lengths[p.text]}

    @torch.inference_mode()
    def read(part: Sequence[Piece], meet: Callable[[], object] | None = None) -> None:
        whole = [p for p in part if p.text not in cut]
        pieces = [p for p in part if p.text in cut]
        each = [p.length for p in whole]
        places = [torch.arange(p.first, p.end) + p.text * ids.shape[1] for p in (*whole, *pieces)]
        texts = Cut(each, pieces, cut, meet) if meet else Grouped(each)
        end([*whole, *pieces], read_texts(layers, begin(filled(torch.cat(places))), texts))

    if cut:
        cores.meet(read, parts)
    else:
        deque(cores.map(read, parts), maxlen=0)


def read_packed(layers: Sequence[PackedLayer], x: Tensor, lengths: Sequence[int]) -> Tensor:
    """Run encoder layers over the tokens `(t, D)` of windows, each of which attends to itself.

    Args:
        layers: of `packed_layers`.
        x: the windows' embedded tokens, one window behind the other; what follows them is of no window.
        lengths: of the windows; those of equal length are attended to together.
    """
    return read_texts(layers, x, Grouped(lengths))


def read_texts(layers: Sequence[PackedLayer], x: Tensor, texts: Grouped | Cut) -> Tensor:
    """`read_packed` of texts that lie as these do."""
    for layer in layers:
        x = layer.norm(layer.out.added(texts.attend(layer.qkv(x), layer.heads), x))
        x = layer.last_norm(layer.down.added(layer.up.gelu(x), x))
    return x
