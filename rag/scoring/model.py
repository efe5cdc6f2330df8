"""The classifier: MiniLM reads a claim beside its evidence, a linear head says whether it is entailed.

[CLS] claim [SEP] evidence [SEP]

logit = w · [state of CLS; mean state of the claim; lexical features] + b
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from rag.cores import filled
from rag.errors import CheckpointError
from rag.generator.config import GeneratorConfig
from rag.generator.layers import LAYER_NORM_EPSILON, EncoderLayer
from rag.generator.model import MASKED
from rag.generator.packed import PackedLayer, packed_layers, read_packed
from rag.scoring.features import FEATURES


@dataclass(frozen=True)
class ScorerConfig:
    """The classifier's shape; its encoder is that of MiniLM-L6-H384."""

    layers: int = 6
    window: int = 256
    """Tokens of a claim with its evidence."""
    claim_tokens: int = 96
    """A longer claim is cut."""
    positions: int = 512
    features: int = FEATURES

    def to_dict(self) -> dict[str, Any]:
        """Return a form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ScorerConfig":
        """Read what `to_dict` wrote.

        Raises:
            CheckpointError: a field is unknown or missing, so the checkpoint is of another version.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(set(values) ^ known))
            raise CheckpointError(
                f"the scorer's configuration differs from this version's in: {odd}. "
                "Train again with `rag train-scorer`, or install the version that wrote it."
            )
        return cls(**values)


class Scorer(nn.Module):
    """Encoder and head; the word embeddings are MiniLM's own and never trained."""

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        shape = GeneratorConfig(encoder_layers=config.layers)
        D = shape.dimension
        self.config = config
        self.words = nn.Embedding(shape.vocabulary, D)
        self.words.weight.requires_grad_(False)
        self.positions = nn.Embedding(config.positions, D)
        self.segments = nn.Embedding(2, D)
        self.input_norm = nn.LayerNorm(D, eps=LAYER_NORM_EPSILON)
        self.encoder = nn.ModuleList(EncoderLayer(shape) for _ in range(config.layers))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * D + config.features, 1)
        self._packed: list[PackedLayer] | None = None

    def forward(self, ids: Tensor, segments: Tensor, features: Tensor) -> Tensor:
        """Logits `(B,)`, float32.

        Args:
            ids: `(B, L)` word pieces, 0 at padding.
            segments: `(B, L)` 0 for the claim, 1 for the evidence.
            features: `(B, F)` lexical features.
        """
        if self._packed is not None:
            return self._read_packed(self._packed, ids, segments, features)
        precision = next(self.encoder.parameters()).dtype
        bias = ((ids == 0)[:, None, None, :] * MASKED).to(precision)
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.segments(segments)
        x = self.input_norm(x).to(precision)
        for layer in self.encoder:
            x = layer(x, bias)
        claim = ((segments == 0) & (ids != 0)).unsqueeze(-1).to(x.dtype)
        mean = (x * claim).sum(dim=1) / claim.sum(dim=1)  # (B, D)
        return self._judge(x[:, 0], mean, features)

    def lay_out(self) -> None:
        """Lay the encoder's weights out for reading, once; they must not change any more."""
        self._packed = packed_layers(self.encoder)

    def _read_packed(
        self, layers: Sequence[PackedLayer], ids: Tensor, segments: Tensor, features: Tensor
    ) -> Tensor:
        """`forward` without padding."""
        there = ids != 0
        lengths: list[int] = there.sum(dim=1).tolist()
        row, place = (filled(each) for each in there.nonzero(as_tuple=True))  # (t,)
        x = self.words(ids[row, place]) + self.positions(place) + self.segments(segments[row, place])
        precision = next(self.encoder.parameters()).dtype
        x = read_packed(layers, self.input_norm(x).to(precision), lengths)
        windows = torch.split_with_sizes(x[: sum(lengths)], lengths)
        claims: list[int] = ((segments == 0) & there).sum(dim=1).tolist()
        mean = torch.stack([w[:n].mean(dim=0) for w, n in zip(windows, claims, strict=True)])
        return self._judge(torch.stack([w[0] for w in windows]), mean, features)

    def _judge(self, first: Tensor, mean: Tensor, features: Tensor) -> Tensor:
        """Logits of the first state, the claim's mean state and the features, each `(B, …)`."""
        pooled = torch.cat([first.float(), mean.float(), features], dim=-1)
        logits: Tensor = self.head(self.dropout(pooled)).squeeze(-1)
        return logits.float()
