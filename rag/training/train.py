"""The training loop, top to bottom.

Data → targets (word pieces, and the spans that could produce them) → batches of similar length →
AdamW with warm-up and decay → the held-out loss, and a checkpoint when it is the best so far → the state
at every interval, from which a stopped run goes on as if it had not stopped, and to which a run goes back
whose loss is no number or far out of line.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from rag.encoder import minilm_directory
from rag.generator import checkpoint
from rag.generator.config import GeneratorConfig
from rag.generator.model import Generator
from rag.generator.passages import Reader
from rag.training.batches import batches
from rag.training.data import Example, Source, file_sha256
from rag.training.guard import Guard
from rag.training.journal import Journal, TrainProgress
from rag.training.lineage import CORPORA, corpora_behind
from rag.training.loss import batch_loss
from rag.training.mixture import Mixture, Split, gather
from rag.training.state import State
from rag.training.targets import Target, make_targets

logger = logging.getLogger(__name__)

RESUME = "resume.pt"
NEW_RATE = 2.5
"""How much faster the parts of the model learn that do not start from MiniLM."""


@dataclass(frozen=True)
class TrainSettings:
    """What a run is made of; all of it is written into its checkpoint."""

    sources: tuple[Source, ...]
    out: Path
    epochs: int = 1
    max_steps: int | None = None
    """Fewer steps than the epochs have, for a run that has to end in time; None takes them all."""
    seed: int = 7
    batch_tokens: int = 2560
    learning_rate: float = 1.5e-4
    new_learning_rate: float = NEW_RATE * 1.5e-4
    """For the pointers, gates and other parts that do not start from MiniLM."""
    warm_up: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    start_from: Path | None = None
    """A checkpoint whose weights are the first ones; None starts from MiniLM."""
    save_every: int = 200
    dev_every: int = 200
    """Steps between two measurements of the loss on held-out articles."""
    dev_examples: int = 200
    patience: int = 10
    """So many of these in a row without a new best end the run early; the best is what is kept."""
    guard: Guard = field(default_factory=Guard)
    report_every: int = 20
    mixture: Mixture = field(default_factory=Mixture)
    config: GeneratorConfig = field(default_factory=GeneratorConfig)


MakeModel = Callable[[TrainSettings], Generator]
Shape = Callable[[Target], Target]
Gather = Callable[[TrainSettings], Split]


def train(
    settings: TrainSettings,
    report: Callable[[TrainProgress], None],
    device: str = "cpu",
    *,
    make: MakeModel | None = None,
    shape: Shape | None = None,
    examples: Gather | None = None,
) -> Generator:
    """Train a generator, or go on with a run that was stopped, and write its best checkpoint.

    Args:
        settings: what to train on, and how.
        report: told of progress.
        device: `cpu` or `cuda`.
        make: makes the model as training finds it; None is `first_model`.
        shape: changes what each example asks of it, for experiments; None leaves it.
        examples: makes what is learned from the sources; None is `gather`.

    Raises:
        DataError: a source cannot be read.
        TrainingError: the loss went out of line too often; the last good state is kept.
        CheckpointError: a file cannot be written; what was saved before is kept.
    """
    torch.manual_seed(settings.seed)
    reader = Reader(minilm_directory() / "tokenizer.json", settings.config)
    split = (examples or gather_sources)(settings)
    targets = [shape(t) if shape else t for t in prepare(split.train, reader, settings.seed)]
    plan = [
        b for e in range(settings.epochs) for b in batches(targets, settings.batch_tokens, settings.seed, e)
    ]
    plan = plan[: settings.max_steps]
    usual = mean(len(b) for b in plan) if plan else 1.0
    dev = dev_batches(split.dev, reader, settings)
    model = (make or first_model)(settings).to(device)
    optimizer = make_optimizer(model, settings)
    computed_in = "bfloat16" if multiplies_bfloat16(device) else "float32"
    lineage = describe(settings, len(plan), split.train) | {"precision": computed_in}
    state = State(model, optimizer, settings.out / RESUME, lineage)
    lineage = {**lineage, CORPORA: learned_from(settings)}
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
            with precision(device):
                # a long example that is a batch alone weighs no more than one among many
                loss = batch_loss(model, plan[at.step - 1]).times(len(plan[at.step - 1]) / usual)
            loss.total.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
            trouble = settings.guard.trouble(loss.total.item(), norm.item(), at.losses)
            if trouble:
                at = state.roll_back(at, trouble, settings.guard)
                journal.rollback(at.rollbacks[-1])
                continue
            optimizer.step()
            at.add(loss.total.item(), settings.guard.window)
            journal.add(at.step, loss.total.item(), loss.answer.item(), len(plan[at.step - 1]), learning_rate)
        last = at.step == len(plan)
        if dev and (last or at.step % settings.dev_every == 0):
            held_out = dev_loss(model, dev, device)
            journal.dev(at.step, held_out)
            if at.judge(held_out):
                checkpoint.save(model, settings.out, lineage | at.summary() | {"finished": False})
        if last or at.step % settings.save_every == 0:
            if not dev:
                checkpoint.save(model, settings.out, lineage | at.summary() | {"finished": False})
            state.save(at)
    ended = {"finished": True, "stopped_early": at.step < len(plan)}
    checkpoint.write_description(settings.out, checkpoint.describe(settings.out) | at.summary() | ended)
    journal.draw()
    return checkpoint.load(settings.out, device)


def gather_sources(settings: TrainSettings) -> Split:
    """The examples to train on and those held out, as the settings say."""
    return gather(settings.sources, settings.mixture, settings.seed)


def first_model(settings: TrainSettings) -> Generator:
    """The generator as training finds it.

    Raises:
        CheckpointError: the checkpoint to start from cannot be read, or has another shape.
    """
    if settings.start_from is None:
        return checkpoint.warm_start(settings.config)
    return checkpoint.restart(settings.start_from, settings.config)


def prepare(examples: Sequence[Example], reader: Reader, seed: int) -> list[Target]:
    """Turn examples into targets; counts what cannot be used."""
    rng = random.Random(seed)
    made = [t for e in examples for t in make_targets(e, reader, rng)]
    targets = [t for t in made if t is not None and (t.arcs or t.may_write or not t.ids)]
    if len(targets) < len(made):
        logger.info("%d of %d answers are too long to learn", len(made) - len(targets), len(made))
    return targets


def precision(device: str) -> torch.autocast:
    """bfloat16 matrix products where the device has instructions for them, float32 elsewhere."""
    return torch.autocast(device, torch.bfloat16, enabled=multiplies_bfloat16(device))


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has instructions for matrix products in bfloat16."""
    return device == "cuda" or torch.cpu._is_avx512_bf16_supported()


def make_optimizer(model: Generator, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with two learning rates; no weight decay on biases and normalisation."""
    warm = ("positions", "segments", "input_norm", "encoder", "decoder")
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith(warm), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "highest_lr": settings.learning_rate if is_warm else settings.new_learning_rate,
                "weight_decay": settings.weight_decay if is_matrix else 0.0,
            }
            for (is_warm, is_matrix), parameters in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=True,
    )


def rate(step: int, steps: int, warm_up: float) -> float:
    """Share of the learning rate at a step: a linear rise, then a linear fall to zero."""
    rise = max(1, int(steps * warm_up))
    if step < rise:
        return (step + 1) / rise
    return max(0.0, (steps - step) / max(1, steps - rise))


def set_rate(optimizer: torch.optim.AdamW, share: float) -> float:
    """Let each part learn at this share of its rate; returns that of the part that stands first."""
    for group in optimizer.param_groups:
        group["lr"] = share * group["highest_lr"]
    return float(optimizer.param_groups[0]["lr"])


def dev_batches(examples: Sequence[Example], reader: Reader, settings: TrainSettings) -> list[list[Target]]:
    """A fixed sample of the held-out examples, ready for the loss."""
    chosen = random.Random(settings.seed).sample(examples, min(settings.dev_examples, len(examples)))
    return list(batches(prepare(chosen, reader, settings.seed), settings.batch_tokens, settings.seed, 0))


@torch.no_grad()
def dev_loss(model: Generator, dev: Sequence[Sequence[Target]], device: str) -> float:
    """The mean loss of held-out targets."""
    model.eval()
    with precision(device):
        total = sum(batch_loss(model, batch).total.item() * len(batch) for batch in dev)
    model.train()
    return total / sum(len(batch) for batch in dev)


def describe(settings: TrainSettings, steps: int, examples: Sequence[Example]) -> dict[str, Any]:
    """The lineage of a checkpoint: data with hashes, settings, seed, versions."""
    return {
        "settings": describe_settings(settings),
        "steps": steps,
        "examples": len(examples),
        "torch": torch.__version__,
    }


def learned_from(settings: TrainSettings) -> list[str]:
    """The stored corpora behind the examples, and behind the checkpoint that training starts from."""
    earlier = [settings.start_from] if settings.start_from is not None else []
    return corpora_behind((source.path for source in settings.sources), earlier)


def describe_settings(settings: TrainSettings) -> dict[str, Any]:
    """The settings without folders, which say nothing elsewhere; files by their hashes."""
    plain = asdict(settings)
    for elsewhere in ("config", "out"):
        plain.pop(elsewhere)
    plain["sources"] = [
        {**asdict(s), "name": s.path.name, "sha256": file_sha256(s.path)} for s in settings.sources
    ]
    for source in plain["sources"]:
        source.pop("path")
    if settings.start_from is not None:
        plain["start_from"] = file_sha256(settings.start_from / checkpoint.WEIGHTS)
    return plain
