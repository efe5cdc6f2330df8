"""From distributions over actions to an answer: the most probable one, or one drawn by chance.

The state of the decoder depends on the words so far, not on which actions brought them. Texts that become
equal are therefore one text with the sum of their probabilities: an answer that stands in four passages is
not beaten by one that stands in one.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rag.generator.actions import NEVER, Action, ActionSpace, Scored
from rag.generator.settings import GenerationSettings

LEAST_CONSIDERED = 16
"""Actions of a text that are looked at, so that equal words from several places find each other."""


@dataclass(frozen=True)
class Text:
    """An answer so far: what was done, the word pieces that came of it, and how probable that is."""

    actions: tuple[Action, ...] = ()
    ids: tuple[int, ...] = ()
    log_p: float = 0.0
    steps: int = 0
    """Actions, the end counted as one."""
    parent: int = 0
    """The row of the text that it goes on from."""

    def score(self, length_penalty: float) -> float:
        """The log-probability for each action, so that longer answers can be compared with shorter ones."""
        return self.log_p / float(max(1, self.steps) ** length_penalty)


class Search:
    """The texts that are followed for one question."""

    def __init__(self, settings: GenerationSettings, most_pieces: int) -> None:
        """Begin with the empty text.

        Args:
            settings: how the answer is chosen.
            most_pieces: the longest that the model can say.
        """
        self._settings = settings
        self.most_pieces = min(settings.max_tokens or most_pieces, most_pieces)
        self._random = random.Random(settings.seed)
        self._ended: list[Text] = []
        self.live: list[Text] = [Text()]

    @property
    def settled(self) -> tuple[Action, ...]:
        """The actions that the answer begins with, whatever comes."""
        if not self.live:
            return self.best.actions
        return self.live[0].actions if self._settings.beams == 1 else ()

    @property
    def best(self) -> Text:
        """The answer, once no text is live; before that the best so far."""
        return max(self._ended or self.live, key=lambda t: t.score(self._settings.length_penalty))

    def stop(self) -> None:
        """End with what there is."""
        self._ended += self.live
        self.live = []

    def advance(self, space: ActionSpace, scored: Scored, question: int) -> None:
        """Let every live text do one more thing.

        Args:
            space: the actions.
            scored: their log-probabilities; row h is that of the h-th live text.
            question: the number of this question there.
        """
        rows = [self._log_p(space, scored, question, row) for row in range(len(self.live))]
        if self._settings.samples:
            grown = [self._draw(space, scored, question, rows[0])]
        else:
            grown = self._most_probable(space, scored, question, rows)
        self._ended = _merge([*self._ended, *(t for t in grown if t.steps > len(t.actions))])
        going_on = [t for t in grown if t.steps == len(t.actions)]
        self._ended += [t for t in going_on if len(t.ids) >= self.most_pieces]
        self.live = [t for t in going_on if len(t.ids) < self.most_pieces]
        if len(self._ended) >= self._settings.beams:
            self.live = []

    def _log_p(self, space: ActionSpace, scored: Scored, question: int, row: int) -> Tensor:
        text = self.live[row]
        log_p = space.forbid(scored, question, row, text.actions, self.most_pieces - len(text.ids))
        penalty = math.log(self._settings.repetition_penalty)
        if penalty and text.ids:
            said = torch.tensor(text.ids, device=log_p.device).bincount(minlength=space.vocabulary) * penalty
            log_p = space.penalise(log_p, scored, question, row, said)
        return log_p

    def _most_probable(
        self, space: ActionSpace, scored: Scored, question: int, rows: Sequence[Tensor]
    ) -> list[Text]:
        considered = max(LEAST_CONSIDERED, 2 * self._settings.beams)
        grown = []
        for row, log_p in enumerate(rows):
            best = log_p.topk(min(considered, len(log_p)))
            for value, number in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                if value > NEVER / 2:
                    grown.append(self._grow(row, space.action(scored, question, row, number), value))
        merged = _merge(grown)
        merged.sort(key=lambda t: -t.log_p)
        return merged[: self._settings.beams]

    def _draw(self, space: ActionSpace, scored: Scored, question: int, log_p: Tensor) -> Text:
        kept = truncate(log_p / self._settings.temperature, self._settings)
        shares = kept.double().softmax(dim=-1).cumsum(dim=-1)
        drawn = torch.tensor([self._random.random()], dtype=shares.dtype, device=shares.device)
        number = int(torch.searchsorted(shares, drawn * shares[-1], right=True).clamp(max=len(shares) - 1))
        return self._grow(0, space.action(scored, question, 0, number), float(log_p[number]))

    def _grow(self, row: int, action: Action | None, log_p: float) -> Text:
        text = self.live[row]
        done = () if action is None else (action,)
        ids = text.ids if action is None else (*text.ids, *action.ids)
        return Text((*text.actions, *done), ids, text.log_p + log_p, text.steps + 1, row)


def truncate(log_p: Tensor, settings: GenerationSettings) -> Tensor:
    """Rule out all but the most probable actions, as `top_k`, `top_p` and `min_p` say, in this order.

    The best action always stays.
    """
    values, order = log_p.sort(descending=True)
    shares = values.double().softmax(dim=-1)
    keep = torch.ones_like(shares, dtype=torch.bool)
    if settings.top_k is not None:
        keep[settings.top_k :] = False
    shares = shares * keep / (shares * keep).sum()
    keep &= shares.cumsum(dim=-1) - shares < settings.top_p  # what comes before it has less than top_p
    keep &= shares >= settings.min_p * shares[0]
    keep[0] = True
    ruled_out = torch.full_like(values, NEVER)
    return torch.empty_like(log_p).scatter_(0, order, torch.where(keep, values, ruled_out))


def _merge(texts: Iterable[Text]) -> list[Text]:
    """Make one of the texts with the same words that have both ended or not; the likelier's actions stay."""
    merged: dict[tuple[tuple[int, ...], bool], Text] = {}
    for text in texts:
        key = (text.ids, text.steps > len(text.actions))
        other = merged.get(key)
        if other is None:
            merged[key] = text
            continue
        likelier, other = (text, other) if text.log_p > other.log_p else (other, text)
        total = likelier.log_p + math.log1p(math.exp(other.log_p - likelier.log_p))
        merged[key] = replace(likelier, log_p=total)
    return list(merged.values())
