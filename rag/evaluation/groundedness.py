"""How well a probability tells claims that their evidence bears out from those that it does not.

balanced accuracy   mean of the shares of supported and of unsupported claims that are told right
f1                  of the supported ones
auc                 area under the ROC curve; None where all claims are of one kind
calibration error   expected calibration error, ten bins of equal width
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag.scoring.calibration import Calibration
from rag.scoring.data import Claim, read_claims

BINS = 10
CLAIMS_AT_ONCE = 256


def figures(probabilities: Sequence[float], labels: Sequence[bool], threshold: float) -> dict[str, float]:
    """The figures of one set of claims; a claim counts as supported from the threshold on."""
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(labels, dtype=bool)
    said = p >= threshold
    found = {
        "n": len(y),
        "supported_share": float(y.mean()) if len(y) else 0.0,
        "balanced_accuracy": balanced_accuracy(said, y),
        "f1": f1(said, y),
        "calibration_error": calibration_error(p, y),
    }
    area = auc(p, y)
    return found if area is None else {**found, "auc": area}


def balanced_accuracy(said: NDArray[np.bool_], y: NDArray[np.bool_]) -> float:
    """The mean of the recalls of both kinds; of the one that is there, where there is but one."""
    recalls = [float((said[y == kind] == kind).mean()) for kind in (True, False) if (y == kind).any()]
    return sum(recalls) / len(recalls) if recalls else 0.0


def f1(said: NDArray[np.bool_], y: NDArray[np.bool_]) -> float:
    """2 · right / (said + there), 0 where nothing is said and nothing there."""
    right, total = int((said & y).sum()), int(said.sum() + y.sum())
    return 2 * right / total if total else 0.0


def auc(p: NDArray[np.float64], y: NDArray[np.bool_]) -> float | None:
    """How probably a supported claim gets more than an unsupported one, ties half; None without both."""
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # the mean rank of ties, from 1
    return float((ranks[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(p: NDArray[np.float64], y: NDArray[np.bool_]) -> float:
    """The mean distance of a bin's share of supported claims from its mean probability, by the bin's size."""
    if not len(p):
        return 0.0
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = [
        abs(y[bins == b].mean() - p[bins == b].mean()) * (bins == b).sum()
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(sum(gaps) / len(p))


class ClaimScorer(Protocol):
    """What says how probably claims are borne out."""

    @property
    def calibration(self) -> Calibration:
        """Gives the threshold."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probability that each (evidence, claim) is borne out."""


def evaluate_groundedness(
    files: Sequence[Path],
    scorer: ClaimScorer,
    on_claim: Callable[[str, Claim, float], None],
    limit: int | None = None,
) -> dict[str, Any]:
    """Score the claims of files; `on_claim` is told of each with its probability.

    Raises:
        DataError: a file cannot be read.
    """
    threshold = scorer.calibration.threshold
    sets: dict[str, Any] = {}
    for file in files:
        claims = read_claims(file, limit)
        probabilities: list[float] = []
        for begin in range(0, len(claims), CLAIMS_AT_ONCE):
            some = claims[begin : begin + CLAIMS_AT_ONCE]
            for claim, p in zip(some, scorer.score([(c.evidence, c.text) for c in some]), strict=True):
                probabilities.append(p)
                on_claim(set_name(file), claim, p)
        sets[set_name(file)] = figures(probabilities, [c.supported for c in claims], threshold)
    return {"sets": sets, "threshold": threshold}


def set_name(file: Path) -> str:
    """A file's name without its endings."""
    return file.name.partition(".")[0]
