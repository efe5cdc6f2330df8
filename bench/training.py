"""How fast the training loop is against a naive one, in one run, in turns.

    python -m bench.training FILE… --examples 240 --rounds 5

The naive loop has what a first version would have: dropout in the encoder, batches in the order that chance
gives, word embeddings that are trained, float32 throughout. Both learn from the same examples with the same
model. Other work of the machine slows both alike, since they take turns: the ratio is what counts.
"""

import argparse
import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F

from bench.environment import environment, report
from rag.encoder import minilm_directory
from rag.generator.checkpoint import warm_start
from rag.generator.config import GeneratorConfig
from rag.generator.layers import Attention, FeedForward
from rag.generator.model import Generator
from rag.generator.passages import Reader
from rag.training.batches import batches
from rag.training.data import read_examples
from rag.training.loss import batch_loss
from rag.training.targets import Target
from rag.training.train import TrainSettings, make_optimizer, precision, prepare

DROPOUT = 0.1
NAIVE_BATCH = 12


@dataclass(frozen=True)
class Rates:
    """Examples a second, round by round."""

    ours: list[float]
    naive: list[float]

    def figures(self) -> dict[str, Any]:
        ratios = [o / n for o, n in zip(self.ours, self.naive, strict=True)]
        return {
            "ours_examples_per_s": median(self.ours),
            "naive_examples_per_s": median(self.naive),
            "ratio": median(ratios),
            "ratio_lowest": min(ratios),
            "ratio_highest": max(ratios),
        }


class Loop:
    """A model, its optimizer, and how a pass over targets is made."""

    def __init__(self, model: Generator, settings: TrainSettings) -> None:
        self.model, self.settings = model.train(), settings
        self.optimizer = make_optimizer(model, settings)

    def passes(self, targets: Sequence[Target], number: int) -> list[list[Target]]:
        """The batches of one pass."""
        return list(batches(targets, self.settings.batch_tokens, self.settings.seed, number))

    def precision(self) -> Any:
        """The numbers that matrix products are made of."""
        return precision("cpu")

    def rate(self, targets: Sequence[Target], number: int) -> float:
        """Learn from all targets once; examples a second."""
        begun = time.perf_counter()
        for batch in self.passes(targets, number):
            self.optimizer.zero_grad(set_to_none=True)
            with self.precision():
                loss = batch_loss(self.model, batch)
            loss.total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
            self.optimizer.step()
        return len(targets) / (time.perf_counter() - begun)


class NaiveLoop(Loop):
    """The same without what makes it fast."""

    def __init__(self, model: Generator, settings: TrainSettings) -> None:
        model.words.weight.requires_grad_(True)
        for part in model.encoder.modules():
            if isinstance(part, Attention | FeedForward):
                part.register_forward_hook(lambda _, __, out: F.dropout(out, DROPOUT))
        super().__init__(model, settings)

    def passes(self, targets: Sequence[Target], number: int) -> list[list[Target]]:
        """Batches of equally many targets, as chance mixes them."""
        order = list(targets)
        random.Random(number).shuffle(order)
        return [order[i : i + NAIVE_BATCH] for i in range(0, len(order), NAIVE_BATCH)]

    def precision(self) -> Any:
        """float32."""
        return nullcontext()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--examples", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(arguments.seed)
    settings = TrainSettings(sources=(), out=Path(), seed=arguments.seed)
    targets = sample(arguments.files, arguments.examples, settings)
    rates = compare(targets, arguments.rounds, settings)
    figures = {"examples": len(targets), "rounds": arguments.rounds, **rates.figures()}
    report(f"Training on {len(targets)} examples, in turns", figures, arguments.out, env)


def sample(files: Sequence[Path], number: int, settings: TrainSettings) -> list[Target]:
    """Some examples of the files, ready for the loss."""
    examples = [e for path in files for e in read_examples(path)]
    chosen = random.Random(settings.seed).sample(examples, min(number, len(examples)))
    return prepare(chosen, Reader(minilm_directory() / "tokenizer.json", settings.config), settings.seed)


def compare(targets: Sequence[Target], rounds: int, settings: TrainSettings) -> Rates:
    """Let both loops pass over the targets in turns; the first of all passes of each is not counted."""
    ours = Loop(start(settings.config, settings.seed), settings)
    naive = NaiveLoop(start(settings.config, settings.seed), settings)
    rates = Rates([], [])
    for number in range(rounds + 1):
        pair = ours.rate(targets, number), naive.rate(targets, number)
        if number:
            rates.ours.append(pair[0])
            rates.naive.append(pair[1])
    return rates


def start(config: GeneratorConfig, seed: int) -> Generator:
    """A model as training finds it."""
    torch.manual_seed(seed)
    return warm_start(config)


if __name__ == "__main__":
    main()
