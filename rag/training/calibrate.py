"""When to say "I don't know": the model's signals turned into a probability on articles it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.errors import TrainingError
from rag.evaluation.abstention import Floats, risk_coverage, wrong_answers
from rag.evaluation.metrics import token_f1
from rag.generator.generate import Calibration, Generated, LocalGenerator
from rag.training.data import Example


@dataclass(frozen=True)
class Signals:
    """What the generator said of one held-out example, and how good its answer was."""

    null_log_odds: float
    relevance_logit: float
    passages: int
    answerable: bool
    f1: float
    missing_share: float = 0.0


def observe(generator: LocalGenerator, examples: Sequence[Example], batch_size: int = 2) -> list[Signals]:
    """Answer held-out examples."""
    ordered = sorted(examples, key=lambda e: sum(len(p.text) for p in e.passages))
    signals = []
    for begin in range(0, len(ordered), batch_size):
        batch = ordered[begin : begin + batch_size]
        answers = generator.generate_many([(e.question, e.passages) for e in batch])
        signals += [_signals(e, g) for e, g in zip(batch, answers, strict=True)]
    return signals


def _signals(example: Example, generated: Generated) -> Signals:
    relevance = min(max(*generated.relevance, 1e-9), 1 - 1e-9)
    return Signals(
        null_log_odds=generated.null_log_odds,
        relevance_logit=float(np.log(relevance / (1 - relevance))),
        passages=len(example.passages),
        answerable=example.answerable,
        f1=max((token_f1(generated.text, a.text) for a in example.answers), default=0.0),
        missing_share=generated.missing_share,
    )


def keep_within(calibration: Calibration, signals: Sequence[Signals], risk: float) -> Calibration:
    """Choose the threshold that answers most held-out questions with no more wrong answers than a risk.

    Args:
        calibration: gives the probabilities.
        signals: of the held-out questions.
        risk: the share of wrong answers, among those given, that is allowed.

    Raises:
        TrainingError: no threshold keeps within it.
    """
    answerable = np.array([s.answerable for s in signals])
    probability = np.array(
        [
            calibration.probability(s.null_log_odds, s.relevance_logit, s.passages, s.missing_share)
            for s in signals
        ]
    )
    curve = risk_coverage(wrong_answers(answerable, np.array([s.f1 for s in signals])), probability)
    point = curve.at_risk(risk)
    if point is None:
        raise TrainingError(
            f"no threshold keeps the share of wrong answers at {risk} on the held-out questions: the lowest "
            f"that one reaches is {curve.risk.min():.3f}. The checkpoint has its usual threshold."
        )
    return replace(calibration, threshold=point.threshold, risk=risk, coverage=point.coverage)


def calibrate(signals: Sequence[Signals], usual_passages: int) -> Calibration:
    """Fit the probability by logistic regression.

    The threshold is the probability at which abstaining and answering are equally likely to the model itself
    (null log-odds 0) when it reads `usual_passages`, at the mean of the other signals. Held-out articles
    differ too much from each other in their null log-odds for a threshold that is best on some of them to
    hold on others.

    Raises:
        TrainingError: the held-out examples are all answerable, or none is.
    """
    from sklearn.linear_model import LogisticRegression

    labels = [s.answerable for s in signals]
    if len(set(labels)) < 2:
        raise TrainingError(
            f"of {len(labels)} held-out examples, {sum(labels)} are answerable: both kinds are needed"
        )
    null = np.array([s.null_log_odds for s in signals])
    relevance = np.array([s.relevance_logit for s in signals])
    size = np.log([s.passages for s in signals])
    missing = np.array([s.missing_share for s in signals])
    x: Floats = np.stack([null, relevance, size, null * size, relevance * size, missing], axis=1)
    fitted = LogisticRegression(C=1e4, max_iter=1000).fit(x, labels)
    weights = [float(w) for w in fitted.coef_[0]]
    without = Calibration(
        null_weight=weights[0],
        relevance_weight=weights[1],
        passages_weight=weights[2],
        bias=float(fitted.intercept_[0]),
        null_by_passages=weights[3],
        relevance_by_passages=weights[4],
        missing_weight=weights[5],
    )
    several = size > 0 if (size > 0).any() else size == 0
    usual = float(relevance[several].mean()), usual_passages, float(missing[several].mean())
    return replace(without, threshold=without.probability(0.0, *usual))
