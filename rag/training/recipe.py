"""The data that the shipped generator was trained on, and how much of each set."""

from collections.abc import Sequence
from pathlib import Path

from rag.errors import DataError
from rag.training.data import Source
from rag.training.mixture import Mixture

RECIPE: dict[str, int | None] = {
    "squad-train": None,
    "squad-more-train": None,
    "squad-sentence-labelled": None,
    "qed-train": 3000,
    "qamr-train": 2500,
    "boolq-train": 1500,
    "fairytale-train": 500,
    "bioasq-train": 600,
}
RECIPE_MIXTURE = Mixture(distractor_share=0.16, most_distractors=3, turned_share=0.08, cut_share=0.05)


def recipe_sources(folders: Sequence[Path]) -> tuple[Source, ...]:
    """Return the recipe's files, each from the first folder that has it.

    Raises:
        DataError: one of them is nowhere.
    """
    found = {name: _find(f"{name}.jsonl.gz", folders) for name in RECIPE}
    missing = [f"{name}.jsonl.gz" for name, path in found.items() if path is None]
    if missing:
        where = ", ".join(map(str, folders))
        raise DataError(
            f"{where} lack{'s' if len(folders) == 1 else ''} {', '.join(missing)}: give the folders of the "
            "question files; `rag synthesize labels` makes squad-sentence-labelled"
        )
    return tuple(Source(path, RECIPE[name]) for name, path in found.items() if path is not None)


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).exists()), None)
