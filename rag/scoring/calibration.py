"""From the classifier's logit to a probability, and the threshold above which a claim counts as borne out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.errors import TrainingError


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(weight · logit + bias); borne out from `threshold` on."""

    weight: float
    bias: float
    threshold: float

    def probability(self, logit: float) -> float:
        """The probability, strictly between 0 and 1, that a claim with this logit is borne out."""
        z = max(-30.0, min(30.0, self.weight * logit + self.bias))
        return 1 / (1 + math.exp(-z))


def calibrate(logits: Mapping[str, Sequence[float]], labels: Mapping[str, Sequence[bool]]) -> Calibration:
    """Fit the probability by logistic regression on held-out claims (Platt 1999); each file weighs the same.

    The threshold is the share of supported claims among them, which is where balanced accuracy is best if the
    probability is right.

    Raises:
        TrainingError: the claims are all supported, or none is.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.array([z for name in logits for z in logits[name]])
    y = np.array([label for name in logits for label in labels[name]])
    weights = np.array([1 / len(logits[name]) for name in logits for _ in logits[name]])
    if len(set(y.tolist())) < 2:
        raise TrainingError(
            f"of {len(y)} held-out claims, {int(y.sum())} are supported: both kinds are needed"
        )
    fitted = LogisticRegression(C=1e4, max_iter=1000).fit(x[:, None], y, sample_weight=weights * len(y))
    share = float((weights * y).sum() / weights.sum())
    return Calibration(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]), share)
