"""Tells when a step must not be taken: a loss or gradient that is no number, or a loss far out of line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

NORMAL = 1.4826
"""Times the median absolute deviation, this estimates a normal distribution's standard deviation."""


@dataclass(frozen=True)
class Guard:
    """What is out of line, and how often a run may go back before it is given up."""

    window: int = 100
    """How many losses before it a loss is compared with."""
    least: int = 30
    """Below so many there is nothing to compare with yet."""
    deviations: float = 12.0
    """How many robust standard deviations above the median are too many."""
    least_rise: float = 2.0
    """A loss that is no more than this above the median is never out of line, in nats."""
    most_rollbacks: int = 5

    def trouble(self, loss: float, gradient_norm: float, recent: Sequence[float]) -> str | None:
        """Say why a step must not be taken; None when it may.

        Args:
            loss: of the step's batch.
            gradient_norm: of all gradients together, before clipping.
            recent: the losses of the steps before.
        """
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient's norm is {gradient_norm}"
        if len(recent) < self.least:
            return None
        middle = median(recent)
        spread = NORMAL * median(abs(x - middle) for x in recent)
        if loss > middle + max(self.least_rise, self.deviations * spread):
            return (
                f"the loss is {loss:.3f}, after {middle:.3f} ± {spread:.3f} in the {len(recent)} steps before"
            )
        return None
