"""How the answers have been, in figures."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

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
from store.activity import By, Figures
from store.overview import RiskPoint, ScoreFigures
from store.postgres import plan_each_time
from store.question_clusters import QuestionCluster, cluster, worst
from store.response_query import QueryError
from store.responses import ResponseFilter

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
    database = parts.database
    with database.snapshot() as session:
        prepared = activity.prepared(session, wanted)
        if database.is_busy:
            risk, clusters = _of_the_newest(session, prepared)
            figures, scores = _of_all(session, prepared, width_s, by)
        else:
            with database.same_snapshot(session) as other, ThreadPoolExecutor(1) as beside:
                newest = beside.submit(_of_the_newest, other, prepared)
                figures, scores = _of_all(session, prepared, width_s, by)
                risk, clusters = newest.result()
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


def _of_all(
    session: Session, prepared: ResponseFilter, width_s: int, by: By
) -> tuple[Figures, list[ScoreFigures]]:
    """What is told of all the time that is asked for."""
    figures = activity.figures(session, prepared, width_s, by)
    times = [cell.at for cell in figures.activity]
    return figures, overview.scores(session, prepared, width_s, times)


def _of_the_newest(
    session: Session, prepared: ResponseFilter
) -> tuple[list[RiskPoint], list[QuestionCluster]]:
    """What is told of the newest responses; another thread may count all of them meanwhile."""
    plan_each_time(session)
    risk = overview.risk_coverage(session, prepared)
    newest = conversations.list_responses(session, prepared, after=None, limit=CLUSTERED).responses
    return risk, cluster(newest)


def _views(clusters: list[QuestionCluster]) -> list[ClusterOfQuestionsView]:
    return [ClusterOfQuestionsView.model_validate(each) for each in clusters[:MOST_CLUSTERS]]
