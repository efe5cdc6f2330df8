"""When to say "I don't know": the model's signals turned into a probability on articles it never saw."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.errors import TrainingError
from rag.evaluation.abstention import Floats, risk_coverage, wrong_answers
from rag.evaluation.metrics import token_f1
from rag.generator.calibration import NO_SENTENCE, Calibration, Judgement, SentenceJudge
from rag.generator.generate import Generated, LocalGenerator, sentence_at
from rag.training.data import Example

ANSWERABLE_SHARE = 2 / 3
WRONG_COSTS = 0.5
RIGHT_F1 = 0.5
"""A held-out answer with at least this F1 counts as right, as in `risk_coverage`."""
MOST_WANTED = 0.9
"""No threshold is higher, whatever the answers are worth."""


@dataclass(frozen=True)
class Signals:
    """What the generator said of one held-out example, and how good its answer was."""

    null_log_odds: float
    relevance_logit: float
    passages: int
    answerable: bool
    f1: float
    missing_share: float = 0.0
    titled_share: float = 0.0
    judgement: Judgement | None = None
    """What a judge says of the sentence pointed at; None where there is no judge."""

    def probability(self, calibration: Calibration) -> float:
        """That there is an answer."""
        return calibration.probability(
            self.null_log_odds,
            self.relevance_logit,
            self.passages,
            self.missing_share,
            self.titled_share,
            judgement=self.judgement,
        )


def observe(
    generator: LocalGenerator,
    examples: Sequence[Example],
    judge: SentenceJudge | None = None,
    batch_size: int = 2,
) -> list[Signals]:
    """Answer held-out examples; the judge looks at what the answers point at."""
    ordered = sorted(examples, key=lambda e: sum(len(p.text) for p in e.passages))
    signals = []
    for begin in range(0, len(ordered), batch_size):
        batch = ordered[begin : begin + batch_size]
        answers = generator.generate_many([(e.question, e.passages) for e in batch])
        judged = _judged(judge, batch, answers)
        signals += [_signals(e, g, j) for e, g, j in zip(batch, answers, judged, strict=True)]
    return signals


def _judged(
    judge: SentenceJudge | None, examples: Sequence[Example], answers: Sequence[Generated]
) -> list[Judgement | None]:
    if judge is None:
        return [None] * len(examples)
    texts = [sentence_at(e.passages, g.focus) for e, g in zip(examples, answers, strict=True)]
    found = iter(judge.judge([(e.question, t) for e, t in zip(examples, texts, strict=True) if t]))
    return [next(found) if text else NO_SENTENCE for text in texts]


def _signals(example: Example, generated: Generated, judgement: Judgement | None) -> Signals:
    relevance = min(max(*generated.relevance, 1e-9), 1 - 1e-9)
    return Signals(
        null_log_odds=generated.null_log_odds,
        relevance_logit=float(np.log(relevance / (1 - relevance))),
        passages=generated.passages_read,
        answerable=example.answerable,
        f1=max((token_f1(generated.text, a.text) for a in example.answers), default=0.0),
        missing_share=generated.missing_share,
        titled_share=sum(bool(p.title) for p in example.passages) / len(example.passages),
        judgement=judgement,
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
    probability = np.array([s.probability(calibration) for s in signals])
    curve = risk_coverage(wrong_answers(answerable, np.array([s.f1 for s in signals])), probability)
    point = curve.at_risk(risk)
    if point is None:
        raise TrainingError(
            f"no threshold keeps the share of wrong answers at {risk} on the held-out questions: the lowest "
            f"that one reaches is {curve.risk.min():.3f}. The checkpoint has its usual threshold."
        )
    return replace(calibration, threshold=point.threshold, risk=risk, coverage=point.coverage)


def calibrate(signals: Sequence[Signals], judge: str = "") -> Calibration:
    """Fit the probability by logistic regression, and choose below which of it to abstain.

    Single passages and several weigh alike, and among each the answerable ones weigh ANSWERABLE_SHARE of all:
    the probability is that of a collection in which so many questions have an answer. The threshold is the
    probability at which an answer is worth giving: a wrong one costs WRONG_COSTS of what a right one gains,
    and of the answers to answerable questions as many are right as are here.

    Args:
        signals: of held-out examples.
        judge: the version of the judge whose judgements they have; empty leaves judgements out.

    Raises:
        TrainingError: the held-out examples are all answerable, or none is.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.array([s.answerable for s in signals])
    if len(set(labels)) < 2:
        raise TrainingError(
            f"of {len(labels)} held-out examples, {sum(labels)} are answerable: both kinds are needed"
        )
    x: Floats = np.array(
        [
            (
                s.null_log_odds,
                s.relevance_logit,
                np.log(s.passages),
                s.missing_share,
                s.titled_share,
                *_of_judge(s, judge),
            )
            for s in signals
        ]
    )
    fitted = LogisticRegression(C=1e4, max_iter=1000).fit(x, labels, sample_weight=_shares(signals))
    null, relevance, passages, missing, titled, borne, near = [*map(float, fitted.coef_[0]), 0.0, 0.0][:7]
    right = float(np.mean([s.f1 >= RIGHT_F1 for s in signals if s.answerable]))
    return Calibration(
        null_weight=null,
        relevance_weight=relevance,
        passages_weight=passages,
        missing_weight=missing,
        titled_weight=titled,
        borne_weight=borne,
        nearness_weight=near,
        judge=judge,
        bias=float(fitted.intercept_[0]),
        threshold=min(MOST_WANTED, WRONG_COSTS / (1 + WRONG_COSTS) / max(right, 1e-9)),
    )


def _of_judge(signals: Signals, judge: str) -> tuple[float, ...]:
    judged = signals.judgement or NO_SENTENCE
    return (judged.borne, judged.nearness) if judge else ()


def _shares(signals: Sequence[Signals]) -> Floats:
    """How much each example counts; together as much as there are examples."""
    groups = Counter((s.passages > 1, s.answerable) for s in signals)
    kinds = len({several for several, _ in groups})
    wanted = {True: ANSWERABLE_SHARE, False: 1 - ANSWERABLE_SHARE}
    counts = [groups[s.passages > 1, s.answerable] for s in signals]
    shares = [wanted[s.answerable] / kinds / n for s, n in zip(signals, counts, strict=True)]
    return np.array(shares) * len(signals) / sum(shares)
