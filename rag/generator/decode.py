"""From the model's distributions to an answer whose every copied character is accounted for."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rag.generator.model import MASKED, Evidence, Generator, Step
from rag.generator.passages import CLS, SEP, Reader, Reading, collate

START_CANDIDATES = 12
GREEDY_BELOW = 1e-3
"""Temperatures under which the most probable action is taken: dividing by them would overflow."""


@dataclass(frozen=True)
class GenerationSettings:
    """How an answer is chosen; temperature 0 takes the most probable action at each step."""

    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Action:
    """One step of the decoder: a copy (`first … last` of a window) or a written word piece."""

    ids: tuple[int, ...]
    window: int | None = None
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Decoded:
    """What the decoder did for one question, and how sure the model is that there is an answer."""

    actions: tuple[Action, ...]
    null_log_odds: float
    """log p(abstain) − log p(anything else) at the first step."""
    relevance: tuple[float, ...]
    """For each window, the logit that it holds the answer."""
    focus: tuple[int, int]
    """Window and token with the most mass in the first step's start pointer."""


@torch.inference_mode()
def decode(
    model: Generator, reader: Reader, readings: Sequence[Reading], settings: GenerationSettings
) -> list[Decoded]:
    """Answer questions; the encoder reads all of them at once."""
    if not readings:
        return []
    inputs = collate(readings)
    device = model.words.weight.device
    evidence = model.encode(
        torch.from_numpy(inputs.ids).to(device),
        torch.from_numpy(inputs.segments).to(device),
        torch.from_numpy(inputs.copyable).to(device),
    )
    return [
        _decode_one(model, reader, reading, _row(evidence, b), settings) for b, reading in enumerate(readings)
    ]


@torch.inference_mode()
def relevance_logits(model: Generator, readings: Sequence[Reading]) -> list[float]:
    """For each reading, the largest logit, over its windows, that a passage holds the answer."""
    inputs = collate(readings)
    device = model.words.weight.device
    ids = torch.from_numpy(inputs.ids).to(device)
    logits = model.relevance_of(ids, torch.from_numpy(inputs.segments).to(device))
    absent = ids[:, :, 0] == 0
    return [float(x) for x in logits.masked_fill(absent, MASKED).amax(dim=1)]


def _row(evidence: Evidence, b: int) -> Evidence:
    row = slice(b, b + 1)
    return replace(
        evidence,
        states=evidence.states[row],
        memories=[(k[row], v[row]) for k, v in evidence.memories],
        bias=evidence.bias[row],
        starts=evidence.starts[row],
        relevance=evidence.relevance[row],
    )


def _decode_one(
    model: Generator, reader: Reader, reading: Reading, evidence: Evidence, settings: GenerationSettings
) -> Decoded:
    choose = _Chooser(model, reader, reading, evidence, settings)
    device = evidence.states.device
    step, past = model.decode(torch.tensor([[CLS]], device=device), evidence)
    window_tokens = evidence.states.shape[1] // evidence.relevance.shape[1]
    focus = divmod(int(step.starts[0, 0].argmax()), window_tokens)
    abstain = step.copy_gate[0, 0] + step.null[0, 0]
    odds = abstain - torch.log1p(-abstain.exp().clamp(max=1 - 1e-6))
    actions: list[Action] = []
    written = 0
    while written < model.config.answer_tokens:
        action = choose.next(step, actions)
        if action is None:
            break
        actions.append(action)
        written += len(action.ids)
        step, past = model.decode(torch.tensor([action.ids], device=device), evidence, past)
    relevance = evidence.relevance[0, : len(reading.windows)].tolist()
    return Decoded(tuple(actions), float(odds), tuple(relevance), focus)


class _Chooser:
    """Picks the next action from a step's distributions."""

    def __init__(
        self,
        model: Generator,
        reader: Reader,
        reading: Reading,
        evidence: Evidence,
        settings: GenerationSettings,
    ) -> None:
        self._model, self._reader, self._reading = model, reader, reading
        self._evidence, self._settings = evidence, settings
        self._random = random.Random(settings.seed)
        self._window_tokens = evidence.states.shape[1] // evidence.relevance.shape[1]

    def next(self, step: Step, before: Sequence[Action]) -> Action | None:
        """The next action, None to end; the first action is never to end."""
        gates = torch.stack([step.copy_gate[0, -1], step.write_gate[0, -1]])
        if self._pick(gates) == 0:
            return self._copy(step, before)
        words = self._model.write(step.states[0, -1])
        if not before:
            words[SEP] = MASKED
        word = self._pick(words)
        return None if word == SEP else Action((word,))

    def _copy(self, step: Step, before: Sequence[Action]) -> Action:
        starts = step.starts[0, -1]
        candidates = min(START_CANDIDATES, starts.shape[0])
        start_log_p, start = starts.topk(candidates)
        states = step.states[0, -1].expand(candidates, -1)
        rows = torch.zeros(candidates, dtype=torch.long, device=starts.device)
        ends = self._model.ends(states, start, rows, self._evidence)  # (candidates, span_tokens)
        joint = start_log_p[:, None] + ends + self._whole_words(start) + self._not_again(start, before)
        chosen = self._pick(joint.flatten())
        row, length = divmod(chosen, ends.shape[1])
        window, first = divmod(int(start[row]), self._window_tokens)
        last = first + length
        return Action(tuple(self._reading.windows[window].ids[first : last + 1]), window, first, last)

    def _whole_words(self, starts: Tensor) -> Tensor:
        """0 where a copy ends with a word of the same text that it starts in, MASKED elsewhere."""
        mask = torch.full((starts.shape[0], self._model.config.span_tokens), MASKED, device=starts.device)
        for row, flat in enumerate(starts.tolist()):
            number, first = divmod(flat, self._window_tokens)
            if number >= len(self._reading.windows):
                continue
            w = self._reading.windows[number]
            end = w.text_at + w.text_length if first >= w.text_at else w.question_at + w.question_length
            for last in range(first, min(end, first + mask.shape[1])):
                if last + 1 == end or not self._reader.continues(w.ids[last + 1]):
                    mask[row, last - first] = 0.0
        return mask

    def _not_again(self, starts: Tensor, before: Sequence[Action]) -> Tensor:
        """MASKED where a copy repeats the last one."""
        mask = torch.zeros((starts.shape[0], self._model.config.span_tokens), device=starts.device)
        copies = [a for a in before if a.window is not None]
        if copies:
            last = copies[-1]
            flat = (last.window or 0) * self._window_tokens + last.first
            mask[starts == flat, last.last - last.first] = MASKED
        return mask

    def _pick(self, log_p: Tensor) -> int:
        if self._settings.temperature < GREEDY_BELOW:
            return int(log_p.argmax())
        weights = (log_p / self._settings.temperature).softmax(dim=-1).tolist()
        return self._random.choices(range(len(weights)), weights)[0]
