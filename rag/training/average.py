"""One checkpoint of several: the weighted mean of their weights.

Runs that went on from the same checkpoint end near enough to each other that the mean of their weights is
often better than each of them (Wortsman et al. 2022, arXiv 2203.05482). It answers as fast as one.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rag.errors import CheckpointError, TrainingError
from rag.generator import checkpoint
from rag.training.data import file_sha256
from rag.training.lineage import CORPORA, corpora_behind
from rag.training.record import record_run

FITTED = ("pruning", "pruning_dev")
LINEAGE = ("command", "commit", "seed", "step")


def average(folders: Sequence[Path], shares: Sequence[float], out: Path) -> dict[str, Any]:
    """Write the mean of checkpoints; returns its description, which names them all.

    The first one's description is taken over, with its calibration: fit that again with `rag calibrate`.
    Not so its pruning, which is of its own layers.

    Args:
        folders: of the checkpoints, of one configuration.
        shares: of each, together 1.
        out: where the mean goes.

    Raises:
        TrainingError: the shares are not above 0 or not together 1, or a configuration differs.
        CheckpointError: one cannot be read, or the mean cannot be written.
    """
    if len(shares) != len(folders) or not all(s > 0 for s in shares) or not math.isclose(sum(shares), 1):
        raise TrainingError(f"the shares {', '.join(f'{s:g}' for s in shares)} are not parts of 1")
    model = checkpoint.load(folders[0])
    total = {name: tensor * shares[0] for name, tensor in model.state_dict().items()}
    for folder, share in zip(folders[1:], shares[1:], strict=True):
        other = checkpoint.load(folder)
        if other.config != model.config:
            raise TrainingError(f"{folder} has another configuration than {folders[0]}")
        for name, tensor in other.state_dict().items():
            total[name] += tensor * share
    total[checkpoint.FROZEN] = model.state_dict()[checkpoint.FROZEN]
    with torch.no_grad():
        model.load_state_dict(total)
    parts = [_part(folder, share) for folder, share in zip(folders, shares, strict=True)]
    told = {CORPORA: corpora_behind([], folders)}
    kept = {name: said for name, said in checkpoint.describe(folders[0]).items() if name not in FITTED}
    description = {**kept, **told, "averaged": parts}
    checkpoint.save(model, out, description)
    record_run(out, [], folders)
    return description


def _part(folder: Path, share: float) -> dict[str, Any]:
    said = checkpoint.describe(folder)
    try:
        digest = file_sha256(folder / checkpoint.WEIGHTS)
    except OSError as error:
        raise CheckpointError(f"cannot read {folder / checkpoint.WEIGHTS}: {error}") from error
    known = {name: said[name] for name in LINEAGE if name in said}
    return {"share": share, "sha256": digest, **known, "settings": said.get("settings")}
