"""Which stored corpora a checkpoint learned from: whoever erases a person there has to know."""

import json
from collections.abc import Iterable
from pathlib import Path

from rag.generator import checkpoint
from rag.training.data import read_lines

CORPORA = "corpora"
"""Where a checkpoint's description has their names."""


def corpora_behind(files: Iterable[Path], checkpoints: Iterable[Path] = ()) -> list[str]:
    """Return the names of all corpora that examples say they are from, or that checkpoints learned from.

    Args:
        files: files of examples; one that is from a corpus names it in the field `corpus`.
        checkpoints: folders of what is trained on, or put together.

    Raises:
        DataError: a file cannot be read to its end.
        CheckpointError: a checkpoint cannot be read.
    """
    told = {name for folder in checkpoints for name in checkpoint.describe(folder).get(CORPORA, [])}
    for file in files:
        records = (json.loads(line) for line in read_lines(file) if '"corpus"' in line)
        told |= {record["corpus"] for record in records if isinstance(record.get("corpus"), str)}
    return sorted(told)
