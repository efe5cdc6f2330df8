"""What a run tells while it goes: progress, losses.jsonl, and the learning curve as a picture."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.plots import COLOURS, new_figure, save, style

LOSSES = "losses.jsonl"
CURVE = "curve.png"


@dataclass(frozen=True)
class TrainProgress:
    """Where a run is; losses are means over the last steps."""

    step: int
    steps: int
    loss: float
    answer_loss: float
    examples_per_s: float
    learning_rate: float
    dev_loss: float | None = None
    """The last one measured on held-out articles."""


class Journal:
    """Means over the last steps, reported every few of them and appended to losses.jsonl."""

    def __init__(
        self, folder: Path, steps: int, report_every: int, report: Callable[[TrainProgress], None]
    ) -> None:
        self._folder, self._steps, self._every, self._report = folder, steps, report_every, report
        self._losses: list[tuple[float, float, int]] = []
        self._dev_loss: float | None = None
        self._since = time.monotonic()

    def begin(self) -> None:
        """Forget what an earlier run in this folder told."""
        (self._folder / LOSSES).unlink(missing_ok=True)

    def add(self, step: int, loss: float, answer: float, examples: int, learning_rate: float) -> None:
        """Take note of a step."""
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
            dev_loss=self._dev_loss,
        )
        self._write(asdict(progress))
        self._report(progress)
        self._losses, self._since = [], time.monotonic()

    def dev(self, step: int, dev_loss: float) -> None:
        """Take note of a held-out loss, and draw the curve so far; the time for it is no step's."""
        begun = time.monotonic()
        self._dev_loss = dev_loss
        self._write({"step": step, "dev_loss": dev_loss})
        self.draw()
        self._since += time.monotonic() - begun

    def rollback(self, event: Mapping[str, Any]) -> None:
        """Take note of a return to an earlier step."""
        self._write({"rollback": dict(event)})
        self._losses, self._since = [], time.monotonic()

    def draw(self) -> None:
        """Draw the learning curve."""
        if (self._folder / LOSSES).exists():
            draw_curve(self._folder / LOSSES, self._folder / CURVE)

    def _write(self, record: Mapping[str, Any]) -> None:
        with (self._folder / LOSSES).open("a") as file:
            file.write(json.dumps(record) + "\n")


def draw_curve(losses: Path, picture: Path) -> None:
    """Draw losses of training and of held-out articles over the steps, and returns to earlier steps."""
    records = [json.loads(line) for line in losses.read_text().splitlines()]
    trained = {r["step"]: r["loss"] for r in records if "loss" in r}  # of a repeated step, the last counts
    held_out = {r["step"]: r["dev_loss"] for r in records if "dev_loss" in r and "loss" not in r}
    figure = new_figure(8, 4.5)
    axes = figure.add_subplot()
    axes.plot(*_line(trained), color=COLOURS[0], linewidth=1.2, alpha=0.8, label="training")
    if held_out:
        axes.plot(*_line(held_out), "o-", color=COLOURS[1], markersize=4, label="held-out articles")
        best = min(held_out, key=lambda step: held_out[step])
        note = f"best: {held_out[best]:.3f} at step {best}"
        axes.plot(best, held_out[best], "o", color=COLOURS[2], markersize=9, label=note)
    for number, event in enumerate(r["rollback"] for r in records if "rollback" in r):
        label = "returns to an earlier step" if number == 0 else None
        axes.axvline(event["step"], color=COLOURS[3], linestyle=":", label=label)
    style(axes, "Learning curve")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend(frameon=False, fontsize=9)
    save(figure, picture)


def _line(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    steps = sorted(points)
    return steps, [points[s] for s in steps]
