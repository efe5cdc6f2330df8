"""Training the classifier, top to bottom.

Claims → synthetic ones beside them → windows → batches of like length → AdamW with warm-up and decay → the
best state on held-out evidence is kept → a probability and a threshold are fitted on held-out claims.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from rag.evaluation.groundedness import figures, set_name
from rag.generator.checkpoint import WEIGHTS, describe, write_description
from rag.scoring import checkpoint
from rag.scoring.calibration import calibrate
from rag.scoring.data import Claim, ClaimSplit, read_claims, split_claims
from rag.scoring.model import Scorer, ScorerConfig
from rag.scoring.negatives import Shares, make_claims
from rag.scoring.pairs import PairReader, Window, collate
from rag.training.data import file_sha256
from rag.training.guard import Guard
from rag.training.journal import Journal, TrainProgress
from rag.training.state import State
from rag.training.train import RESUME, precision, rate, set_rate

logger = logging.getLogger(__name__)

POOL_BATCHES = 40
"""How many batches' worth of windows are sorted together."""


@dataclass(frozen=True)
class ScorerSettings:
    """What a run is made of; all of it is written into its checkpoint."""

    files: tuple[Path, ...]
    out: Path
    shares_of_files: Mapping[str, float] = field(default_factory=dict)
    """How often a file's claims are read in an epoch, by its name without endings: 0.5 is a half of them,
    drawn by the seed; 1 where it is not named."""
    start_from: Path | None = None
    """A generator's checkpoint whose encoder is the first one; None is MiniLM."""
    frozen_layers: int = 0
    """So many of the lowest layers stay as they are, which saves a third of their time each."""
    most_tokens: int = 256
    """A claim that is longer with its evidence is not learned from."""
    epochs: int = 1
    max_steps: int | None = None
    seed: int = 7
    batch_tokens: int = 2560
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warm_up: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    calibrate_on: tuple[str, ...] = ()
    """Names of the files whose held-out claims the probability is fitted on; empty takes all of them."""
    held_out: float = 0.1
    """The share of the evidence texts that is not trained on."""
    dev_claims: int = 200
    """So many held-out claims of each file at most decide what is kept, and calibrate it."""
    dev_every: int = 150
    patience: int = 6
    shares: Shares = field(default_factory=Shares)
    guard: Guard = field(default_factory=Guard)
    report_every: int = 20
    config: ScorerConfig = field(default_factory=ScorerConfig)


@dataclass(frozen=True)
class Judged:
    """A window with its verdict."""

    window: Window
    supported: bool


def train(
    settings: ScorerSettings, report: Callable[[TrainProgress], None], lineage: Mapping[str, Any]
) -> dict[str, Any]:
    """Train a classifier, or go on with a run that was stopped; returns its checkpoint's description.

    Raises:
        DataError: a file cannot be read.
        TrainingError: the loss went out of line too often, or the held-out claims are all of one kind.
        CheckpointError: a file cannot be written; what was saved before is kept.
    """
    torch.manual_seed(settings.seed)
    reader = PairReader(settings.config)
    splits = {set_name(file): split_of(file, settings) for file in settings.files}
    examples = _prepare(_training_claims(splits, settings), reader, settings.most_tokens)
    dev = {name: _prepare(split.dev, reader, settings.config.window) for name, split in splits.items()}
    plan = [b for epoch in range(settings.epochs) for b in batches(examples, settings, epoch)]
    plan = plan[: settings.max_steps]
    model = checkpoint.warm_start(settings.config, settings.start_from)
    for layer in model.encoder[: settings.frozen_layers]:
        layer.requires_grad_(False)
    optimizer = _make_optimizer(model, settings)
    about = {**lineage, **describe_settings(settings), "steps": len(plan), "examples": len(examples)}
    state = State(model, optimizer, settings.out / RESUME, about)
    at = state.resume()
    journal = Journal(settings.out, len(plan), settings.report_every, report)
    if at.step == 0:
        journal.begin()
    model.train()
    while at.step < len(plan) and at.worse < settings.patience:
        at.step += 1
        if at.step not in at.skipped:
            learning_rate = set_rate(optimizer, rate(at.step - 1, len(plan), settings.warm_up))
            optimizer.zero_grad(set_to_none=True)
            loss = _loss(model, plan[at.step - 1])
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            trouble = settings.guard.trouble(loss.item(), norm.item(), at.losses)
            if trouble:
                at = state.roll_back(at, trouble, settings.guard)
                journal.rollback(at.rollbacks[-1])
                continue
            optimizer.step()
            at.add(loss.item(), settings.guard.window)
            journal.add(at.step, loss.item(), loss.item(), len(plan[at.step - 1]), learning_rate)
        if at.step == len(plan) or at.step % settings.dev_every == 0:
            held_out = _dev_loss(model, dev, settings.batch_tokens)
            journal.dev(at.step, held_out)
            if at.judge(held_out):
                checkpoint.save(model, settings.out, {**about, **at.summary()})
            state.save(at)
    journal.draw()
    description = describe(settings.out) | at.summary() | _fit(settings, dev)
    write_description(settings.out, description)
    (settings.out / RESUME).unlink(missing_ok=True)
    return description


def split_of(file: Path, settings: ScorerSettings) -> ClaimSplit:
    """A file's claims, some of its evidence held out; of those at most `dev_claims`, drawn by the seed."""
    split = split_claims(read_claims(file), settings.held_out, settings.seed)
    rng = random.Random(f"{settings.seed}/{set_name(file)}")
    return ClaimSplit(split.train, rng.sample(split.dev, min(settings.dev_claims, len(split.dev))))


def _training_claims(splits: Mapping[str, ClaimSplit], settings: ScorerSettings) -> list[Claim]:
    rng = random.Random(settings.seed)
    claims: list[Claim] = []
    for name, split in splits.items():
        share = settings.shares_of_files.get(name, 1.0)
        chosen = rng.sample(split.train, round(share % 1 * len(split.train)))
        claims += split.train * int(share) + chosen
        claims += make_claims(split.train if share >= 1 else chosen, settings.shares, rng)
    counts = Counter(c.label if c.synthetic else c.source for c in claims)
    logger.info("training claims: %s", dict(counts))
    return claims


def _prepare(claims: Sequence[Claim], reader: PairReader, most_tokens: int) -> list[Judged]:
    """Windows with verdicts; a claim that needs several, or a longer one, is left out and counted."""
    read = reader.read([(c.evidence, c.text) for c in claims])
    kept = [
        Judged(windows[0], claim.supported)
        for claim, windows in zip(claims, read, strict=True)
        if len(windows) == 1 and len(windows[0].ids) <= most_tokens
    ]
    if len(kept) < len(claims):
        logger.info(
            "%d of %d claims have too long evidence to learn from", len(claims) - len(kept), len(claims)
        )
    return kept


def batches(examples: Sequence[Judged], settings: ScorerSettings, epoch: int) -> Iterator[list[Judged]]:
    """Every example once, in batches of at most `batch_tokens` padded tokens; the order is the seed's."""
    rng = random.Random(f"{settings.seed}/{epoch}")
    order = list(examples)
    rng.shuffle(order)
    mean = sum(len(e.window.ids) for e in order) / max(1, len(order))
    pool = max(1, int(POOL_BATCHES * settings.batch_tokens / max(1.0, mean)))
    made: list[list[Judged]] = []
    for begin in range(0, len(order), pool):
        made += cut(
            sorted(order[begin : begin + pool], key=lambda e: len(e.window.ids)), settings.batch_tokens
        )
    rng.shuffle(made)
    yield from made


def cut(ordered: Sequence[Judged], batch_tokens: int) -> Iterator[list[Judged]]:
    """Batches of examples that stand in order of their length."""
    batch: list[Judged] = []
    for example in ordered:
        if batch and len(example.window.ids) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def _loss(model: Scorer, batch: Sequence[Judged]) -> torch.Tensor:
    read = collate([e.window for e in batch])
    with precision("cpu"):
        logits = model(read.ids, read.segments, read.features)
    return F.binary_cross_entropy_with_logits(logits, torch.tensor([float(e.supported) for e in batch]))


@torch.no_grad()
def _logits(model: Scorer, examples: Sequence[Judged], batch_tokens: int) -> list[float]:
    """A logit for each example, in their order."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].window.ids))
    found: list[float] = []
    for batch in cut([examples[i] for i in order], batch_tokens):
        read = collate([e.window for e in batch])
        with precision("cpu"):
            found += model(read.ids, read.segments, read.features).tolist()
    model.train()
    placed = dict(zip(order, found, strict=True))
    return [placed[i] for i in range(len(examples))]


def _dev_loss(model: Scorer, dev: Mapping[str, Sequence[Judged]], batch_tokens: int) -> float:
    """The mean over the files of the mean loss of their held-out claims."""
    losses = []
    for examples in dev.values():
        if examples:
            logits = torch.tensor(_logits(model, examples, batch_tokens))
            labels = torch.tensor([float(e.supported) for e in examples])
            losses.append(F.binary_cross_entropy_with_logits(logits, labels).item())
    return sum(losses) / max(1, len(losses))


def _fit(settings: ScorerSettings, dev: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """The probability's parameters, and how good it is on the held-out claims that they were fitted on."""
    model = checkpoint.load(settings.out)
    logits = {name: _logits(model, examples, 4096) for name, examples in dev.items() if examples}
    labels = {name: [e.supported for e in dev[name]] for name in logits}
    chosen = settings.calibrate_on or tuple(logits)
    calibration = calibrate({name: logits[name] for name in chosen}, {name: labels[name] for name in chosen})
    found = {
        name: figures([calibration.probability(z) for z in logits[name]], labels[name], calibration.threshold)
        for name in logits
    }
    return {"calibration": asdict(calibration), "dev": found}


def _make_optimizer(model: Scorer, settings: ScorerSettings) -> torch.optim.AdamW:
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("head"), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "highest_lr": settings.head_learning_rate if is_head else settings.learning_rate,
                "weight_decay": settings.weight_decay if is_matrix else 0.0,
            }
            for (is_head, is_matrix), parameters in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=True,
    )


def describe_settings(settings: ScorerSettings) -> dict[str, Any]:
    """The settings without folders; files by their names and hashes."""
    plain = asdict(settings)
    for elsewhere in ("config", "out", "files", "start_from"):
        plain.pop(elsewhere)
    if settings.start_from is not None:
        plain["start_from"] = file_sha256(settings.start_from / WEIGHTS)
    files = [{"name": file.name, "sha256": file_sha256(file)} for file in settings.files]
    return {"settings": plain, "data": files, "torch": torch.__version__}
