"""Which windows of the passages are read to the end.

After some of the encoder's layers the states of a window tell fairly well whether the answer will be looked
for in it (the idea of KG-FiD: Yu et al. 2022, arXiv 2110.04330; here a linear probe decides). Only the best
windows, and the first one in any case, go through the layers that are left, and only they can be copied
from. The relevance that the probe expects of the others stands in for what was not computed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Self

import torch
from torch import Tensor

from rag.errors import CheckpointError

_MEND = "Fit it again: rag fit-pruning"
_WEIGHTS = ("mass_weights", "relevance_weights")


@dataclass(frozen=True)
class Pruning:
    """How a checkpoint's windows are sifted; the weights are for `signals` of twice its dimension."""

    layer: int
    """So many of the encoder's layers read every window."""
    share: float
    """Of a question's windows, so many are read to the end."""
    least: int
    """At least so many are read to the end."""
    mass_weights: tuple[float, ...]
    """Of the logit of a window's share of the start pointer."""
    relevance_weights: tuple[float, ...]
    """Of the logit that a window holds the answer."""
    relevance_bias: float

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], dimension: int, layers: int) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            CheckpointError: it does not fit an encoder of this dimension and so many layers.
        """
        try:
            weights = {name: tuple(map(float, values[name].split())) for name in _WEIGHTS}
            pruning = cls(**{**values, **weights})
            fits = all(len(w) == 2 * dimension for w in weights.values())
            fits &= 0 < pruning.layer < layers and 0 < pruning.share <= 1 and pruning.least >= 1
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint's pruning is odd: {error!r}. {_MEND}") from error
        if not fits:
            raise CheckpointError(
                f"the checkpoint's pruning is not for {layers} layers of dimension {dimension}. {_MEND}"
            )
        return pruning

    def to_dict(self) -> dict[str, Any]:
        """Return a form that JSON can hold, and people can scroll past: weights are a line, of six digits."""
        lines = {name: " ".join(f"{w:.6g}" for w in getattr(self, name)) for name in _WEIGHTS}
        return asdict(self) | lines

    def kept_of(self, windows: int) -> int:
        """How many of a question's windows are read to the end."""
        return min(windows, max(self.least, ceil(self.share * windows)))


@dataclass(frozen=True)
class Sifted:
    """What became of the windows `(B, P)` of B questions."""

    kept: Tensor
    """`(B, P)` bool: it is read to the end."""
    relevance: Tensor
    """`(B, P)` the logits that the probe expects."""

    @property
    def windows(self) -> Tensor:
        """`(B, W)` the numbers of the kept windows in their order; behind them, where a question has fewer,
        some of the others."""
        most = int(self.kept.sum(dim=1).amax())
        return (~self.kept).int().argsort(dim=1, stable=True)[:, :most]


class Sieve:
    """A `Pruning` as it is computed."""

    def __init__(self, pruning: Pruning) -> None:
        """Takes the weights over."""
        self.pruning = pruning
        self._weights = torch.tensor([pruning.mass_weights, pruning.relevance_weights]).T  # (2 D, 2)

    def sift(self, signals: Tensor, present: Tensor) -> Sifted:
        """Choose the windows to read to the end.

        Args:
            signals: `(B, P, 2 D)` of `signals_of`, of the passage that promises most first.
            present: `(B, P)` bool; the others are of no passage.
        """
        mass, relevance = (signals @ self._weights).unbind(-1)  # each (B, P)
        mass[:, 0] = torch.inf  # what the search put first is read in any case
        mass = mass.masked_fill(~present, -torch.inf)
        kept = torch.zeros_like(present)
        for question, windows in enumerate(present.sum(dim=1).tolist()):
            kept[question, mass[question].topk(self.pruning.kept_of(windows)).indices] = True
        return Sifted(kept, relevance + self.pruning.relevance_bias)


def signals_of(states: Tensor, lengths: Tensor) -> Tensor:
    """What a window is judged by: its first state and the mean of its states.

    Args:
        states: `(N, L, D)`, zero at padding.
        lengths: `(N,)` in tokens.

    Returns:
        `(N, 2 D) float32`.
    """
    means = states.sum(dim=1, dtype=torch.float32) / lengths.clamp(min=1)[:, None]
    return torch.cat([states[:, 0].float(), means], dim=1)
