"""A whole training run: train, calibrate on the held-out articles, write the lineage."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from rag.generator import checkpoint
from rag.generator.generate import LocalGenerator
from rag.training.calibrate import Signals, calibrate, observe
from rag.training.mixture import gather, retrieved_contexts
from rag.training.train import RESUME, TrainProgress, TrainSettings, train

DEV_QUESTIONS = 450
DEV_PASSAGES = 10


def run(
    settings: TrainSettings,
    report: Callable[[TrainProgress], None],
    device: str,
    lineage: Mapping[str, Any],
) -> dict[str, Any]:
    """Train (or go on with a stopped run), calibrate, and return the checkpoint's description.

    Args:
        settings: what to train on, and how.
        report: told of progress.
        device: `cpu` or `cuda`.
        lineage: what else to write into the description: command, commit.

    Raises:
        DataError, TrainingError, CheckpointError: see their messages; the last checkpoint is kept.
    """
    model = train(settings, report, device)
    description = {**checkpoint.describe(settings.out), **lineage, "device": device}
    checkpoint.save(model.to("cpu"), settings.out, description)
    split = gather(settings.sources, settings.mixture, settings.seed)
    dev = retrieved_contexts(split, DEV_QUESTIONS, DEV_PASSAGES, settings.seed)
    signals = observe(LocalGenerator(settings.out, device), dev)
    description |= {"calibration": asdict(calibrate(signals, DEV_PASSAGES)), "dev": _summary(signals)}
    checkpoint.write_description(settings.out, description)
    (settings.out / RESUME).unlink(missing_ok=True)
    return json.loads(json.dumps(description))  # type: ignore[no-any-return]


def _summary(signals: list[Signals]) -> dict[str, float]:
    answerable = [s for s in signals if s.answerable]
    return {
        "examples": len(signals),
        "answerable": len(answerable),
        "f1": 100 * sum(s.f1 for s in answerable) / max(1, len(answerable)),
    }
