"""How the reviewers of a queue agree, score by score."""

from collections.abc import Hashable, Sequence

from api.schemas.queues import PairAgreementView, ScoreAgreementView
from rag.evaluation.agreement import interval, krippendorff_alpha, nominal, pairwise_agreement
from store.queue_items import Rating
from store.score_definitions import ScoreKind


def agreement_of(definitions: Sequence[str], ratings: Sequence[Rating]) -> list[ScoreAgreementView]:
    """The agreement in each of the scores that somebody gave, in their order."""
    given = {name: [r for r in ratings if r.definition == name] for name in definitions}
    return [_agreement(name, found) for name, found in given.items() if found]


def _agreement(definition: str, ratings: Sequence[Rating]) -> ScoreAgreementView:
    verdicts: dict[str, dict[Hashable, float | str]] = {}
    units: dict[Hashable, list[float | str]] = {}
    for rating in ratings:
        verdicts.setdefault(rating.user, {})[rating.response_id] = rating.value
        units.setdefault(rating.response_id, []).append(rating.value)
    if ratings[0].kind is ScoreKind.NUMERIC:
        numbers = [[float(value) for value in unit] for unit in units.values()]
        alpha = krippendorff_alpha(numbers, interval)
    else:
        alpha = krippendorff_alpha(list(units.values()), nominal)
    return ScoreAgreementView(
        definition=definition,
        scored_twice=sum(len(unit) > 1 for unit in units.values()),
        alpha=alpha,
        pairs=[PairAgreementView.model_validate(pair) for pair in pairwise_agreement(verdicts)],
    )
