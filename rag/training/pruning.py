"""Which windows are worth reading to the end: a probe fitted on held-out articles.

For each held-out question with the passages that a search would find for it, every window is read to the
end once. What the probe learns from the states after the first layers is how the start pointer's first step
shares itself out among the question's windows (cross-entropy over them), and the relevance logit (ridge
regression). A fifth of the questions is kept back to tell what the probe finds by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rag.errors import TrainingError
from rag.generator import checkpoint
from rag.generator.decode import collated, first_step
from rag.generator.generate import LocalGenerator
from rag.generator.pruning import Pruning
from rag.training.data import Example
from rag.training.mixture import gather, retrieved_contexts
from rag.training.train import TrainSettings

PASSAGES = 10
KEPT_BACK = 0.2
STEPS, QUESTIONS_AT_ONCE, RATE, DECAY = 500, 64, 3e-3, 0.1
LEAST_SPREAD = 1e-4
RIDGE = 10.0


@dataclass(frozen=True)
class Sift:
    """What is asked of a pruning."""

    layer: int = 3
    """So many layers read every window."""
    share: float = 0.5
    """Of a question's windows, so many are read to the end."""
    least: int = 5
    """At least so many are."""
    questions: int = 1500
    """Held-out questions to fit and measure it on."""


@dataclass(frozen=True)
class Windows:
    """What was seen of one question's W windows."""

    signals: Tensor  # (W, 2 D)
    masses: Tensor  # (W,) log of the share of the start pointer, all windows together 1
    relevance: Tensor  # (W,) logits


def prune(
    settings: TrainSettings,
    sift: Sift,
    precision: str = "float32",
    report: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Fit the pruning of the checkpoint in `settings.out`; returns its description.

    Args:
        settings: where the held-out questions come from.
        sift: what is wanted.
        precision: what the passages are read in, as when answering.
        report: told how many of how many questions were read.

    Raises:
        DataError, CheckpointError: see their messages.
        TrainingError: the encoder has no such layer, or there are too few questions.
    """
    generator = LocalGenerator(settings.out, precision=precision, prunes=False)
    layers = generator.model.config.encoder_layers
    if not 0 < sift.layer < layers:
        raise TrainingError(f"--after is {sift.layer}: a layer from 1 to {layers - 1} of {layers} is needed")
    split = gather(settings.sources, settings.mixture, settings.seed)
    asked = retrieved_contexts(split, sift.questions, PASSAGES, settings.seed, fewest=PASSAGES)
    seen = []
    for number, example in enumerate(asked, start=1):
        seen += [w for w in [_see(generator, example, sift.layer)] if len(w.masses) > 1]
        report(number, len(asked))
    pruning, figures = fit(seen, sift, settings.seed)
    description = checkpoint.describe(settings.out)
    description |= {"pruning": pruning.to_dict(), "pruning_dev": figures}
    checkpoint.write_description(settings.out, description)
    return description


@torch.inference_mode()
def _see(generator: LocalGenerator, example: Example, layer: int) -> Windows:
    reading = generator.reader.read(example.question, example.passages)
    inputs = collated([reading], torch.device("cpu"))
    signals = generator.model.signals(inputs.ids, inputs.segments, layer)[0]
    evidence = generator.model.encode(inputs.ids, inputs.segments, inputs.copyable)
    starts = first_step(generator.model, evidence).starts[0, 0]  # (M,)
    masses = starts.view(len(signals), -1).logsumexp(dim=1).log_softmax(dim=0)
    return Windows(signals, masses, evidence.relevance[0])


def fit(seen: Sequence[Windows], sift: Sift, seed: int) -> tuple[Pruning, dict[str, float]]:
    """Fit a pruning, and tell what it finds in questions that were kept back.

    Returns:
        The pruning, and `questions`, those that were kept back; `kept_mass`, the share of their start
        pointers that lies in what is read to the end; `kept_best`, the share of them whose best window is.

    Raises:
        TrainingError: there are too few questions.
    """
    order = np.random.default_rng(seed).permutation(len(seen))
    back = ceil(KEPT_BACK * len(seen))
    if len(seen) - back < 1:
        raise TrainingError(f"{len(seen)} held-out questions with several passages: at least 2 are needed")
    kept_back, fitted_on = ([seen[i] for i in part] for part in (order[:back], order[back:]))
    signals = torch.cat([w.signals for w in fitted_on])
    mean, spread = signals.mean(dim=0), signals.std(dim=0).clamp(min=LEAST_SPREAD)
    standard = (signals - mean) / spread
    of_questions = torch.split(standard, [len(w.masses) for w in fitted_on])
    mass = _fit_masses(of_questions, fitted_on, seed) / spread
    relevance, bias = _fit_relevance(standard, torch.cat([w.relevance for w in fitted_on]))
    relevance = relevance / spread
    pruning = Pruning(
        layer=sift.layer,
        share=sift.share,
        least=sift.least,
        mass_weights=tuple(mass.tolist()),
        relevance_weights=tuple(relevance.tolist()),
        relevance_bias=float(bias - mean @ relevance),
    )
    return pruning, _measure(pruning, kept_back)


def _fit_masses(standard: Sequence[Tensor], seen: Sequence[Windows], seed: int) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    weights = torch.zeros(standard[0].shape[1], requires_grad=True)
    optimizer = torch.optim.AdamW([weights], lr=RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        drawn = torch.randint(len(seen), (QUESTIONS_AT_ONCE,), generator=chance).tolist()
        losses = [-(seen[i].masses.exp() * (standard[i] @ weights).log_softmax(dim=0)).sum() for i in drawn]
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return weights.detach()


def _fit_relevance(standard: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Weights `(2 D,)` and bias of a ridge regression."""
    middle = relevance.mean()
    gram = standard.T @ standard + RIDGE * torch.eye(standard.shape[1])
    weights: Tensor = torch.linalg.solve(gram, standard.T @ (relevance - middle))
    return weights, middle


def _measure(pruning: Pruning, seen: Sequence[Windows]) -> dict[str, float]:
    weights = torch.tensor(pruning.mass_weights)
    masses, best = [], []
    for windows in seen:
        kept = (windows.signals @ weights).topk(pruning.kept_of(len(windows.masses))).indices
        masses.append(float(windows.masses[kept].exp().sum()))
        best.append(bool((kept == windows.masses.argmax()).any()))
    return {"questions": len(seen), "kept_mass": float(np.mean(masses)), "kept_best": float(np.mean(best))}
