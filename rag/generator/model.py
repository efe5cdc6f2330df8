"""The generator: Fusion-in-Decoder (Izacard and Grave 2020, arXiv 2007.01282) that copies spans.

Every passage is encoded with the question before it, each on its own; the decoder attends over the
tokens of all of them. At each step the decoder either copies a span of a passage (a start pointer,
then an end pointer; Panthaplackel et al. 2021, arXiv 2006.04771), or writes one word piece, or, at the
first step only, abstains. The start pointer is normalised over all passages together with the null
entry that stands for abstaining (Clark and Gardner 2018, arXiv 1710.10723).

    p(write w)      = g · softmax(vocabulary)_w          g = sigmoid(gate(s))
    p(copy from i)  = (1 − g) · softmax([starts, null])_i
    p(copy i … j)   = p(copy from i) · softmax(ends after i)_j

The input of a step is the text written so far, whichever actions wrote it: that is what lets
training sum over all ways to cut a target into copied and written pieces. Distributions are computed
in float32 also where the matrix products before them are not.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rag.generator.config import GeneratorConfig
from rag.generator.layers import LAYER_NORM_EPSILON, DecoderLayer, EncoderLayer

MASKED = -1e4
"""Added to a logit that must not be chosen; finite, so that a fully masked row stays a number."""


@dataclass(frozen=True)
class Evidence:
    """What the encoder made of the passages of B questions, P each, flattened to M = P · L tokens."""

    states: Tensor  # (B, M, D)
    memories: list[tuple[Tensor, Tensor]]  # per decoder layer: keys, values, each (B, heads, M, D / heads)
    bias: Tensor  # (B, 1, 1, M), MASKED at padding
    starts: Tensor  # (B, M) bool: a copy may start here
    passage_of: Tensor  # (M,) which of the P passages a token belongs to
    relevance: Tensor  # (B, P) logits: the passage holds the answer


@dataclass(frozen=True)
class Step:
    """Log-probabilities of what the decoder may do at L positions of B questions."""

    states: Tensor  # (B, L, D)
    write_gate: Tensor  # (B, L) log g
    copy_gate: Tensor  # (B, L) log (1 − g)
    starts: Tensor  # (B, L, M) log-softmax over all tokens and null, without the gate
    null: Tensor  # (B, L) the null entry of the same softmax


class Generator(nn.Module):
    """Encoder, decoder and pointers; the word embeddings are MiniLM's own and never trained."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        D = config.dimension
        self.config = config
        self.words = nn.Embedding(config.vocabulary, D)
        self.words.weight.requires_grad_(False)
        self.positions = nn.Embedding(config.positions, D)
        self.segments = nn.Embedding(2, D)
        self.input_norm = nn.LayerNorm(D, eps=LAYER_NORM_EPSILON)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.decoder_positions = nn.Embedding(config.positions, D)
        self.decoder_norm = nn.LayerNorm(D, eps=LAYER_NORM_EPSILON)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.start_key = nn.Linear(D, D)
        self.start_query = nn.Linear(D, D)
        self.start_bias = nn.Linear(D, 1)
        self.end_key = nn.Linear(D, D)
        self.end_query = nn.Linear(2 * D, D)
        self.end_bias = nn.Linear(D, 1)
        self.null = nn.Linear(D, 1)
        self.gate = nn.Linear(D, 1)
        self.writer = nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.LayerNorm(D, eps=LAYER_NORM_EPSILON))
        self.writer_bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.relevance = nn.Linear(D, 1)

    def encode(self, ids: Tensor, segments: Tensor, copyable: Tensor) -> Evidence:
        """Read the passages.

        Args:
            ids: `(B, P, L)` word pieces, 0 at padding; a passage that is all padding is ignored.
            segments: `(B, P, L)` 0 for the question, 1 for title and passage.
            copyable: `(B, P, L)` bool, where a copied span may start.
        """
        B, P, L = ids.shape
        x, bias = self._encode(ids, segments)
        relevance = self.relevance(x[:, 0]).view(B, P)
        states = x.reshape(B, P * L, -1)
        return Evidence(
            states=states,
            memories=[layer.cross_attention.memory(states) for layer in self.decoder],  # type: ignore[union-attr, operator]
            bias=bias.view(B, 1, 1, P * L),
            starts=copyable.view(B, P * L),
            passage_of=torch.arange(P, device=ids.device).repeat_interleave(L),
            relevance=relevance,
        )

    def relevance_of(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Relevance logits `(B, P)` alone, without what decoding needs; arguments as of `encode`."""
        x, _ = self._encode(ids, segments)
        logits: Tensor = self.relevance(x[:, 0]).view(ids.shape[:2])
        return logits

    def _encode(self, ids: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """States `(B · P, L, D)` and the bias `(B · P, 1, 1, L)` that hides padding."""
        B, P, L = ids.shape
        flat = ids.view(B * P, L)
        bias = (flat == 0)[:, None, None, :] * MASKED
        x = self.words(flat) + self.positions.weight[:L] + self.segments(segments.view(B * P, L))
        x = self.input_norm(x)
        for layer in self.encoder:
            x = layer(x, bias)
        return x, bias

    def decode(
        self,
        written: Tensor,
        evidence: Evidence,
        past: list[tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Step, list[tuple[Tensor, Tensor]]]:
        """Advance the decoder over word pieces that were written (or start it with the first one).

        Args:
            written: `(B, L)` word pieces, the first of all being the start symbol.
            evidence: of `encode`.
            past: what the previous call returned, None at the start.

        Returns:
            The distributions after each of the L pieces, and the memory for the next call.
        """
        L = written.shape[1]
        before = past[0][0].shape[2] if past else 0
        causal = torch.full((L, before + L), MASKED, device=written.device).triu(before + 1)
        x = self.words(written) + self.decoder_positions.weight[before : before + L]
        x = self.decoder_norm(x)
        memory = []
        for number, layer in enumerate(self.decoder):
            x, kept = layer(
                x, past[number] if past else None, causal, evidence.memories[number], evidence.bias
            )
            memory.append(kept)
        return self._step(x, evidence, first=before == 0), memory

    def _step(self, s: Tensor, evidence: Evidence, *, first: bool) -> Step:
        scale = self.config.dimension**-0.5
        starts = self.start_query(s) @ self.start_key(evidence.states).transpose(1, 2) * scale
        starts = starts + self.start_bias(evidence.states).transpose(1, 2)  # (B, L, M)
        starts = starts.masked_fill(~evidence.starts[:, None, :], MASKED)
        null = self.null(s)  # (B, L, 1)
        allowed = torch.zeros_like(null)
        allowed[:, 1 if first else 0 :] = MASKED  # abstaining is a first action, or none
        joint = torch.cat([starts, null + allowed], dim=-1).float().log_softmax(dim=-1)
        gate = self.gate(s).float().squeeze(-1)
        return Step(s, F.logsigmoid(gate), F.logsigmoid(-gate), joint[..., :-1], joint[..., -1])

    def write(self, states: Tensor) -> Tensor:
        """Log-softmax over the vocabulary for decoder states `(…, D)`, without the gate."""
        logits: Tensor = self.writer(states) @ self.words.weight.T + self.writer_bias
        return logits.float().log_softmax(dim=-1)

    def ends(self, states: Tensor, starts: Tensor, question: Tensor, evidence: Evidence) -> Tensor:
        """Log-softmax over where copies end, given where they start.

        Args:
            states: `(A, D)` decoder states of A copies.
            starts: `(A,)` the token, among the M, at which each copy starts.
            question: `(A,)` which of the B questions each copy belongs to.
            evidence: of `encode`.

        Returns:
            `(A, span_tokens)`: entry n is the copy of n + 1 tokens.
        """
        W = self.config.span_tokens
        M = evidence.states.shape[1]
        offsets = starts[:, None] + torch.arange(W, device=starts.device)  # (A, W)
        inside = offsets.clamp(max=M - 1)
        window = evidence.states[question[:, None], inside]  # (A, W, D)
        q = self.end_query(torch.cat([states, window[:, 0]], dim=-1))  # (A, D)
        logits = (self.end_key(window) @ q[:, :, None]).squeeze(-1) * self.config.dimension**-0.5
        logits = logits + self.end_bias(window).squeeze(-1)
        same = evidence.passage_of[inside] == evidence.passage_of[starts][:, None]
        padding = evidence.bias[question[:, None], 0, 0, inside] < 0
        logits = logits.float().masked_fill((offsets >= M) | ~same | padding, MASKED)
        log_p: Tensor = logits.log_softmax(dim=-1)
        return log_p
