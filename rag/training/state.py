"""What a run goes on from: after it was stopped, and after a step that must not be taken."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rag.errors import CheckpointError, TrainingError
from rag.generator.checkpoint import FROZEN, write_whole
from rag.training.guard import Guard

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a run is; all of it decides how it goes on."""

    step: int = 0
    skipped: list[int] = field(default_factory=list)
    """Steps whose batch is left out because it led to trouble."""
    rollbacks: list[dict[str, Any]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """The last ones, that a new loss is compared with."""
    best_step: int = 0
    best_dev_loss: float | None = None
    worse: int = 0
    """How often in a row the held-out loss was no better than the best."""

    def add(self, loss: float, window: int) -> None:
        """Take note of a step's loss."""
        self.losses = [*self.losses, loss][-window:]

    def judge(self, dev_loss: float) -> bool:
        """Take note of a held-out loss; true when it is the best so far."""
        if self.best_dev_loss is not None and not dev_loss < self.best_dev_loss:
            self.worse += 1
            return False
        self.best_dev_loss, self.best_step, self.worse = dev_loss, self.step, 0
        return True

    def summary(self) -> dict[str, Any]:
        """What a checkpoint's description says of it."""
        return {
            "step": self.step,
            "best_step": self.best_step,
            "dev_loss": self.best_dev_loss,
            "rollbacks": self.rollbacks,
        }


@dataclass(frozen=True)
class State:
    """The run's weights and moments, and the file that they are kept in."""

    model: nn.Module
    optimizer: torch.optim.AdamW
    path: Path
    lineage: Mapping[str, Any]

    def resume(self) -> Progress:
        """Take up a stopped run, or begin one.

        Raises:
            TrainingError: it was a run with other data or settings.
            CheckpointError: the file is damaged, or cannot be written.
        """
        if self.path.exists():
            progress = self._load()
            logger.info("going on at step %d of %s", progress.step, self.path)
            return progress
        progress = Progress()
        self.save(progress)
        return progress

    def roll_back(self, now: Progress, reason: str, guard: Guard) -> Progress:
        """Go back to what was saved last, and leave the batch out that led to trouble.

        Raises:
            TrainingError: the run went back too often already; what was saved last is kept.
        """
        if len(now.rollbacks) >= guard.most_rollbacks:
            raise TrainingError(
                f"{reason} at step {now.step}: given up after {len(now.rollbacks)} returns to earlier steps. "
                f"The last good state is in {self.path.parent}. Begin anew with a lower --learning-rate."
            )
        before = self._load()
        before.skipped = sorted({*now.skipped, now.step})
        event = {"step": now.step, "back_to": before.step, "reason": reason}
        before.rollbacks = [*now.rollbacks, event]
        logger.warning(
            "%s at step %d: back to step %d, that batch is left out", reason, now.step, before.step
        )
        return before

    def save(self, progress: Progress) -> None:
        """Write the state; the file appears whole or not at all.

        Raises:
            CheckpointError: it could not be written; what was there before is still there.
        """
        content = {
            "model": {name: t for name, t in self.model.state_dict().items() if name != FROZEN},
            "optimizer": self.optimizer.state_dict(),
            "progress": json.dumps(asdict(progress)),
            "lineage": json.dumps(self.lineage),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, lambda path: _write(content, path))
        except (OSError, RuntimeError) as error:
            raise CheckpointError(
                f"cannot write {self.path}: {error}. The state saved before it is intact; make room and give "
                "the same command again."
            ) from error

    def _load(self) -> Progress:
        device = next(self.model.parameters()).device
        try:
            saved = torch.load(self.path, weights_only=True, map_location=device)
            before = json.loads(saved["lineage"])
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{self.path} cannot be read ({error}). Delete it to begin the run anew."
            ) from error
        now = json.loads(json.dumps(self.lineage))
        other = [key for key in now if before.get(key) != now[key]]
        if other:
            raise TrainingError(
                f"the run that was stopped in {self.path.parent} had other {' and '.join(other)}. Give the "
                "same again to go on with it, or another folder to begin anew."
            )
        self.model.load_state_dict(saved["model"], strict=False)  # the frozen part is as it was made
        self.optimizer.load_state_dict(saved["optimizer"])
        return Progress(**json.loads(saved["progress"]))


def _write(content: Mapping[str, Any], path: Path) -> None:
    # Through a file of Python's own, a full disk is an OSError; given the path, torch may abort the process.
    with path.open("wb") as file:
        torch.save(content, file)
