"""What the decoder may do next, as one distribution: write a word piece, copy a span, or end.

    p(write w)      = g · softmax(vocabulary)_w                  w = [SEP] ends the answer
    p(copy i … j)   = (1 − g) · start_i · end_j|i

Abstaining is no action here: whether to answer at all is decided from the first step's null entry before
anything is written, and its share of the distribution is given to the copies that it competed with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rag.generator.evidence import Evidence, Step
from rag.generator.model import MASKED, Generator
from rag.generator.passages import SEP, Reader, Reading
from rag.generator.tables import cell_bounds

START_CANDIDATES = 16
"""Most probable places for a copy to begin at that are looked at."""
NEVER = -1e9
"""Log-probability of what must not be done."""


@dataclass(frozen=True)
class Action:
    """One step of the decoder: a copy (`first … last` of a window) or a written word piece."""

    ids: tuple[int, ...]
    window: int | None = None
    first: int = 0
    last: int = 0


def copy_of(reading: Reading, window: int, first: int, last: int) -> Action:
    """The copy of `first … last` of a window."""
    return Action(tuple(reading.windows[window].ids[first : last + 1]), window, first, last)


@dataclass(frozen=True)
class Scored:
    """The log-probabilities of what H texts of each of B questions may do next."""

    log_p: Tensor  # (B, H, A): V word pieces, then K · W copies
    starts: Tensor  # (B, H, K) the tokens, among the M, at which the copies begin


class ActionSpace:
    """The actions that B readings allow."""

    def __init__(
        self,
        model: Generator,
        reader: Reader,
        readings: Sequence[Reading],
        tokens: int,
        windows: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Lay out the readings as the evidence has them: windows of `tokens` tokens, one after the other.

        `windows` are the numbers of those that it has of each reading; None: all.
        """
        most = max(len(r.windows) for r in readings)
        self._windows = windows or [range(most)] * len(readings)
        self._model = model
        self._readings = readings
        self._tokens = tokens
        self._device = model.words.weight.device
        laid_out = [
            _lay_out(r, reader, most, tokens).only(list(w))
            for r, w in zip(readings, self._windows, strict=True)
        ]
        self._ids = self._stack([x.ids for x in laid_out])  # (B, M)
        self._text = self._stack([x.text for x in laid_out])  # (B, M)
        self._ends_word = self._stack([x.ends_word for x in laid_out])  # (B, M)
        unwritable = torch.from_numpy(reader.special) & (torch.arange(len(reader.special)) != SEP)
        self._unwritable = (unwritable * NEVER).to(self._device)  # (V,)
        self._continuing = (torch.from_numpy(reader.continuing) * NEVER).to(self._device)  # (V,)

    def _stack(self, rows: Sequence[NDArray[np.generic]]) -> Tensor:
        return torch.from_numpy(np.stack(rows)).to(self._device)

    @property
    def vocabulary(self) -> int:
        """V, how many word pieces there are."""
        return self._unwritable.shape[0]

    def select(self, questions: Sequence[int]) -> None:
        """Keep some of the questions only."""
        rows = torch.tensor(questions, device=self._device)
        self._readings = [self._readings[q] for q in questions]
        self._windows = [self._windows[q] for q in questions]
        self._ids, self._text = self._ids[rows], self._text[rows]
        self._ends_word = self._ends_word[rows]

    def score(self, step: Step, evidence: Evidence) -> Scored:
        """The distribution over all actions after a step of `advance`."""
        B, H, M = step.starts.shape
        V = self.vocabulary
        K = min(START_CANDIDATES, M)
        W = self._model.config.span_tokens
        words = self._model.write(step.states) + step.write_gate[..., None] + self._unwritable
        # null is above 0 at the first step alone: what it holds is handed to the copies
        answered = torch.log1p(-step.null.exp().clamp(max=1 - 1e-6))
        start_log_p, starts = step.starts.topk(K, dim=-1)  # (B, H, K)
        start_log_p = start_log_p.masked_fill(start_log_p < MASKED / 2, NEVER)  # no word begins there
        rows = torch.arange(B, device=self._device).repeat_interleave(H * K)
        states = step.states[:, :, None].expand(B, H, K, -1).reshape(B * H * K, -1)
        ends = self._model.ends(states, starts.reshape(-1), rows, evidence)
        ends = ends + self._whole_words(starts.reshape(-1), rows)
        copies = ends.view(B, H, K, W) + (start_log_p + (step.copy_gate - answered)[..., None])[..., None]
        joint = torch.cat([words, copies.view(B, H, K * W)], dim=-1)
        assert joint.shape[-1] == V + K * W
        return Scored(joint, starts)

    def _whole_words(self, starts: Tensor, questions: Tensor) -> Tensor:
        """`(A, W)`: 0 where a copy ends with a word of the same text that it begins in, NEVER elsewhere."""
        W = self._model.config.span_tokens
        offsets = starts[:, None] + torch.arange(W, device=self._device)  # (A, W)
        inside = offsets.clamp(max=self._text.shape[1] - 1)
        text = self._text[questions[:, None], inside]
        whole = self._ends_word[questions[:, None], inside] & (text == text[:, :1]) & (text > 0)
        return ~(whole & (offsets < self._text.shape[1])) * NEVER

    def forbid(self, scored: Scored, question: int, row: int, before: Sequence[Action], room: int) -> Tensor:
        """`(A,)`: the log-probabilities of one text, with what it may not do now ruled out.

        An answer does not begin with its end; only a written word can be continued; no span is copied twice;
        nothing is longer than the `room` that is left.
        """
        log_p = scored.log_p[question, row].clone()
        V = self.vocabulary
        if not before:
            log_p[SEP] = NEVER
        if not before or before[-1].window is not None:
            log_p[:V] += self._continuing
        copies = log_p[V:].view(scored.starts.shape[-1], -1)  # (K, W)
        copies[:, room:] = NEVER
        starts = scored.starts[question, row]
        for action in before:
            if action.window is not None:
                place = self._windows[question].index(action.window)
                begins = place * self._tokens + action.first
                copies[starts == begins, action.last - action.first] = NEVER
        return log_p

    def penalise(self, log_p: Tensor, scored: Scored, question: int, row: int, said: Tensor) -> Tensor:
        """Take from each action the penalty of what it would repeat.

        Args:
            log_p: `(A,)` of `forbid`.
            scored: what it is from.
            question: whose text it is.
            row: which of its texts.
            said: `(V,)` log of the penalty for each word piece; a copy has the mean of its pieces.
        """
        V = self.vocabulary
        W = self._model.config.span_tokens
        sums = said[self._ids[question]].cumsum(0)  # (M,)
        begins = scored.starts[question, row][:, None]
        ends = (begins + torch.arange(W, device=self._device)).clamp(max=sums.shape[0] - 1)  # (K, W)
        repeated = sums[ends] - sums[begins] + said[self._ids[question]][begins]
        means = repeated / torch.arange(1, W + 1, device=self._device)
        return log_p - torch.cat([said[:V], means.flatten()])

    def action(self, scored: Scored, question: int, row: int, number: int) -> Action | None:
        """The action of a number among the A of `score`; None to end."""
        V = self.vocabulary
        if number < V:
            return None if number == SEP else Action((number,))
        candidate, more = divmod(number - V, self._model.config.span_tokens)
        place, first = divmod(int(scored.starts[question, row, candidate]), self._tokens)
        return copy_of(self._readings[question], self._windows[question][place], first, first + more)


@dataclass(frozen=True)
class _LaidOut:
    ids: NDArray[np.int64]  # (windows, tokens)
    text: NDArray[np.int64]  # (windows, tokens) number of the text, or cell, of a token, 0 for none
    ends_word: NDArray[np.bool_]  # (windows, tokens)

    def only(self, windows: list[int]) -> "_LaidOut":
        """What there is of some of the windows, each `(M,)`."""
        return _LaidOut(
            self.ids[windows].reshape(-1),
            self.text[windows].reshape(-1),
            self.ends_word[windows].reshape(-1),
        )


def _lay_out(reading: Reading, reader: Reader, windows: int, tokens: int) -> _LaidOut:
    ids = np.zeros((windows, tokens), dtype=np.int64)
    text = np.zeros((windows, tokens), dtype=np.int64)
    cells = [cell_bounds(passage.text) for passage in reading.passages]
    texts = 0
    for number, w in enumerate(reading.windows):
        ids[number, : len(w.ids)] = w.ids
        text[number, w.question_at : w.question_at + w.question_length] = texts + 1
        pieces = reading.pieces[w.passage].offsets[w.first_piece : w.first_piece + w.text_length]
        within = np.searchsorted(cells[w.passage], [start for start, _ in pieces], side="right")
        text[number, w.text_at : w.text_at + w.text_length] = texts + 2 + within
        texts += 2 + len(cells[w.passage])
    flat_ids, flat_text = ids.reshape(-1), text.reshape(-1)
    followed = (flat_text[1:] == flat_text[:-1]) & reader.continuing[flat_ids[1:]]
    return _LaidOut(ids, text, np.append(~followed, np.True_).reshape(ids.shape))
