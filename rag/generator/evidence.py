"""What passes between the generator's parts: what was read, what may be done, what is remembered."""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True)
class Evidence:
    """What the encoder made of the passages of B questions, P each.

    W of the windows were read to the end, all P where nothing is pruned: M = W · L tokens.
    """

    states: Tensor  # (B, M, D)
    memories: list[tuple[Tensor, Tensor]]  # per decoder layer: keys, values, each (B, heads, M, D / heads)
    bias: Tensor  # (B, 1, 1, M), MASKED at padding
    starts: Tensor  # (B, M) bool: a copy may start here
    passage_of: Tensor  # (M,) which of the W windows a token belongs to
    windows: Tensor  # (B, W) which of the P windows these are
    relevance: Tensor  # (B, P) logits: the passage holds the answer
    read: Tensor  # (B, P) bool: the window was read to the end

    @property
    def tokens(self) -> int:
        """L, the tokens of a window."""
        return self.states.shape[1] // self.windows.shape[1]

    def select(self, questions: Tensor) -> "Evidence":
        """The evidence of some of the questions."""
        return replace(
            self,
            states=self.states[questions],
            memories=[(keys[questions], values[questions]) for keys, values in self.memories],
            bias=self.bias[questions],
            starts=self.starts[questions],
            windows=self.windows[questions],
            relevance=self.relevance[questions],
            read=self.read[questions],
        )

    def by_window(self, question: int, of_tokens: Tensor) -> Tensor:
        """What there is of the M tokens of a question as `(P, L)`, zero where nothing was read to the end."""
        all_windows = of_tokens.new_zeros(self.relevance.shape[1], self.tokens)
        return all_windows.index_add(0, self.windows[question], of_tokens.view(-1, self.tokens))


@dataclass(frozen=True)
class Step:
    """Log-probabilities of what the decoder may do at L positions of B questions (texts: `advance`)."""

    states: Tensor  # (B, L, D)
    write_gate: Tensor  # (B, L) log g
    copy_gate: Tensor  # (B, L) log (1 − g)
    starts: Tensor  # (B, L, M) log-softmax over all tokens and null, without the gate
    null: Tensor  # (B, L) the null entry of the same softmax


@dataclass(frozen=True)
class Past:
    """What the decoder remembers of R = B · H texts: T places, some of them empty."""

    memory: list[tuple[Tensor, Tensor]]  # per layer: keys, values, each (R, heads, T, D / heads)
    present: Tensor  # (R, T) bool: the place holds a word piece

    def select(self, rows: Tensor) -> "Past":
        """The memory of texts that go on from these: a text may be named several times."""
        return Past([(keys[rows], values[rows]) for keys, values in self.memory], self.present[rows])
