"""The training loop, top to bottom.

Data → targets (word pieces, and the spans that could produce them) → batches of similar length →
AdamW with warm-up and decay → a checkpoint at every interval, from which a stopped run goes on as if
it had not stopped.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from rag.encoder import minilm_directory
from rag.errors import TrainingError
from rag.generator import checkpoint
from rag.generator.config import GeneratorConfig
from rag.generator.model import Generator
from rag.generator.passages import Reader
from rag.training.batches import batches
from rag.training.data import Example, Source, file_sha256
from rag.training.loss import batch_loss
from rag.training.mixture import Mixture, gather
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
    report_every: int = 20
    mixture: Mixture = field(default_factory=Mixture)
    config: GeneratorConfig = field(default_factory=GeneratorConfig)


@dataclass(frozen=True)
class TrainProgress:
    """Where a run is; losses are means over the last steps."""

    step: int
    steps: int
    loss: float
    answer_loss: float
    examples_per_s: float
    learning_rate: float


def train(settings: TrainSettings, report: Callable[[TrainProgress], None], device: str = "cpu") -> Generator:
    """Train a generator, or go on with a run that was stopped, and write its checkpoint.

    Raises:
        DataError: a source cannot be read.
        TrainingError: the loss is not a number any more; the last checkpoint is kept.
        CheckpointError: a checkpoint cannot be written.
    """
    torch.manual_seed(settings.seed)
    reader = Reader(minilm_directory() / "tokenizer.json", settings.config)
    examples = gather(settings.sources, settings.mixture, settings.seed).train
    targets = prepare(examples, reader, settings.seed)
    plan = [
        b for e in range(settings.epochs) for b in batches(targets, settings.batch_tokens, settings.seed, e)
    ]
    plan = plan[: settings.max_steps]
    model = first_model(settings).to(device)
    optimizer = make_optimizer(model, settings)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: rate(s, len(plan), settings.warm_up))
    state = _State(model, optimizer, scheduler)
    lineage = describe(settings, len(plan), examples)
    done = state.load(settings.out / RESUME, lineage)
    model.train()
    window = _Window(settings, len(plan), report)
    for step, batch in enumerate(plan[done:], start=done + 1):
        with precision(device):
            loss = batch_loss(model, batch)
        if not torch.isfinite(loss.total):
            raise TrainingError(
                f"the loss is {loss.total.item()} at step {step}. The checkpoint of the last interval is in "
                f"{settings.out}; go on from it with a smaller learning rate than {settings.learning_rate}."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        scheduler.step()
        window.add(step, loss.total.item(), loss.answer.item(), len(batch), float(scheduler.get_last_lr()[0]))
        if step % settings.save_every == 0 or step == len(plan):
            finished = {"step": step, "finished": step == len(plan)}
            checkpoint.save(model, settings.out, lineage | finished)
            state.save(settings.out / RESUME, step, lineage)
    return model.eval()


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
    fast = device == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=fast)


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
                "lr": settings.learning_rate if is_warm else settings.new_learning_rate,
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


@dataclass(frozen=True)
class _State:
    """What a run goes on from."""

    model: Generator
    optimizer: torch.optim.AdamW
    scheduler: torch.optim.lr_scheduler.LambdaLR

    def load(self, path: Path, lineage: Mapping[str, Any]) -> int:
        """Take up a stopped run; returns how many steps it had done, 0 without one.

        Raises:
            TrainingError: it was a run with other data or settings.
        """
        if not path.exists():
            return 0
        saved = torch.load(path, weights_only=True, map_location=self.model.words.weight.device)
        before, now = json.loads(saved["lineage"]), json.loads(json.dumps(lineage))
        other = [key for key in now if before.get(key) != now[key]]
        if other:
            raise TrainingError(
                f"the run that was stopped in {path.parent} had other {' and '.join(other)}. Give the "
                "same again to go on with it, or another folder to begin anew."
            )
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])
        logger.info("going on at step %d of %s", saved["step"], path)
        return int(saved["step"])

    def save(self, path: Path, step: int, lineage: Mapping[str, Any]) -> None:
        """Write the run's state; the file appears whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "step": step,
                "lineage": json.dumps(lineage),
            },
            partial,
        )
        partial.replace(path)


def describe(settings: TrainSettings, steps: int, examples: Sequence[Example]) -> dict[str, Any]:
    """The lineage of a checkpoint: data with hashes, settings, seed, versions."""
    plain = asdict(settings)
    plain.pop("config")
    plain["sources"] = [
        {"name": s.path.name, "limit": s.limit, "sha256": file_sha256(s.path)} for s in settings.sources
    ]
    plain.pop("out")
    if settings.start_from is not None:
        plain["start_from"] = file_sha256(settings.start_from / checkpoint.WEIGHTS)
    return {
        "settings": plain,
        "steps": steps,
        "examples": len(examples),
        "torch": torch.__version__,
    }


class _Window:
    """Means over the last steps, reported every few of them and appended to losses.jsonl."""

    def __init__(self, settings: TrainSettings, steps: int, report: Callable[[TrainProgress], None]) -> None:
        self._out, self._steps, self._report, self._every = settings.out, steps, report, settings.report_every
        self._losses: list[tuple[float, float, int]] = []
        self._since = time.monotonic()

    def add(self, step: int, loss: float, answer: float, examples: int, learning_rate: float) -> None:
        self._losses.append((loss, answer, examples))
        if len(self._losses) < self._every and step < self._steps:
            return
        n = len(self._losses)
        seconds = time.monotonic() - self._since
        progress = TrainProgress(
            step=step,
            steps=self._steps,
            loss=sum(x[0] for x in self._losses) / n,
            answer_loss=sum(x[1] for x in self._losses) / n,
            examples_per_s=sum(x[2] for x in self._losses) / seconds,
            learning_rate=learning_rate,
        )
        self._out.mkdir(parents=True, exist_ok=True)
        with (self._out / "losses.jsonl").open("a") as file:
            file.write(json.dumps(asdict(progress)) + "\n")
        self._report(progress)
        self._losses, self._since = [], time.monotonic()
