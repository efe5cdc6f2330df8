"""Which responses want a person's eyes first: those that persons disagree on, and those in doubt."""

from sqlalchemy import ColumnElement, Float, and_, case, cast, func, select

from store.score_definitions import ScoreKind
from store.scores import ScoreSource
from store.tables import FeedbackRow, ResponseRow, ScoreDefinitionRow, ScoreRow

OVERALL = "overall"
"""The score that tells how far an answer is to be trusted; the answerable probability stands in for it."""
UNKNOWN_CONFIDENCE = 0.5


def of_persons() -> ColumnElement[bool]:
    """The condition that a score is a person's, as it stands."""
    return and_(ScoreRow.source == ScoreSource.PERSON, ScoreRow.superseded_at.is_(None))


def priority() -> ColumnElement[float]:
    """Of the response at hand: disagreement (0 to 1) plus doubt (0 to 1)."""
    overall = (
        select(func.avg(ScoreRow.number))
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .where(
            ScoreRow.response_id == ResponseRow.id,
            ScoreDefinitionRow.name == OVERALL,
            ScoreRow.source == ScoreSource.EVALUATOR,
            ScoreRow.superseded_at.is_(None),
        )
        .correlate(ResponseRow)
        .scalar_subquery()
    )
    confidence = func.coalesce(overall, ResponseRow.answerable_probability, UNKNOWN_CONFIDENCE)
    doubt = 1.0 - func.least(1.0, func.greatest(0.0, confidence))
    return cast(func.greatest(_spread(), _thumbs_differ()) + doubt, Float)


def _spread() -> ColumnElement[float]:
    """How far persons are apart in the score in which they are furthest apart, relative to its range."""
    low, high = func.min(ScoreRow.number), func.max(ScoreRow.number)
    reach = func.coalesce(
        ScoreDefinitionRow.maximum - ScoreDefinitionRow.minimum, func.greatest(func.abs(low), func.abs(high))
    )
    apart = func.coalesce(func.least(1.0, (high - low) / func.nullif(reach, 0.0)), 0.0)
    by_score = (
        select(case((func.min(ScoreRow.label) != func.max(ScoreRow.label), 1.0), else_=apart).label("apart"))
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .where(
            ScoreRow.response_id == ResponseRow.id,
            of_persons(),
            ScoreDefinitionRow.kind != ScoreKind.TEXT,
        )
        .group_by(ScoreDefinitionRow.id)
        .correlate(ResponseRow)
        .subquery("spread")
    )
    return func.coalesce(select(func.max(by_score.c.apart)).scalar_subquery(), 0.0)


def _thumbs_differ() -> ColumnElement[float]:
    differ = (
        select(case((func.min(FeedbackRow.thumb) != func.max(FeedbackRow.thumb), 1.0), else_=0.0))
        .where(FeedbackRow.response_id == ResponseRow.id)
        .correlate(ResponseRow)
        .scalar_subquery()
    )
    return func.coalesce(differ, 0.0)
