"""Questions that ask the same in other words' order: clusters of those with the same stems."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from store.index.analysis import Analysis
from store.responses import ResponseSummary


@dataclass(frozen=True)
class QuestionCluster:
    """Responses to the same question; `question` and `newest` are the newest one's."""

    question: str
    newest: UUID
    responses: int
    abstained: int
    probability: float | None
    """The mean of their probabilities."""


def cluster(summaries: Sequence[ResponseSummary]) -> list[QuestionCluster]:
    """The clusters of responses that come newest first, the most asked first.

    Two questions are in one cluster if they have the same words, whatever their order and endings, common
    ones left out.
    """
    analysis = Analysis()
    found: dict[frozenset[str], list[ResponseSummary]] = defaultdict(list)
    for summary in summaries:
        found[frozenset(analysis.query_terms(summary.question))].append(summary)
    clusters = [_of(members) for members in found.values()]
    return sorted(clusters, key=lambda each: -each.responses)


def worst(clusters: Sequence[QuestionCluster]) -> list[QuestionCluster]:
    """Clusters in the order of what most persons missed: abstentions, then what was least probable."""

    def missed(each: QuestionCluster) -> float:
        doubt = 0.0 if each.probability is None else 1 - each.probability
        return each.abstained + doubt * (each.responses - each.abstained)

    return sorted(clusters, key=missed, reverse=True)


def _of(members: Sequence[ResponseSummary]) -> QuestionCluster:
    known = [each.answerable_probability for each in members if each.answerable_probability is not None]
    return QuestionCluster(
        question=members[0].question,
        newest=members[0].id,
        responses=len(members),
        abstained=sum(each.abstained for each in members),
        probability=sum(known) / len(known) if known else None,
    )
