"""What each part of the generator and each data set adds: variants trained alike, measured alike.

    python -m bench.ablation --qa FOLDER --out FOLDER --steps 1500

Every variant trains for the same number of steps in a process of its own and is measured on the same held-out
articles of the training files: with the question's own passage, and with one to ten retrieved ones. A variant
that was measured is not trained again, and one that was stopped goes on.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.environment import environment
from rag.evaluation.figures import FIGURES, figures_of, table_of
from rag.evaluation.predict import predict
from rag.evaluation.support import SupportTest
from rag.generator.checkpoint import warm_start, write_whole
from rag.generator.evidence import Evidence, Step
from rag.generator.generate import LocalGenerator
from rag.generator.model import Generator
from rag.training.data import Example, Source
from rag.training.mixture import gather, retrieved_contexts
from rag.training.recipe import RECIPE_MIXTURE, recipe_sources
from rag.training.targets import Arc, Target
from rag.training.train import RESUME, MakeModel, Shape, TrainSettings, first_model, train

SHOWN = ("em", "f1", "answerable_auc", "best_f1")
MOST_PASSAGES = 10
FULL = "full"
WIDTH = 16
ADDED = {
    "wikipedia-spans": "with recurring spans",
    "wikipedia-questions": "with synthetic questions",
    "fever-asked": "with claims of FEVER",
    "scitail-asked": "with claims of SciTail",
}
"""Sets whose questions are made: the full run is without them, and a variant with each."""


@dataclass(frozen=True)
class Variant:
    """How a run differs from the full one."""

    settings: Callable[[TrainSettings], TrainSettings] = lambda settings: settings
    make: MakeModel = first_model
    shape: Shape = lambda target: target


@dataclass(frozen=True)
class Budget:
    """What every variant gets."""

    steps: int
    examples: int
    """Held-out questions of each kind."""
    seed: int


def variants(settings: TrainSettings) -> dict[str, Variant]:
    """All variants by name: each leaves one thing out of the full run, or adds a synthetic set to it."""
    full = labelled(settings).sources
    left_out = {f"without {_name(s)}": Variant(settings=_without(s)) for s in full}
    added = {ADDED[_name(s)]: Variant(settings=_with(s)) for s in settings.sources if s not in full}
    return {
        FULL: Variant(),
        "copies word by word": Variant(shape=word_by_word),
        "writes, does not copy": Variant(shape=written),
        "starts normalised within passages": Variant(make=per_passage_model),
        "starts from nothing": Variant(make=cold_model),
        "no distractors": Variant(settings=without_distractors),
        "no turned or cut questions": Variant(settings=without_negatives),
        **left_out,
        **added,
    }


def labelled(settings: TrainSettings) -> TrainSettings:
    """What the full run learns from: the settings without the sets that `ADDED` names."""
    return replace(settings, sources=tuple(s for s in settings.sources if _name(s) not in ADDED))


def _name(source: Source) -> str:
    return source.path.name.split(".")[0]


def word_by_word(target: Target) -> Target:
    """A pointer to one word at a time, as pointer-generators have it."""
    return replace(target, arcs=tuple(word for arc in target.arcs for word in _words(arc, target)))


def _words(arc: Arc, target: Target) -> list[Arc]:
    inner = [n for n in range(arc.first + 1, arc.last + 1) if _starts_word(target, arc.window, n)]
    starts = [arc.first, *inner]
    ends = [*(n - 1 for n in inner), arc.last]
    shift = arc.begin - arc.first
    return [Arc(s + shift, e + shift + 1, arc.window, s, e) for s, e in zip(starts, ends, strict=True)]


def _starts_word(target: Target, window: int, position: int) -> bool:
    w = target.reading.windows[window]
    if position >= w.text_at:
        return target.reading.pieces[w.passage].starts_word[position - w.text_at + w.first_piece]
    return target.reading.question_pieces.starts_word[position - w.question_at]


def written(target: Target) -> Target:
    """Every piece is written from the vocabulary."""
    return replace(target, arcs=(), may_write=True) if target.ids else target


def without_distractors(settings: TrainSettings) -> TrainSettings:
    """Answerable questions are learned from their own passage alone."""
    return replace(settings, mixture=replace(settings.mixture, distractor_share=0.0))


def without_negatives(settings: TrainSettings) -> TrainSettings:
    """No questions that are made unanswerable by a change of the question or of its passage."""
    return replace(settings, mixture=replace(settings.mixture, turned_share=0.0, cut_share=0.0))


def _without(source: Source) -> Callable[[TrainSettings], TrainSettings]:
    return lambda settings: replace(settings, sources=tuple(s for s in settings.sources if s != source))


def _with(source: Source) -> Callable[[TrainSettings], TrainSettings]:
    return lambda settings: replace(settings, sources=(*settings.sources, source))


def cold_model(settings: TrainSettings) -> Generator:
    """All but the word embeddings, which a checkpoint does not hold, begins at random."""
    model = Generator(settings.config)
    with torch.no_grad():
        model.words.weight.copy_(warm_start(settings.config).words.weight)
    return model


class PerPassageGenerator(Generator):
    """In training, each passage's starts are normalised alone, with the null entry; in use, together."""

    def _step(self, s: Tensor, evidence: Evidence, *, first: bool) -> Step:
        step = super()._step(s, evidence, first=first)
        return _within_passages(step, evidence) if self.training else step


def _within_passages(step: Step, evidence: Evidence) -> Step:
    B, L, M = step.starts.shape
    P = evidence.relevance.shape[1]
    by_passage = step.starts.view(B, L, P, M // P)
    null = step.null[:, :, None, None].expand(B, L, P, 1)
    joint = torch.cat([by_passage, null], dim=-1).log_softmax(dim=-1)  # (B, L, P, M / P + 1)
    present = (evidence.bias.view(B, P, M // P)[..., 0] == 0)[:, None]  # (B, 1, P)
    nulls = (joint[..., -1] * present).sum(dim=-1) / present.sum(dim=-1)
    return replace(step, starts=joint[..., :-1].reshape(B, L, M), null=nulls)


def per_passage_model(settings: TrainSettings) -> Generator:
    """The usual model, its starts normalised within passages."""
    model = PerPassageGenerator(settings.config)
    model.load_state_dict(first_model(settings).state_dict())
    return model


def held_out(settings: TrainSettings, number: int) -> dict[str, list[Example]]:
    """The questions that all variants are measured on."""
    split = gather(settings.sources, settings.mixture, settings.seed)
    own = [e for e in split.dev if len(e.passages) == 1]
    random.Random(settings.seed).shuffle(own)
    return {
        "own passage": own[:number],
        "retrieved": retrieved_contexts(split, number, MOST_PASSAGES, settings.seed),
    }


def measure(name: str, settings: TrainSettings, budget: Budget) -> dict[str, Any]:
    """Train a variant and measure it."""
    variant = variants(settings)[name]
    folder = settings.out / name.replace(" ", "-").replace(",", "")
    full = labelled(settings)
    changed = replace(variant.settings(full), out=folder, max_steps=budget.steps, patience=budget.steps)
    train(changed, lambda p: print(f"{name}: step {p.step} of {p.steps}, loss {p.loss:.3f}", flush=True),
          make=variant.make, shape=variant.shape)  # fmt: skip
    generator, support = LocalGenerator(folder), SupportTest()
    figures = {}
    for kind, examples in held_out(full, budget.examples).items():
        predictions = [predict(e, generator, None, support) for e in examples]
        table = table_of(predictions, generator.calibration.threshold, None)
        figures[kind] = {"n": len(table), **figures_of(table, {f: FIGURES[f] for f in SHOWN})}
    (folder / RESUME).unlink(missing_ok=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qa", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", help="only these variants")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    budget = Budget(arguments.steps, arguments.examples, arguments.seed)
    settings = TrainSettings(
        recipe_sources(arguments.qa), arguments.out, seed=budget.seed, mixture=RECIPE_MIXTURE
    )
    if arguments.variant:
        measure_into_file(arguments.variant, settings, budget)
        return
    env = environment(budget.seed)
    names = arguments.only or list(variants(settings))
    for name in names:
        if not measured(settings.out, name, budget):
            again = [sys.executable, "-m", "bench.ablation", *sys.argv[1:], "--variant", name]
            subprocess.run(again, check=True)
    figures = {name: json.loads(result(settings.out, name).read_text())["figures"] for name in names}
    print_table(figures)
    whole = {"environment": env, "budget": vars(budget), "variants": figures}
    (settings.out / "ablation.json").write_text(json.dumps(whole, indent=2) + "\n")


def measure_into_file(name: str, settings: TrainSettings, budget: Budget) -> None:
    """Train and measure a variant where that is not done, and keep its figures."""
    figures = measure(name, settings, budget)
    text = json.dumps({"budget": vars(budget), "figures": figures})
    write_whole(result(settings.out, name), lambda path: path.write_text(text))


def result(out: Path, name: str) -> Path:
    """Where a variant's figures are."""
    out.mkdir(parents=True, exist_ok=True)
    return out / f"{name.replace(' ', '-').replace(',', '')}.json"


def measured(out: Path, name: str, budget: Budget) -> bool:
    """Whether a variant has its figures already.

    Raises:
        SystemExit: they are of another budget.
    """
    if not result(out, name).exists():
        return False
    if json.loads(result(out, name).read_text())["budget"] != vars(budget):
        raise SystemExit(f"{out} holds figures of another budget: give the same options, or another --out")
    return True


def print_table(figures: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> None:
    """A row per variant; F1 also as its distance from the full one."""
    full = figures.get(FULL)
    kinds = list(next(iter(figures.values())))
    heads = [*SHOWN, "f1 − full"]
    print(f"{'':<36}" + "".join(f"{kind:<{WIDTH * len(heads)}}" for kind in kinds))
    print(f"{'':<36}" + "".join(f"{head:<{WIDTH}}" for _ in kinds for head in heads))
    for name, by_kind in figures.items():
        cells = [cell for kind in kinds for cell in _cells(by_kind[kind], full[kind] if full else None)]
        print(f"{name:<36}" + "".join(f"{cell:<{WIDTH}}" for cell in cells))


def _cells(figures: Mapping[str, float | None], full: Mapping[str, float | None] | None) -> Sequence[str]:
    shown = ["-" if figures[f] is None else f"{figures[f]:.3f}" for f in SHOWN]
    ours, theirs = figures["f1"], full["f1"] if full else None
    return [*shown, "-" if ours is None or theirs is None else f"{ours - theirs:+.1f}"]


if __name__ == "__main__":
    main()
