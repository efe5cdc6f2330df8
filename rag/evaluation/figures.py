"""From predictions to figures, each with the interval that chance allows it.

What each figure means:
    em, f1                 SQuAD's, over answerable questions, best of the expected answers, abstention off
    answerable_auc         does the answerable probability rank questions with an answer above those without?
    best_f1                SQuAD 2.0's F1 over all questions at the best abstention threshold
    brier                  mean squared error of the answerable probability
    calibration_error      its expected calibration error, 15 bins of equal mass
    risk_coverage_area     mean share of wrong answers over all thresholds; lower is better
    citation_precision, citation_recall   ALCE's, by the lexical test of `support.py`, of answerable questions
    gold_citation_precision  share of citations, of answerable questions, in a passage that holds the answer
    gold_citation_recall   share of answers, to answerable questions, with such a citation
    verified_share         share of citations whose quote is the passage's text at their offsets
    supported_share        share of answers' sentences that a reader is told are supported; a yes or no that
                           leads to a reason which is counts with it
    unsupported_words_share  share of content words that were not copied and that no cited span contains
    rouge_l                against full answers, where examples have them
    yes_no_accuracy        where yes or no is expected
    memorised_share        share of answers with three words in a row of training data that the evidence lacks
    abstained_share        share of questions that the shipped threshold would abstain on
    risk                   share of wrong answers among those that it would give
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.evaluation import abstention
from rag.evaluation.metrics import percentile
from rag.evaluation.predict import Prediction

Table = NDArray[np.void]
"""A row per prediction, with the fields of ROW; NaN where something does not apply to it."""
Figure = Callable[[Table], float | None]

ROW = np.dtype(
    [("answerable", np.bool_), ("abstained", np.bool_)]
    + [
        (name, np.float64)
        for name in (
            "probability", "exact", "f1", "rouge_l", "verdict_right", "citation_recall", "citation_precision",
            "citations", "correct", "verified", "sentences", "supported", "words", "unsupported", "memorised",
            "latency_ms",
        )
    ]
)  # fmt: skip

RESAMPLES = 1000
CURVE_POINTS = 100


def table_of(predictions: Sequence[Prediction], threshold: float, memorised: Collection[str] | None) -> Table:
    """Predictions as a table.

    Args:
        predictions: of one set, or of several.
        threshold: the answerable probability under which the system abstains.
        memorised: the n-grams that training data have; None where it is not asked.
    """
    return np.array([_row(p, threshold, memorised) for p in predictions], dtype=ROW)


def _row(p: Prediction, threshold: float, memorised: Collection[str] | None) -> tuple[float | bool, ...]:
    nan, scores = float("nan"), p.citation_scores
    return (
        p.answerable,
        p.answerable_probability < threshold,
        p.answerable_probability,
        p.exact,
        p.f1,
        nan if p.rouge_l is None else p.rouge_l,
        nan if p.verdict_right is None else p.verdict_right,
        scores.recall if scores else nan,
        scores.precision if scores else nan,
        len(p.citations),
        p.correct_citations,
        p.verified_citations,
        p.sentences,
        p.supported_sentences,
        p.content_words,
        len(p.unsupported_words),
        nan if memorised is None else any(g in memorised for g in p.novel_ngrams),
        p.latency_ms,
    )


def summarise(predictions: Sequence[Prediction], table: Table, seed: int) -> dict[str, Any]:
    """All figures of one set: over all its questions, with intervals, curves, and by question type."""
    answerable, probability = table["answerable"], table["probability"]
    wrong = abstention.wrong_answers(answerable, table["f1"])
    types = np.array([p.question_type for p in predictions])
    return {
        **_counts(table),
        **figures_of(table, FIGURES),
        "best_f1_threshold": _best(table).threshold,
        "latency_ms_p50": percentile(table["latency_ms"], 50),
        "latency_ms_p95": percentile(table["latency_ms"], 95),
        "intervals": intervals(table, FIGURES, seed),
        "by_type": {
            name: _by_type(table[types == name], seed)
            for name in sorted(set(types), key=lambda name: (-int((types == name).sum()), name))
        },
        "risk_coverage": _curve(abstention.risk_coverage(wrong, probability)),
        "calibration": [asdict(b) for b in abstention.calibration_bins(answerable, probability)],
    }


def _by_type(table: Table, seed: int) -> dict[str, Any]:
    return {
        **_counts(table),
        **figures_of(table, FIGURES),
        "intervals": intervals(table, {name: FIGURES[name] for name in ("em", "f1")}, seed),
    }


def _counts(table: Table) -> dict[str, int]:
    return {"n": len(table), "answerable": int(table["answerable"].sum())}


def figures_of(table: Table, figures: Mapping[str, Figure]) -> dict[str, float | None]:
    """The value of each figure; None where nothing in the table is of its kind."""
    return {name: figure(table) for name, figure in figures.items()}


def intervals(
    table: Table, figures: Mapping[str, Figure], seed: int, resamples: int = RESAMPLES
) -> dict[str, list[float] | None]:
    """95 % intervals by the percentile bootstrap over questions (Efron 1979); the seed decides the resamples.

    None for a figure that has no value, or none in some resample.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float | None]] = {name: [] for name in figures}
    for _ in range(resamples):
        sample = table[rng.integers(len(table), size=len(table))]
        for name, value in figures_of(sample, figures).items():
            drawn[name].append(value)
    return {name: _middle(values) for name, values in drawn.items()}


def _middle(values: Sequence[float | None]) -> list[float] | None:
    known = [v for v in values if v is not None]
    if len(known) < len(values) or not known:
        return None
    return [percentile(known, 2.5), percentile(known, 97.5)]


def _curve(curve: abstention.RiskCoverage) -> dict[str, list[float]]:
    """A curve thinned to about CURVE_POINTS points, its ends kept."""
    at = np.unique(np.linspace(0, len(curve.coverage) - 1, CURVE_POINTS).round().astype(np.intp))
    return {name: getattr(curve, name)[at].tolist() for name in ("coverage", "risk", "thresholds")}


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _of_answerable(column: str, scale: float = 1.0) -> Figure:
    def figure(table: Table) -> float | None:
        mean = _mean(table[column][table["answerable"]])
        return None if mean is None else scale * mean

    return figure


def _of_all(column: str) -> Figure:
    return lambda table: _mean(table[column].astype(np.float64))


def _share(part: str, whole: str, *, answerable: bool = False) -> Figure:
    def figure(table: Table) -> float | None:
        rows = table[table["answerable"]] if answerable else table
        total = rows[whole].sum()
        return float(rows[part].sum() / total) if total else None

    return figure


def _best(table: Table) -> abstention.BestF1:
    return abstention.best_f1(table["answerable"], table["f1"], table["probability"])


def _risk(table: Table) -> float | None:
    given = table[~table["abstained"]]
    return _mean(abstention.wrong_answers(given["answerable"], given["f1"]).astype(np.float64))


def _area(table: Table) -> float | None:
    wrong = abstention.wrong_answers(table["answerable"], table["f1"])
    return abstention.risk_coverage(wrong, table["probability"]).area()


def _with_gold_citation(table: Table) -> float | None:
    return _mean((table["correct"] > 0)[table["answerable"]].astype(np.float64))


FIGURES: Mapping[str, Figure] = {
    "em": _of_answerable("exact", 100),
    "f1": _of_answerable("f1", 100),
    "answerable_auc": lambda t: abstention.area_under_curve(t["answerable"], t["probability"]),
    "best_f1": lambda t: _best(t).f1,
    "brier": lambda t: abstention.brier_score(t["answerable"], t["probability"]),
    "calibration_error": lambda t: abstention.calibration_error(t["answerable"], t["probability"]),
    "risk_coverage_area": _area,
    "citation_precision": _of_answerable("citation_precision"),
    "citation_recall": _of_answerable("citation_recall"),
    "gold_citation_precision": _share("correct", "citations", answerable=True),
    "gold_citation_recall": _with_gold_citation,
    "verified_share": _share("verified", "citations"),
    "supported_share": _share("supported", "sentences"),
    "unsupported_words_share": _share("unsupported", "words"),
    "rouge_l": _of_answerable("rouge_l"),
    "yes_no_accuracy": _of_answerable("verdict_right"),
    "memorised_share": _of_all("memorised"),
    "abstained_share": _of_all("abstained"),
    "risk": _risk,
}
