"""A whole training run: train, record the data, calibrate on the held-out articles, write the lineage."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from rag.generator import checkpoint
from rag.generator.calibration import JUDGED, PLAIN, SentenceJudge
from rag.generator.generate import LocalGenerator
from rag.training.calibrate import Signals, calibrate, keep_within, observe
from rag.training.data import Example
from rag.training.journal import TrainProgress
from rag.training.mixture import gather, own_passages, retrieved_contexts, untitled
from rag.training.record import record_run
from rag.training.runs import BOOK, recorded
from rag.training.train import RESUME, TrainSettings, describe_settings, train

DEV_QUESTIONS = 900
DEV_PASSAGES = 10


def run(
    settings: TrainSettings,
    report: Callable[[TrainProgress], None],
    device: str,
    lineage: Mapping[str, Any],
    risk: float | None = None,
    *,
    judge: SentenceJudge | None = None,
) -> dict[str, Any]:
    """Train (or go on with a stopped run), calibrate, and return the checkpoint's description.

    The run is noted in runs.jsonl beside the checkpoint's folder.

    Args:
        settings: what to train on, and how.
        report: told of progress.
        device: `cpu` or `cuda`.
        lineage: what else to write into the description: command, commit.
        risk: the share of wrong answers that the threshold should allow; None takes the usual threshold.
        judge: what looks at the sentences that answers come from, besides the model itself.

    Raises:
        DataError, TrainingError, CheckpointError: see their messages; the last checkpoint is kept.
    """
    facts = {
        "folder": settings.out.name,
        "seed": settings.seed,
        "device": device,
        **lineage,
        "settings": describe_settings(settings),
        "config": settings.config.to_dict(),
    }
    with recorded(settings.out.parent / BOOK, facts) as figures:
        model = train(settings, report, device)
        description = {**checkpoint.describe(settings.out), **lineage, "device": device}
        figures |= {name: description[name] for name in ("step", "best_step", "dev_loss", "stopped_early")}
        figures["rollbacks"] = len(description["rollbacks"])
        checkpoint.save(model.to("cpu"), settings.out, description)
        earlier = [settings.start_from] if settings.start_from is not None else []
        record_run(settings.out, [source.path for source in settings.sources], earlier)
        description = recalibrate(settings, device, risk, judge=judge)
        figures["dev"] = description["dev"]
        figures["threshold"] = description["calibration"]["threshold"]
        (settings.out / RESUME).unlink(missing_ok=True)
    return json.loads(json.dumps(description))  # type: ignore[no-any-return]


def recalibrate(
    settings: TrainSettings,
    device: str,
    risk: float | None = None,
    precision: str = "float32",
    judge: SentenceJudge | None = None,
) -> dict[str, Any]:
    """Fit the probability of the checkpoint in `settings.out` on held-out articles; returns its description.

    With a judge it is fitted twice, for servers that have the same and for those that have another or none.

    Raises:
        DataError, TrainingError, CheckpointError: see their messages; a threshold for the risk that cannot be
            found leaves the usual one.
    """
    description = checkpoint.describe(settings.out)
    signals = observe(LocalGenerator(settings.out, device, precision), _dev_questions(settings), judge)
    fitted = {PLAIN: calibrate(signals)}
    if judge is not None:
        fitted[JUDGED] = calibrate(signals, judge.version)
    description.pop(JUDGED, None)
    description |= {name: asdict(one) for name, one in fitted.items()} | {"dev": _summary(signals)}
    checkpoint.write_description(settings.out, description)
    if risk is not None:
        description |= {name: asdict(keep_within(one, signals, risk)) for name, one in fitted.items()}
        checkpoint.write_description(settings.out, description)
    return description


def _dev_questions(settings: TrainSettings) -> list[Example]:
    """Held-out questions to calibrate on, every second one without titles: what does a title alone do?"""
    split = gather(settings.sources, settings.mixture, settings.seed)
    retrieved = retrieved_contexts(split, DEV_QUESTIONS, DEV_PASSAGES, settings.seed)
    asked = retrieved + own_passages(split, DEV_QUESTIONS, settings.seed)
    return [untitled(e) if number % 2 else e for number, e in enumerate(asked)]


def _summary(signals: list[Signals]) -> dict[str, float]:
    answerable = [s for s in signals if s.answerable]
    return {
        "examples": len(signals),
        "answerable": len(answerable),
        "f1": 100 * sum(s.f1 for s in answerable) / max(1, len(answerable)),
    }
