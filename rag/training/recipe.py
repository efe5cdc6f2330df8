"""The data that the shipped generator was trained on, and how much of each set."""

from pathlib import Path

from rag.errors import DataError
from rag.training.data import Source

RECIPE: dict[str, int | None] = {
    "squad-train": None,
    "squad-more-train": 7000,
    "qed-train": 2500,
    "qamr-train": 4000,
    "boolq-train": 1000,
    "fairytale-train": 600,
    "bioasq-train": 400,
}


def recipe_sources(directory: Path) -> tuple[Source, ...]:
    """Return the recipe's files in a folder.

    Raises:
        DataError: one of them is not there.
    """
    sources = tuple(Source(directory / f"{name}.jsonl.gz", limit) for name, limit in RECIPE.items())
    missing = [s.path.name for s in sources if not s.path.exists()]
    if missing:
        raise DataError(f"{directory} lacks {', '.join(missing)}: give the folder of the question files")
    return sources
