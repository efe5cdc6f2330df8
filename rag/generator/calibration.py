"""How probable it is that the passages hold the answer.

The generator's own signals say much of it: the null entry, the relevance of the passages, which words of the
question the sentence it points at lacks. They say little of a sentence that was written to mislead, or that a
search found for its words. A second reader, which learned from claims and their evidence and not from
questions, looks at that one sentence again: does it bear the question out, and is it near it in meaning?
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag.errors import CheckpointError

logger = logging.getLogger(__name__)

PLAIN, JUDGED = "calibration", "judged_calibration"
"""Where a checkpoint's description has what was fitted without and with a judge."""


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


@dataclass(frozen=True)
class Judgement:
    """What a second reader makes of the sentence that the generator points at."""

    borne: float
    """Log-odds that the sentence bears the question out, were it a claim."""
    nearness: float
    """The cosine of question and sentence."""


NO_SENTENCE = Judgement(-6.0, 0.0)
"""Where the generator points at none."""


class SentenceJudge(Protocol):
    """A second reader; one thread at a time uses it."""

    @property
    def version(self) -> str:
        """Names the models that judge: a calibration fits one version."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        """Judge pairs of a question and a sentence with its title."""


@dataclass(frozen=True)
class Calibration:
    """Logistic regression from the signals to the probability that there is an answer.

    The more passages are read, the more places the null entry competes with: their number is a signal of its
    own.
    """

    null_weight: float = -1.0
    relevance_weight: float = 0.0
    passages_weight: float = 0.0
    bias: float = 0.0
    missing_weight: float = 0.0
    """Weighs the share of the question's content words that the sentence pointed at, and its title, lack."""
    titled_weight: float = 0.0
    """Weighs the share of passages with a title: where unanswerable questions were mostly learned on titled
    passages, a title lowers the model's trust in any of them."""
    borne_weight: float = 0.0
    nearness_weight: float = 0.0
    judge: str = ""
    """The version of the judge that it was fitted with; empty: without one."""
    threshold: float = 0.5
    """Below this probability the system abstains."""
    risk: float | None = None
    """The share of wrong answers among given ones that the threshold was chosen for; None: not for one."""
    coverage: float | None = None
    """The share of development questions that were answered at that threshold."""

    def probability(
        self,
        null_log_odds: float,
        relevance: float,
        passages: int,
        missing_share: float = 0.0,
        titled_share: float = 0.0,
        *,
        judgement: Judgement | None = None,
    ) -> float:
        """Between 0 and 1.

        Args:
            null_log_odds: log p(abstain) − log p(anything else) at the first step.
            relevance: the largest relevance logit of the passages.
            passages: how many were read to the end.
            missing_share: how many of the question's content words the sentence pointed at lacks, 0 to 1.
            titled_share: how many of the passages have a title, 0 to 1.
            judgement: of the sentence pointed at; None where this was fitted without a judge.
        """
        judged = judgement or NO_SENTENCE
        return sigmoid(
            self.null_weight * null_log_odds
            + self.relevance_weight * relevance
            + self.passages_weight * math.log(passages)
            + self.missing_weight * missing_share
            + self.titled_weight * titled_share
            + self.borne_weight * judged.borne
            + self.nearness_weight * judged.nearness
            + self.bias
        )


def calibration_of(
    description: Mapping[str, Any], directory: Path, judge: SentenceJudge | None
) -> Calibration:
    """What a checkpoint was calibrated to: with this judge, if it was, else without.

    Raises:
        CheckpointError: the description does not hold what it should.
    """
    judged = description.get(JUDGED)
    fits = judge is not None and judged is not None and judged.get("judge") == judge.version
    if judge is not None and judged is not None and not fits:
        logger.warning(
            "the checkpoint at %s was calibrated with another scorer or encoder than those at hand: its "
            "probabilities do without them. Fit them: rag calibrate",
            directory,
        )
    try:
        return Calibration(**(judged if fits and judged is not None else description.get(PLAIN, {})))
    except TypeError as error:
        raise CheckpointError(f"the calibration of the checkpoint at {directory} is odd: {error}") from error
