"""What `rag train` learns from, and how much of each set; a checkpoint's card says what it had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DataError
from rag.training.data import Source
from rag.training.mixture import Mixture


@dataclass(frozen=True)
class Part:
    """How much of a set is taken, and how often; see `Source`."""

    limit: int | None = None
    repeat: int = 1
    unanswerable_repeat: int = 1
    optional: bool = False
    """Whether a run goes on without the set, which nobody labelled: it is made by `rag synthesize`."""


RECIPE: dict[str, Part] = {
    "squad-train": Part(unanswerable_repeat=2),
    "squad-more-train": Part(limit=3000),
    "squad-sentence-labelled": Part(limit=1500),
    "qed-train": Part(limit=4000),
    "qamr-train": Part(limit=5000),
    "boolq-train": Part(),
    "fairytale-train": Part(limit=1500),
    "bioasq-train": Part(limit=1200),
    "fever-asked": Part(limit=6000, optional=True),
    "scitail-asked": Part(limit=3000, optional=True),
    "wikipedia-questions": Part(limit=8000, optional=True),
    "wikipedia-spans": Part(limit=2000, optional=True),
}
RECIPE_MIXTURE = Mixture(
    distractor_share=0.16,
    unanswerable_share=0.08,
    most_distractors=3,
    turned_share=0.2,
    cut_share=0.06,
    untitled_share=0.5,
)


def recipe_sources(folders: Sequence[Path], recipe: Mapping[str, Part] = RECIPE) -> tuple[Source, ...]:
    """Return the recipe's files, each from the first folder that has it; optional ones where there are any.

    Raises:
        DataError: one of the others is nowhere.
    """
    found = {name: _find(f"{name}.jsonl.gz", folders) for name in recipe}
    missing = [f"{name}.jsonl.gz" for name, path in found.items() if not path and not recipe[name].optional]
    if missing:
        where = ", ".join(map(str, folders))
        raise DataError(
            f"{where} lack{'s' if len(folders) == 1 else ''} {', '.join(missing)}: give the folders of the "
            "question files; `rag synthesize labels` makes squad-sentence-labelled"
        )
    return tuple(_source(path, recipe[name]) for name, path in found.items() if path is not None)


def _source(path: Path, part: Part) -> Source:
    return Source(path, part.limit, part.repeat, part.unanswerable_repeat)


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).exists()), None)
