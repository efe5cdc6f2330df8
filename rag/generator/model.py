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

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rag.cores import Cores, Piece
from rag.generator.config import GeneratorConfig
from rag.generator.evidence import Evidence, Past, Step
from rag.generator.layers import LAYER_NORM_EPSILON, Attention, DecoderLayer, EncoderLayer
from rag.generator.packed import PackedLayer, packed_key_values, packed_layers, put, read_windows
from rag.generator.pruning import Pruning, Sieve, signals_of
from rag.linear import Linear

MASKED = -1e4
"""Added to a logit that must not be chosen; finite, so that a fully masked row stays a number."""


WINDOWS_AT_ONCE = 16
"""Windows that a card reads in one pass when answering; those of like length go together."""


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
        self._cores = Cores("reading")
        self._packed: list[PackedLayer] | None = None
        self._packed_key_values: list[Linear] | None = None
        self._sieve: Sieve | None = None

    def encode(self, ids: Tensor, segments: Tensor, copyable: Tensor) -> Evidence:
        """Read the passages.

        Args:
            ids: `(B, P, L)` word pieces, 0 at padding; a passage that is all padding is ignored.
            segments: `(B, P, L)` 0 for the question, 1 for title and passage.
            copyable: `(B, P, L)` bool, where a copied span may start.
        """
        B, P, L = ids.shape
        sieve = self._sieve_for(ids)
        begun, windows, read = None, torch.arange(P, device=ids.device).expand(B, P), ids[..., 0] != 0
        if sieve:
            begun = self._read_until(ids, segments, sieve.pruning.layer)
            sifted = sieve.sift(self._signals(ids, begun), read)
            windows, read = sifted.windows, sifted.kept
            at = torch.arange(B)[:, None], windows
            ids, copyable = ids[at] * read[at][..., None], copyable[at] & read[at][..., None]
            segments, begun = segments[at], begun.view(B, P, L, -1)[at]
        W = windows.shape[1]
        made = self._memories_to_make(B * W, L) if self._packs(ids) else []
        x, bias = self._encode(ids, segments, begun, made)
        relevance = self.relevance(x[:, 0]).view(B, W)
        if sieve:
            relevance = torch.where(read[at], relevance, sifted.relevance[at])
            relevance = sifted.relevance.scatter(1, windows, relevance)
        states = x.reshape(B, W * L, -1)
        return Evidence(
            states=states,
            memories=self._memories(states, made),
            bias=bias.view(B, 1, 1, W * L),
            starts=copyable.reshape(B, W * L),
            passage_of=torch.arange(W, device=ids.device).repeat_interleave(L),
            windows=windows,
            relevance=relevance,
            read=read,
        )

    def signals(self, ids: Tensor, segments: Tensor, layer: int) -> Tensor:
        """What a `Pruning` after so many layers judges windows by: `(B, P, 2 D)`; see `encode`."""
        return self._signals(ids, self._read_until(ids, segments, layer))

    def relevance_of(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Relevance logits `(B, P)` alone, without what decoding needs; arguments as of `encode`."""
        x, _ = self._encode(ids, segments)
        logits: Tensor = self.relevance(x[:, 0]).view(ids.shape[:2])
        return logits

    def _encode(
        self, ids: Tensor, segments: Tensor, begun: Tensor | None = None, made: Sequence[Tensor] = ()
    ) -> tuple[Tensor, Tensor]:
        """States `(B · P, L, D)` and the bias `(B · P, 1, 1, L)` that hides padding.

        `begun` is what the layers before the sieve made of the windows; `made` is filled with what the
        decoder's layers will look at, where they are read packed.
        """
        B, P, L = ids.shape
        flat, parts = ids.view(B * P, L), segments.view(B * P, L)
        bias = (flat == 0)[:, None, None, :] * MASKED
        if torch.is_grad_enabled():
            return self._read(flat, parts, bias), bias
        if not self._packs(ids):
            return self._read_slices(flat, parts, bias), bias
        states = torch.zeros((*flat.shape, self.config.dimension))
        memories = self._key_values if made else []

        def end(pieces: Sequence[Piece], x: Tensor) -> None:
            put(pieces, x, states)
            for key_value, of_layer in zip(memories, made, strict=True):
                put(pieces, key_value(x), of_layer)

        layers, begin = self._layers, self._embedding(ids, segments)
        if begun is not None and self._sieve is not None:
            layers, begin = layers[self._sieve.pruning.layer :], begun.view(B * P * L, -1).__getitem__
        read_windows(layers, flat, begin, end, self._cores)
        return states, bias

    def _packs(self, ids: Tensor) -> bool:
        """Whether windows are read without padding, on a processor's cores."""
        return ids.device.type == "cpu" and not torch.is_grad_enabled()

    def _memories_to_make(self, windows: int, tokens: int) -> list[Tensor]:
        shape = windows, tokens, 2 * self.config.dimension
        return [torch.zeros(shape) for _ in self.decoder]

    def _memories(self, states: Tensor, made: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """What the decoder's layers look at, of states `(B, M, D)`; `made` where it was made with them."""
        seen: list[Attention] = [layer.cross_attention for layer in self.decoder]  # type: ignore[misc]
        if not made:
            return [attention.memory(states) for attention in seen]
        shape = *states.shape[:2], -1
        return [attention.of_heads(m.view(shape)) for attention, m in zip(seen, made, strict=True)]

    def _sieve_for(self, ids: Tensor) -> Sieve | None:
        """What chooses among windows `(B, P, L)`; None where all are read to the end."""
        sieve = self._sieve
        if sieve is None or not self._packs(ids):
            return None
        return sieve if sieve.pruning.kept_of(ids.shape[1]) < ids.shape[1] else None

    def _signals(self, ids: Tensor, begun: Tensor) -> Tensor:
        lengths = (ids != 0).sum(dim=-1).view(-1)
        return signals_of(begun, lengths).view(*ids.shape[:2], -1)

    @property
    def _layers(self) -> list[PackedLayer]:
        return self._packed or packed_layers(self.encoder)

    @property
    def _key_values(self) -> list[Linear]:
        """What makes keys and values for each layer of the decoder."""
        return self._packed_key_values or packed_key_values(self.decoder)

    def _read_until(self, ids: Tensor, segments: Tensor, layer: int) -> Tensor:
        """States `(B · P, L, D)` of windows after so many layers, zero at padding."""
        flat = ids.view(-1, ids.shape[-1])
        states = torch.zeros((*flat.shape, self.config.dimension), dtype=self.precision)
        begin = self._embedding(ids, segments)
        read_windows(self._layers[:layer], flat, begin, lambda pieces, x: put(pieces, x, states), self._cores)
        return states

    def _embedding(self, ids: Tensor, segments: Tensor) -> Callable[[Tensor], Tensor]:
        """What the first layer reads of places `(t,)` among the tokens of all windows: `(t, D)`."""
        tokens, parts, L = ids.view(-1), segments.view(-1), ids.shape[-1]

        def embedded(at: Tensor) -> Tensor:
            x = self.words(tokens[at]) + self.positions(at % L) + self.segments(parts[at])
            return self.input_norm(x).to(self.precision)  # type: ignore[no-any-return]

        return embedded

    def _read_slices(self, ids: Tensor, segments: Tensor, bias: Tensor) -> Tensor:
        """`_read` in slices of like length: no work on absent windows and little on padding."""
        lengths = (ids != 0).sum(dim=1)
        order = lengths.argsort()
        states = torch.zeros(*ids.shape, self.config.dimension, device=ids.device)
        present = order[lengths[order] > 0]
        for begin in range(0, len(present), WINDOWS_AT_ONCE):
            rows = present[begin : begin + WINDOWS_AT_ONCE]
            L = int(lengths[rows[-1]])
            states[rows, :L] = self._read(ids[rows, :L], segments[rows, :L], bias[rows, ..., :L])
        return states

    def _read(self, ids: Tensor, segments: Tensor, bias: Tensor) -> Tensor:
        """`(N, L)` word pieces to states `(N, L, D)`."""
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.segments(segments)
        x = self.input_norm(x).to(self.precision)
        bias = bias.to(self.precision)
        for layer in self.encoder:
            x = layer(x, bias)
        states: Tensor = x.float()
        return states

    @property
    def precision(self) -> torch.dtype:
        """What the encoder computes in."""
        return next(self.encoder.parameters()).dtype

    def read_in_bfloat16(self) -> None:
        """Let all that is computed once per passage be computed in bfloat16; the decoder stays as it is."""
        self.encoder.to(torch.bfloat16)
        for layer in self.decoder:
            layer.cross_attention.key_value.to(torch.bfloat16)  # type: ignore[union-attr]

    def lay_out(self) -> None:
        """Lay the encoder's weights out for reading, once; they must not change any more."""
        self._packed = packed_layers(self.encoder)
        self._packed_key_values = packed_key_values(self.decoder)

    def prune(self, pruning: Pruning | None) -> None:
        """Read windows to the end only where a pruning says so, on a processor; None: all."""
        self._sieve = Sieve(pruning) if pruning else None

    def decode(self, written: Tensor, evidence: Evidence) -> tuple[Step, Past]:
        """Run the decoder over whole texts.

        Args:
            written: `(B, L)` word pieces, the first of all being the start symbol.
            evidence: of `encode`.

        Returns:
            The distributions after each of the L pieces, and the memory to go on from.
        """
        states, memory = self._follow(written, torch.ones_like(written, dtype=torch.bool), evidence, None)
        return self._step(states, evidence, first=True), memory

    def advance(
        self, written: Tensor, lengths: Tensor, evidence: Evidence, past: Past | None = None
    ) -> tuple[Step, Past]:
        """Go on with H texts for each question by the word pieces that each of them grew by.

        Args:
            written: `(B, H, L)` word pieces, padded at the end. At the start H and L are 1: the start symbol.
            lengths: `(B, H)` how many of them there are; at least one.
            evidence: of `encode`.
            past: what the previous call returned, in the order of these texts; None at the start.

        Returns:
            The distributions `(B, H, …)` after the last piece of each text, and the memory for the next call.
        """
        B, H, L = written.shape
        flat = lengths.view(B * H)
        present = torch.arange(L, device=written.device) < flat[:, None]  # (R, L)
        states, memory = self._follow(written.view(B * H, L), present, evidence, past)
        last = states[torch.arange(B * H, device=written.device), flat - 1]
        return self._step(last.view(B, H, -1), evidence, first=past is None), memory

    def _follow(
        self, written: Tensor, present: Tensor, evidence: Evidence, past: Past | None
    ) -> tuple[Tensor, Past]:
        """Decoder states `(R, L, D)` of new word pieces `(R, L)`, and the grown memory."""
        R, L = written.shape
        before = past.present if past else torch.zeros(R, 0, dtype=torch.bool, device=written.device)
        seen = torch.cat([before, present], dim=1)  # (R, T + L)
        causal = torch.full((L, seen.shape[1]), MASKED, device=written.device).triu(before.shape[1] + 1)
        bias = causal + (~seen)[:, None, None, :] * MASKED  # (R, 1, L, T + L)
        places = before.sum(dim=1, keepdim=True) + torch.arange(L, device=written.device)
        x = self.words(written) + self.decoder_positions(places)
        x = self.decoder_norm(x)
        memory = []
        for number, layer in enumerate(self.decoder):
            kept = past.memory[number] if past else None
            x, grown = layer(x, kept, bias, evidence.memories[number], evidence.bias)
            memory.append(grown)
        return x, Past(memory, seen)

    def _step(self, s: Tensor, evidence: Evidence, *, first: bool) -> Step:
        # q · (W x + b) = (Wᵀ q) · x + q · b: a product for each query instead of one for each of M tokens
        q = self.start_query(s)  # (B, L, D)
        starts = (q @ self.start_key.weight) @ evidence.states.transpose(1, 2)  # (B, L, M)
        starts = (starts + (q @ self.start_key.bias)[..., None]) * self.config.dimension**-0.5
        starts = starts + self.start_bias(evidence.states).transpose(1, 2)
        starts = starts.masked_fill(~evidence.starts[:, None, :], MASKED)
        null = self.null(s)  # (B, L, 1)
        if first:
            null = torch.cat([null[:, :1], torch.full_like(null[:, 1:], MASKED)], dim=1)
        else:
            null = torch.full_like(null, MASKED)  # abstaining is a first action, or none
        joint = torch.cat([starts, null], dim=-1).float().log_softmax(dim=-1)
        gate = self.gate(s).float().squeeze(-1)
        return Step(s, F.logsigmoid(gate), F.logsigmoid(-gate), joint[..., :-1], joint[..., -1])

    def write(self, states: Tensor) -> Tensor:
        """Log-softmax over the vocabulary for decoder states `(…, D)`, without the gate."""
        logits: Tensor = self.writer(states) @ self.words.weight.T + self.writer_bias
        return logits.float().log_softmax(dim=-1)

    def log_odds(self, states: Tensor, word: int, other: int) -> Tensor:
        """How much rather the one word piece is written than the other, of `write` for states `(…, D)`."""
        weights = self.words.weight[word] - self.words.weight[other]
        biases = self.writer_bias[word] - self.writer_bias[other]
        odds: Tensor = self.writer(states) @ weights + biases
        return odds

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
        logits = (window @ (q @ self.end_key.weight)[:, :, None]).squeeze(-1)  # (A, W), as in `_step`
        logits = (logits + (q @ self.end_key.bias)[:, None]) * self.config.dimension**-0.5
        logits = logits + self.end_bias(window).squeeze(-1)
        same = evidence.passage_of[inside] == evidence.passage_of[starts][:, None]
        padding = evidence.bias[question[:, None], 0, 0, inside] < 0
        logits = logits.float().masked_fill((offsets >= M) | ~same | padding, MASKED)
        log_p: Tensor = logits.log_softmax(dim=-1)
        return log_p
