"""The figures of the overview."""

from datetime import datetime
from uuid import UUID

from api.schemas.fields import View


class ActivityView(View):
    """Responses of a series in the time that begins at `at`; `probability` is their mean one."""

    at: datetime
    series: str
    responses: int
    abstained: int
    probability: float | None


class LatencyView(View):
    """How long the answers of a time took, to about 5 %."""

    at: datetime
    p50_ms: float
    p95_ms: float


class BinView(View):
    """How many values lie between `low` and `high`."""

    low: float
    high: float
    count: int


class RiskPointView(View):
    """Were only answers of at least this probability given: what share that is, and what share is wrong."""

    probability: float
    coverage: float
    risk: float


class ScoreFiguresView(View):
    """A numeric score over time, and how its values spread."""

    name: str
    at: list[datetime]
    means: list[float]
    counts: list[int]
    bins: list[BinView]


class ClusterOfQuestionsView(View):
    """A question, how often it was asked, and the newest response to it."""

    question: str
    newest: UUID
    responses: int
    abstained: int
    probability: float | None


class OverviewView(View):
    """Figures of many responses; each point of time stands for the `width_s` seconds after it."""

    made_at: datetime
    width_s: int
    activity: list[ActivityView]
    latency: list[LatencyView]
    answered: list[BinView]
    """Of probabilities, where an answer was given."""
    withheld: list[BinView]
    risk_coverage: list[RiskPointView]
    scores: list[ScoreFiguresView]
    most_asked: list[ClusterOfQuestionsView]
    worst_answered: list[ClusterOfQuestionsView]
