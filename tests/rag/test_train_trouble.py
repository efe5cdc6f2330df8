"""Training when something goes wrong: bad losses, no progress, kills, full disks."""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from rag.errors import CheckpointError, TrainingError
from rag.generator import checkpoint
from rag.generator.model import Generator
from rag.training import train as training
from rag.training.data import Source
from rag.training.guard import Guard
from rag.training.loss import Loss, batch_loss
from rag.training.state import Progress, State
from rag.training.targets import Target
from rag.training.train import RESUME, make_optimizer, train
from tests.rag.test_train import nothing, settings, source

__all__ = ["source"]  # a fixture


def spoil(monkeypatch: pytest.MonkeyPatch, steps: Sequence[int]) -> None:
    """Let the batches that are computed at these calls have a loss that is no number, whenever they come."""
    calls, spoiled = 0, set[str]()

    def spoilt(model: Generator, batch: Sequence[Target]) -> Loss:
        nonlocal calls
        loss = batch_loss(model, batch)
        if model.training:
            calls += 1
            key = batch[0].reading.question
            spoiled.update([key] if calls in steps else [])
            if key in spoiled:
                return Loss(loss.total * float("nan"), loss.answer, loss.relevance)
        return loss

    monkeypatch.setattr(training, "batch_loss", spoilt)


def test_a_batch_without_a_loss_is_left_out(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, steps=[3])
    model = train(settings(source, tmp_path / "out", save_every=2), nothing)
    description = checkpoint.describe(tmp_path / "out")
    assert description["rollbacks"] == [{"step": 3, "back_to": 2, "reason": "the loss is nan"}]
    assert (description["step"], description["finished"]) == (4, True)
    assert all(t.isfinite().all() for t in model.state_dict().values())
    assert '"rollback"' in (tmp_path / "out" / "losses.jsonl").read_text()


def test_a_run_that_finds_no_way_is_given_up(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, steps=range(2, 100))
    with pytest.raises(TrainingError, match="given up after 1 returns"):
        train(settings(source, tmp_path / "out", guard=Guard(most_rollbacks=1)), nothing)
    assert torch.load(tmp_path / "out" / RESUME, weights_only=True)["model"]


def test_a_run_that_grows_no_better_ends_with_its_best(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = iter([2.0, 1.0, 1.5, 1.2])
    monkeypatch.setattr(training, "dev_loss", lambda *_: next(held_out))
    train(settings(source, tmp_path / "out", max_steps=6, dev_every=1, patience=2), nothing)
    description = checkpoint.describe(tmp_path / "out")
    assert (description["step"], description["best_step"], description["dev_loss"]) == (4, 2, 1.0)
    assert description["stopped_early"]


def test_losses_far_out_of_line_are_trouble() -> None:
    recent = [3.0, 3.2, 2.8, 3.1, 2.9] * 8
    guard = Guard()
    assert guard.trouble(5.0, 1.0, recent) is None  # a rise of 2 is never out of line
    assert "loss is 9.000" in (guard.trouble(9.0, 1.0, recent) or "")
    assert guard.trouble(9.0, 1.0, recent[:29]) is None
    assert "norm is inf" in (guard.trouble(3.0, float("inf"), recent) or "")


@contextmanager
def disk_with_room_for(size_bytes: int) -> Iterator[None]:
    """No file can grow beyond a size: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_state(tiny_model: Generator, source: Source, tmp_path: Path) -> None:
    optimizer = make_optimizer(tiny_model, settings(source, tmp_path))
    state = State(tiny_model, optimizer, tmp_path / RESUME, {"seed": 7})
    state.save(Progress(step=1))
    with disk_with_room_for(20_000), pytest.raises(CheckpointError, match=r"resume\.pt.*make room"):
        state.save(Progress(step=2))
    assert state.resume().step == 1
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".jsonl"] == [RESUME]


def test_a_full_disk_leaves_the_last_checkpoint(tiny_model: Generator, tmp_path: Path) -> None:
    checkpoint.save(tiny_model, tmp_path / "out", {"step": 1})
    before = (tmp_path / "out" / checkpoint.WEIGHTS).read_bytes()
    with disk_with_room_for(20_000), pytest.raises(CheckpointError, match="cannot write"):
        checkpoint.save(tiny_model, tmp_path / "out", {"step": 2})
    assert (tmp_path / "out" / checkpoint.WEIGHTS).read_bytes() == before
    assert checkpoint.describe(tmp_path / "out")["step"] == 1


def test_a_damaged_state_is_named(tiny_model: Generator, source: Source, tmp_path: Path) -> None:
    (tmp_path / RESUME).write_bytes(b"half of a file")
    state = State(tiny_model, make_optimizer(tiny_model, settings(source, tmp_path)), tmp_path / RESUME, {})
    with pytest.raises(CheckpointError, match="Delete it"):
        state.resume()


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from rag.training.data import Source
from rag.training.train import train
from tests.rag.test_train import settings

torch.set_num_threads(int(sys.argv[3]))

def report(progress):
    if progress.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

train(settings(Source(Path(sys.argv[1])), Path(sys.argv[2])), report)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(source: Source, tmp_path: Path) -> None:
    whole = train(settings(source, tmp_path / "whole"), nothing)
    out, threads = tmp_path / "killed", str(torch.get_num_threads())
    killed = subprocess.run([sys.executable, "-c", KILLED, str(source.path), str(out), threads], check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = train(settings(source, out), nothing)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert json.loads((out / "losses.jsonl").read_text().splitlines()[0])["step"] == 1
