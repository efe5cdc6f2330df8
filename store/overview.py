"""How good the answers have been: risk and scores of many responses."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    all_,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from store import conversations
from store.activity import Bin, begin, bin_of, bins, moment
from store.responses import ResponseFilter
from store.tables import FeedbackRow, ResponseRow, ScoreDefinitionRow, ScoreRow
from store.visibility import withheld

NEWEST = 20_000
"""Of so many responses, the newest, come the verdicts."""
SCORED = 5_000
"""Of so many responses, spread evenly over the time, come the scores."""
MOST_POINTS = 100


@dataclass(frozen=True)
class ScoreFigures:
    """A score over time, and how its values spread; `version` None is not told apart."""

    name: str
    at: tuple[datetime, ...]
    means: tuple[float, ...]
    counts: tuple[int, ...]
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class RiskPoint:
    """Were only answers of at least this probability given: what share that is, and what share is wrong."""

    probability: float
    coverage: float
    risk: float


def concealed(
    session: Session, filter: ResponseFilter, width_s: int, times: Sequence[datetime]
) -> list[UUID]:
    """Those of the responses looked at below of which something is hidden from the reader: gathered once.

    Args:
        session: a snapshot.
        filter: what is looked at.
        width_s: the seconds of each time.
        times: the beginnings of those in which there are any responses.
    """
    newest = conversations.newest(session, filter).limit(NEWEST).subquery("newest")
    each = _newest_of_each(session, filter, width_s, times).subquery("each")
    looked_at = union_all(select(newest.c.id, newest.c.user_id), select(each.c.id, each.c.user_id))
    return withheld(session, looked_at.subquery("looked_at"), filter.reader)


def newest(session: Session, filter: ResponseFilter, limit: int, hidden: Sequence[UUID]) -> list[UUID]:
    """The newest responses that a reader may see; `hidden` is what `concealed` said."""
    statement = conversations.newest(session, filter).limit(min(NEWEST, limit + len(hidden)))
    found = session.execute(statement).all()
    if len(found) == NEWEST:  # of those beyond it is not known what is hidden
        page = conversations.list_responses(session, filter, after=None, limit=limit)
        return [response.id for response in page.responses]
    kept = set(hidden)
    return [row.id for row in found if row.id not in kept][:limit]


def risk_coverage(session: Session, filter: ResponseFilter, hidden: Sequence[UUID]) -> list[RiskPoint]:
    """What share of answers would be wrong at each threshold, by the verdicts of persons.

    An answer is wrong that somebody gave a thumb down, corrected, or scored with a no; `hidden` is what
    `concealed` said.
    """
    newest = conversations.newest(session, filter).limit(NEWEST).subquery("newest")
    thumbs = select(
        FeedbackRow.response_id,
        or_(func.coalesce(FeedbackRow.thumb == "down", false()), FeedbackRow.correction.is_not(None)).label(
            "wrong"
        ),
    ).where(or_(FeedbackRow.thumb.is_not(None), FeedbackRow.correction.is_not(None)))
    scored = (
        select(ScoreRow.response_id, (ScoreRow.number == 0).label("wrong"))
        .join(ScoreDefinitionRow)
        .where(_current_of_persons(), ScoreDefinitionRow.kind == "boolean")
    )
    verdicts = union_all(thumbs, scored).subquery()
    statement = (
        select(newest.c.probability, func.bool_or(verdicts.c.wrong))
        .join(verdicts, verdicts.c.response_id == newest.c.id)
        .where(newest.c.probability.is_not(None), _not_among(newest.c.id, hidden))
        .group_by(newest.c.id, newest.c.probability)
        .order_by(newest.c.probability.desc())
    )
    return curve([(probability, wrong) for probability, wrong in session.execute(statement)])


def curve(judged: Sequence[tuple[float, bool]]) -> list[RiskPoint]:
    """The risk at each coverage, of (probability, wrong) with the most probable first; at most 100 points."""
    points, wrong_so_far = [], 0
    for i, (probability, wrong) in enumerate(judged, start=1):
        wrong_so_far += wrong
        if i == len(judged) or judged[i][0] != probability:  # a threshold cannot part equal ones
            points.append(RiskPoint(probability, i / len(judged), wrong_so_far / i))
    stride = math.ceil(len(points) / MOST_POINTS) or 1
    return (
        points[::stride] if not points or points[-1] in points[::stride] else [*points[::stride], points[-1]]
    )


def scores(
    session: Session,
    filter: ResponseFilter,
    width_s: int,
    times: Sequence[datetime],
    hidden: Sequence[UUID],
) -> list[ScoreFigures]:
    """The numeric scores over time and spread, of the newest responses of each of the times.

    `times` are the beginnings of those in which there are any; `hidden` is what `concealed` said.
    """
    each = _newest_of_each(session, filter, width_s, times).subquery("newest")
    of_time = moment(each.c.created_at, width_s)
    low = func.coalesce(ScoreDefinitionRow.minimum, 0.0)
    high = func.coalesce(ScoreDefinitionRow.maximum, 1.0)
    place = bin_of(ScoreRow.number, low, high)
    statement = (
        select(ScoreDefinitionRow.name, low, high, of_time, place, func.count(), func.sum(ScoreRow.number))
        .select_from(each)
        .join(ScoreRow, ScoreRow.response_id == each.c.id)
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .where(_not_among(each.c.id, hidden))
        .where(ScoreRow.superseded_at.is_(None), ScoreRow.number.is_not(None))
        .where(ScoreDefinitionRow.kind == "numeric")
        .group_by(ScoreDefinitionRow.name, low, high, of_time, place)
    )
    rows: dict[tuple[str, float, float], list[Any]] = defaultdict(list)
    for name, lowest, highest, *figures in session.execute(statement):
        rows[name, lowest, highest].append(figures)
    return [_score_figures(*key, each, width_s) for key, each in sorted(rows.items())]


def _score_figures(name: str, low: float, high: float, rows: Iterable[Any], width_s: int) -> ScoreFigures:
    spread: dict[int, int] = defaultdict(int)
    over_time: dict[int, list[float]] = defaultdict(lambda: [0, 0.0])
    for at, place, count, total in rows:
        spread[place] += count
        over_time[at][0] += count
        over_time[at][1] += total
    times = sorted(over_time)
    return ScoreFigures(
        name=name,
        at=tuple(begin(at, width_s) for at in times),
        means=tuple(over_time[at][1] / over_time[at][0] for at in times),
        counts=tuple(int(over_time[at][0]) for at in times),
        bins=tuple(bins(spread, low, high)),
    )


def _newest_of_each(
    session: Session, filter: ResponseFilter, width_s: int, times: Sequence[datetime]
) -> Select[*tuple[Any, ...]]:
    """The newest responses of each time, as many of each as make `SCORED` of all of them."""
    kept = sorted(set(times), reverse=True)[:SCORED]
    starts = func.unnest(literal(kept, ARRAY(DateTime(timezone=True)))).table_valued("start")
    each = starts.render_derived(name="times")
    start = cast(each.c.start, DateTime(timezone=True))
    of_one = (
        conversations.newest(session, filter)
        .where(ResponseRow.created_at >= start, ResponseRow.created_at < start + timedelta(seconds=width_s))
        .limit(math.ceil(SCORED / max(1, len(kept))))
        .lateral("of_one")
    )
    columns = (of_one.c.id, of_one.c.user_id, of_one.c.created_at)
    return select(*columns).select_from(each.join(of_one, true()))


def _not_among(id: ColumnElement[UUID], hidden: Sequence[UUID]) -> ColumnElement[bool]:
    return id != all_(literal(list(hidden), ARRAY(Uuid))) if hidden else true()


def _current_of_persons() -> ColumnElement[bool]:
    return and_(ScoreRow.source == "person", ScoreRow.superseded_at.is_(None))
