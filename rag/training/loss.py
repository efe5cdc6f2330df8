"""The loss: minus the log-probability of a target, summed over all ways to copy and write it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rag.generator.evidence import Evidence, Step
from rag.generator.model import Generator
from rag.generator.passages import SEP, collate
from rag.training.targets import Target

IMPOSSIBLE = -1e30
TYPICAL_PIECES = 4


@dataclass(frozen=True)
class Loss:
    """Losses of a batch, each a mean; `total` is what is minimised."""

    total: Tensor
    answer: Tensor
    relevance: Tensor

    def times(self, factor: float) -> "Loss":
        """All of them, each that much larger."""
        return Loss(self.total * factor, self.answer * factor, self.relevance * factor)


def batch_loss(model: Generator, targets: Sequence[Target], relevance_weight: float = 0.2) -> Loss:
    """Return the loss of a batch.

    Raises:
        ValueError: the batch is empty.
    """
    if not targets:
        raise ValueError("a batch needs at least one target")
    read = _read(model, targets)
    log_p = read.log_p
    answer = -(log_p * torch.tensor([weight(t) for t in targets], device=log_p.device)).mean()
    relevance = _relevance_loss(targets, read.evidence, read.ids)
    return Loss(answer + relevance_weight * relevance, answer.detach(), relevance.detach())


def log_probabilities(model: Generator, targets: Sequence[Target]) -> Tensor:
    """The log-probability `(B,)` of each target, summed over all ways to copy and write it."""
    return _read(model, targets).log_p


@dataclass(frozen=True)
class _Read:
    """A batch after the model has gone over it."""

    ids: Tensor  # (B, P, L)
    evidence: Evidence
    log_p: Tensor  # (B,)


def _read(model: Generator, targets: Sequence[Target]) -> _Read:
    inputs = collate([t.reading for t in targets])
    device = model.words.weight.device
    ids = torch.from_numpy(inputs.ids).to(device)
    evidence = model.encode(
        ids, torch.from_numpy(inputs.segments).to(device), torch.from_numpy(inputs.copyable).to(device)
    )
    T = max(len(t.ids) for t in targets)
    written = np.full((len(targets), T + 1), 0, dtype=np.int64)
    written[:, 0] = [t.start for t in targets]
    for b, target in enumerate(targets):
        written[b, 1 : len(target.ids) + 1] = target.ids
    step, _ = model.decode(torch.from_numpy(written).to(device), evidence)
    return _Read(ids, evidence, _log_probability(model, targets, evidence, step, window_tokens=ids.shape[2]))


def weight(target: Target) -> float:
    """One for an answer that takes one action; less for long written ones, which take many."""
    return TYPICAL_PIECES / max(TYPICAL_PIECES, len(target.ids)) if target.may_write else 1.0


def _log_probability(
    model: Generator, targets: Sequence[Target], evidence: Evidence, step: Step, window_tokens: int
) -> Tensor:
    """`(B,)`: the forward sum over the positions of each target (alpha in a hidden Markov model)."""
    B, positions = step.null.shape
    written, copied = (
        _write_ways(model, targets, step),
        _copy_ways(model, targets, evidence, step, window_tokens),
    )
    ways = _merge_ways(
        written, copied, B, positions
    )  # (B, from, to) log-probability of getting from one position to a later one by one action
    alpha = [torch.zeros(B, device=ways.device)]
    for k in range(1, positions):
        before = torch.stack(alpha, dim=1) + ways[:, :k, k]
        alpha.append(before.logsumexp(dim=1))
    lengths = torch.tensor([len(t.ids) for t in targets], device=ways.device)
    rows = torch.arange(B, device=ways.device)
    reached = torch.stack(alpha, dim=1)[rows, lengths]
    stop = step.write_gate[rows, lengths] + model.write(step.states[rows, lengths])[:, SEP]
    abstain = step.copy_gate[:, 0] + step.null[:, 0]
    return torch.where(lengths > 0, reached + stop, abstain)


def _write_ways(model: Generator, targets: Sequence[Target], step: Step) -> tuple[Tensor, Tensor]:
    """Cells `(n, 3)` of question, from, to and their log-probabilities `(n,)`, for written pieces."""
    cells = [(b, k, k + 1) for b, t in enumerate(targets) if t.may_write for k in range(len(t.ids))]
    words = [t.ids[k] for t in targets if t.may_write for k in range(len(t.ids))]
    device = step.states.device
    where = torch.tensor(cells, dtype=torch.long, device=device).view(-1, 3)
    if not cells:
        return where, torch.zeros(0, device=device)
    rows, begins = where[:, 0], where[:, 1]
    chosen = torch.tensor(words, device=device)
    log_p = model.write(step.states[rows, begins]).gather(1, chosen[:, None]).squeeze(1)
    return where, log_p + step.write_gate[rows, begins]


def _copy_ways(
    model: Generator, targets: Sequence[Target], evidence: Evidence, step: Step, window_tokens: int
) -> tuple[Tensor, Tensor]:
    """The same for copied spans."""
    flat = [
        (b, a.begin, a.end, a.window * window_tokens + a.first, a.last - a.first)
        for b, t in enumerate(targets)
        for a in t.arcs
        if a.last - a.first < model.config.span_tokens
    ]
    device = step.states.device
    arcs = torch.tensor(flat, dtype=torch.long, device=device).view(-1, 5)
    if not flat:
        return arcs[:, :3], torch.zeros(0, device=device)
    rows, begins, starts = arcs[:, 0], arcs[:, 1], arcs[:, 3]
    ends = model.ends(step.states[rows, begins], starts, rows, evidence)
    log_p = step.starts[rows, begins, starts] + ends.gather(1, arcs[:, 4:5]).squeeze(1)
    return arcs[:, :3], log_p + step.copy_gate[rows, begins]


def _merge_ways(
    written: tuple[Tensor, Tensor], copied: tuple[Tensor, Tensor], B: int, positions: int
) -> Tensor:
    cells = torch.cat([written[0], copied[0]])
    log_p = torch.cat([written[1], copied[1]])
    size = B * positions * positions
    index = (cells[:, 0] * positions + cells[:, 1]) * positions + cells[:, 2]
    top = torch.full((size,), IMPOSSIBLE, device=log_p.device)
    top = top.scatter_reduce(0, index, log_p.detach(), reduce="amax")
    mass = torch.zeros(size, device=log_p.device).index_add(0, index, (log_p - top[index]).exp())
    merged = torch.where(mass > 0, top + mass.clamp_min(1e-30).log(), top)
    return merged.view(B, positions, positions)


def _relevance_loss(targets: Sequence[Target], evidence: Evidence, ids: Tensor) -> Tensor:
    present = ids[:, :, 0] != 0  # (B, P)
    wanted = torch.zeros_like(evidence.relevance, dtype=torch.float32)
    for b, target in enumerate(targets):
        wanted[b, : len(target.relevant)] = torch.tensor(target.relevant, dtype=wanted.dtype)
    losses = F.binary_cross_entropy_with_logits(evidence.relevance.float(), wanted, reduction="none")
    return losses[present].mean()
