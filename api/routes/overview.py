"""How the answers have been, in figures."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.routes.responses import Wanted
from api.schemas.overview import (
    ActivityView,
    BinView,
    ClusterOfQuestionsView,
    LatencyView,
    OverviewView,
    RiskPointView,
    ScoreFiguresView,
)
from store import activity, conversations, overview
from store.activity import By
from store.question_clusters import QuestionCluster, cluster, worst
from store.response_query import QueryError

router = APIRouter(prefix="/v1/overview", tags=["responses"], responses=OF_EVERY_ROUTE)

CLUSTERED = 2_000
"""Questions that are clustered, the newest."""
MOST_CLUSTERS = 10


@router.get("", summary="Show the overview", responses=problems(QueryError))
def show_overview(
    parts: Parts,
    wanted: Wanted,
    by: Annotated[By, Query(description="what the responses of a time are told apart by")] = By.NOTHING,
    width_s: Annotated[
        int, Query(ge=60, le=366 * 86_400, description="seconds that a point stands for")
    ] = 86_400,
) -> OverviewView:
    """Figures of the responses that the filters of the list let through, over time and spread: how many, how
    probable, how many withheld, how long they took, their scores, what was asked most and answered worst, and
    how risk falls with coverage by the verdicts of persons.

    Verdicts are those of the newest 20,000 responses, scores those of about 5,000, the newest of each time,
    clusters those of the newest 2,000.
    """
    with parts.database.snapshot() as session:
        prepared = activity.prepared(session, wanted)
        figures = activity.figures(session, prepared, width_s, by)
        times = [cell.at for cell in figures.activity]
        hidden = overview.concealed(session, prepared, width_s, times)
        risk = overview.risk_coverage(session, prepared, hidden)
        scores = overview.scores(session, prepared, width_s, times, hidden)
        newest = overview.newest(session, prepared, CLUSTERED, hidden)
        summaries = conversations.summaries_of(session, newest)
    clusters = cluster(summaries)
    return OverviewView(
        made_at=datetime.now(UTC),
        width_s=width_s,
        activity=[ActivityView.model_validate(each) for each in figures.activity],
        latency=[LatencyView.model_validate(each) for each in figures.latency],
        answered=[BinView.model_validate(each) for each in figures.probabilities[False]],
        withheld=[BinView.model_validate(each) for each in figures.probabilities[True]],
        risk_coverage=[RiskPointView.model_validate(each) for each in risk],
        scores=[ScoreFiguresView.model_validate(each) for each in scores],
        most_asked=_views(clusters),
        worst_answered=_views(worst(clusters)),
    )


def _views(clusters: list[QuestionCluster]) -> list[ClusterOfQuestionsView]:
    return [ClusterOfQuestionsView.model_validate(each) for each in clusters[:MOST_CLUSTERS]]
