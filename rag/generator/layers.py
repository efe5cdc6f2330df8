"""The transformer's parts: attention and blocks, normalised after each sum as BERT's are.

Attention is written out where gradients are wanted: on CPUs the fused kernel's backward pass takes longer
than the two matrix products it saves. Answering takes the fused kernel, with 13 % less work an answer.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rag.generator.config import GeneratorConfig

LAYER_NORM_EPSILON = 1e-12


class Attention(nn.Module):
    """Multi-head attention of queries over a memory; self-attention when both are the same."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.head_dimension = config.dimension // config.heads
        self.query = nn.Linear(config.dimension, config.dimension)
        self.key_value = nn.Linear(config.dimension, 2 * config.dimension)
        self.out = nn.Linear(config.dimension, config.dimension)

    def split_heads(self, x: Tensor) -> Tensor:
        """`(B, L, D)` to `(B, heads, L, D / heads)`."""
        return x.view(x.shape[0], x.shape[1], self.heads, self.head_dimension).transpose(1, 2)

    def memory(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a memory `(B, M, D)`, each `(B, heads, M, D / heads)`."""
        return self.of_heads(self.key_value(x.to(self.key_value.weight.dtype)).to(x.dtype))

    def of_heads(self, keys_values: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values side by side, `(B, M, 2 D)`, as `memory` gives them."""
        keys, values = keys_values.chunk(2, dim=-1)
        return self.split_heads(keys), self.split_heads(values)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
        """Attend from x `(B, L, D)`; bias, added to the logits, broadcasts to `(B, heads, L, M)`."""
        q = self.split_heads(self.query(x))
        mixed = (_written_out if torch.is_grad_enabled() else _fused)(q, keys, values, bias)
        joined: Tensor = self.out(mixed.transpose(1, 2).reshape(x.shape))
        return joined


def _written_out(q: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    logits = q @ keys.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, heads, L, M)
    if bias is not None:
        logits = logits + bias
    mixed: Tensor = logits.softmax(dim=-1) @ values  # (B, heads, L, D / heads)
    return mixed


def _fused(q: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    mask = None if bias is None else bias.to(q.dtype)
    return F.scaled_dot_product_attention(q, keys.to(q.dtype), values.to(q.dtype), mask)


class FeedForward(nn.Module):
    """Two matrix products with a GELU between them."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.dimension, config.feed_forward)
        self.down = nn.Linear(config.feed_forward, config.dimension)

    def forward(self, x: Tensor) -> Tensor:
        """`(…, D)` to `(…, D)`."""
        y: Tensor = self.down(F.gelu(self.up(x)))
        return y


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.dimension, eps=LAYER_NORM_EPSILON)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.dimension, eps=LAYER_NORM_EPSILON)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`(B, L, D)` to `(B, L, D)`; bias `(B, 1, 1, L)` is very negative at padding."""
        x = self.attention_norm(x + self.attention(x, *self.attention.memory(x), bias))
        y: Tensor = self.feed_forward_norm(x + self.feed_forward(x))
        return y


class DecoderLayer(nn.Module):
    """Causal self-attention, attention over all passages, feed-forward."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.dimension, eps=LAYER_NORM_EPSILON)
        self.cross_attention = Attention(config)
        self.cross_attention_norm = nn.LayerNorm(config.dimension, eps=LAYER_NORM_EPSILON)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.dimension, eps=LAYER_NORM_EPSILON)

    def forward(
        self,
        x: Tensor,
        past: tuple[Tensor, Tensor] | None,
        causal_bias: Tensor,
        evidence: tuple[Tensor, Tensor],
        evidence_bias: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One layer over new positions `(R, L, D)`; returns them and the grown self-attention memory.

        The R rows are H texts for each of B questions, R = B · H. The texts of a question attend to its
        passages side by side, so that the passages' keys and values are held once.

        Args:
            x: the new positions.
            past: keys and values of the positions before them, None at the start.
            causal_bias: broadcasts to `(R, heads, L, past + L)`.
            evidence: keys and values of all passages' tokens, each `(B, heads, M, D / heads)`.
            evidence_bias: `(B, 1, 1, M)`, very negative at padding.
        """
        keys, values = self.attention.memory(x)
        if past is not None:
            keys = torch.cat([past[0], keys], dim=2)
            values = torch.cat([past[1], values], dim=2)
        x = self.attention_norm(x + self.attention(x, keys, values, causal_bias))
        side_by_side = x.view(evidence_bias.shape[0], -1, x.shape[-1])  # (B, H · L, D)
        seen = self.cross_attention(side_by_side, *evidence, evidence_bias).view(x.shape)
        x = self.cross_attention_norm(x + seen)
        x = self.feed_forward_norm(x + self.feed_forward(x))
        return x, (keys, values)
