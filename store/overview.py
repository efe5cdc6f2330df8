"""How the answers have been: figures of many responses, from few statements that read one index each."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    Integer,
    Subquery,
    and_,
    case,
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
from store.responses import ResponseFilter
from store.tables import (
    CorpusRow,
    FeedbackRow,
    GroupRow,
    MemberRow,
    ResponseRow,
    ScoreDefinitionRow,
    ScoreRow,
)
from store.visibility import response_shown

BINS = 20
"""Of probabilities and scores."""
STEPS = 8
"""Classes of latencies in each doubling: their middles are within 5 % of what is in them."""
NEWEST = 20_000
"""Of so many responses, the newest, come the verdicts."""
SCORED = 5_000
"""Of so many responses, spread evenly over the time, come the scores."""
MOST_SERIES = 4
MOST_POINTS = 100
OTHERS = "others"
DELETED = "(deleted)"


class By(StrEnum):
    """What the responses of a time are told apart by."""

    NOTHING = "nothing"
    MODEL = "model"
    CORPUS = "corpus"
    GROUP = "group"


@dataclass(frozen=True)
class Activity:
    """Responses of a series in the time that begins at `at`; `probability` is their mean one."""

    at: datetime
    series: str
    responses: int
    abstained: int
    probability: float | None


@dataclass(frozen=True)
class Latency:
    """How long the answers of a time took."""

    at: datetime
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Bin:
    """How many values lie between `low` and `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Figures:
    """What can be told of all responses."""

    activity: tuple[Activity, ...]
    latency: tuple[Latency, ...]
    probabilities: Mapping[bool, list[Bin]]
    """How the probabilities of answers spread, of those withheld (True) and those given."""


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


def figures(session: Session, filter: ResponseFilter, width_s: int, by: By) -> Figures:
    """How many responses there were, how probable and how long, in each time of `width_s` seconds.

    All of it comes from one pass over the responses: what is counted first is as fine as any of it needs.
    """
    cells = _cells(session, filter, width_s, By.NOTHING if by is By.GROUP else by)
    of_series = _cells(session, filter, width_s, by) if by is By.GROUP else cells
    return Figures(_activity(of_series, width_s), _latency(cells, width_s), _probabilities(cells))


@dataclass(frozen=True)
class _Cell:
    """Responses that are alike in all that is counted; None: they have no such figure."""

    at: int
    series: str
    abstained: bool
    step: int | None
    """The class of their latency."""
    place: int | None
    """The bin of their probability."""
    count: int
    probability: float | None
    """The sum."""


def _cells(session: Session, filter: ResponseFilter, width_s: int, by: By) -> list[_Cell]:
    found = _figures(session, filter)
    series, joined = _series(found, by)
    at = _moment(found.c.created_at, width_s)
    positive = func.nullif(func.greatest(found.c.total_ms, 0.0), 0.0)
    step = cast(func.floor(func.ln(positive) * (STEPS / math.log(2))), Integer)
    place = case((found.c.probability.is_not(None), _bin(found.c.probability, 0.0, 1.0)))
    keys: list[Any] = [at, series, found.c.abstained, step, place]
    statement = select(*keys, func.count(), func.sum(found.c.probability)).select_from(joined)
    grouped = [key for key in keys if by is not By.NOTHING or key is not series]  # not by a constant
    rows: Sequence[Any] = session.execute(statement.group_by(*grouped)).all()
    return [_Cell(*row) for row in rows]


def _activity(cells: Sequence[_Cell], width_s: int) -> tuple[Activity, ...]:
    """The cells of the series that have the most, and all the others' as one."""
    totals: dict[str, int] = defaultdict(int)
    for cell in cells:
        totals[cell.series] += cell.count
    kept = set(sorted(totals, key=lambda name: (-totals[name], name))[:MOST_SERIES])
    sums: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0, 0.0, 0])
    for cell in cells:
        sum_ = sums[cell.at, cell.series if cell.series in kept else OTHERS]
        sum_[0] += cell.count
        sum_[1] += cell.count if cell.abstained else 0
        sum_[2] += cell.probability or 0.0
        sum_[3] += cell.count if cell.place is not None else 0
    return tuple(
        Activity(_time(at, width_s), name, int(count), int(abstained), total / known if known else None)
        for (at, name), (count, abstained, total, known) in sorted(sums.items())
    )


def _latency(cells: Sequence[_Cell], width_s: int) -> tuple[Latency, ...]:
    classes: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for cell in cells:
        if cell.step is not None:
            classes[cell.at][cell.step] += cell.count
    return tuple(
        Latency(_time(moment, width_s), _quantile(counts, 0.5), _quantile(counts, 0.95))
        for moment, counts in sorted(classes.items())
    )


def _probabilities(cells: Sequence[_Cell]) -> dict[bool, list[Bin]]:
    counts: dict[bool, dict[int, int]] = {True: defaultdict(int), False: defaultdict(int)}
    for cell in cells:
        if cell.place is not None:
            counts[cell.abstained][cell.place] += cell.count
    return {abstained: _bins(each, 0, 1) for abstained, each in counts.items()}


def risk_coverage(session: Session, filter: ResponseFilter) -> list[RiskPoint]:
    """What share of answers would be wrong at each threshold, by the verdicts of persons.

    An answer is wrong that somebody gave a thumb down, corrected, or scored with a no.
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
    judged = (
        select(
            newest.c.id, newest.c.user_id, newest.c.probability, func.bool_or(verdicts.c.wrong).label("wrong")
        )
        .join(verdicts, verdicts.c.response_id == newest.c.id)
        .where(newest.c.probability.is_not(None))
        .group_by(newest.c.id, newest.c.user_id, newest.c.probability)
        .subquery("judged")
    )
    statement = (
        select(judged.c.probability, judged.c.wrong)
        .where(_shown(filter, judged))
        .order_by(judged.c.probability.desc())
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
    session: Session, filter: ResponseFilter, width_s: int, times: Sequence[datetime]
) -> list[ScoreFigures]:
    """The numeric scores over time and spread, of the newest responses of each of the times.

    `times` are the beginnings of those in which there are any.
    """
    newest = _newest_of_each(session, filter, width_s, times)
    at = _moment(newest.c.created_at, width_s)
    low = func.coalesce(ScoreDefinitionRow.minimum, 0.0)
    high = func.coalesce(ScoreDefinitionRow.maximum, 1.0)
    place = _bin(ScoreRow.number, low, high)
    statement = (
        select(ScoreDefinitionRow.name, low, high, at, place, func.count(), func.sum(ScoreRow.number))
        .select_from(newest)
        .join(ScoreRow, ScoreRow.response_id == newest.c.id)
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .where(ScoreRow.superseded_at.is_(None), ScoreRow.number.is_not(None))
        .where(ScoreDefinitionRow.kind == "numeric")
        .group_by(ScoreDefinitionRow.name, low, high, at, place)
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
    moments = sorted(over_time)
    return ScoreFigures(
        name=name,
        at=tuple(_time(moment, width_s) for moment in moments),
        means=tuple(over_time[moment][1] / over_time[moment][0] for moment in moments),
        counts=tuple(int(over_time[moment][0]) for moment in moments),
        bins=tuple(_bins(spread, low, high)),
    )


def _figures(session: Session, filter: ResponseFilter) -> Subquery:
    """What the aggregates need of the responses that a filter lets through: all of it is in one index."""
    columns = (
        ResponseRow.id,
        ResponseRow.created_at,
        ResponseRow.user_id,
        ResponseRow.corpus_id,
        ResponseRow.model,
        ResponseRow.abstained,
        ResponseRow.answerable_probability.label("probability"),
        ResponseRow.total_ms,
    )
    matching = conversations.matching(session, filter).order_by(None)
    return matching.with_only_columns(*columns, maintain_column_froms=True).subquery("figures")


def _shown(filter: ResponseFilter, found: FromClause) -> ColumnElement[bool]:
    """The condition that the reader may see a response; it is worked out for one after the other."""
    shown = response_shown(filter.reader, found.c)
    return true() if shown is None else shown


def _newest_of_each(
    session: Session, filter: ResponseFilter, width_s: int, times: Sequence[datetime]
) -> Subquery:
    """The newest responses of each time, as many of each as make `SCORED` of all of them."""
    kept = sorted(set(times), reverse=True)[:SCORED]
    begins = func.unnest(literal(kept, ARRAY(DateTime(timezone=True)))).table_valued("begin")
    each = begins.render_derived(name="times")
    begin = cast(each.c.begin, DateTime(timezone=True))
    of_one = (
        conversations.newest(session, filter)
        .where(ResponseRow.created_at >= begin, ResponseRow.created_at < begin + timedelta(seconds=width_s))
        .limit(math.ceil(SCORED / max(1, len(kept))))
        .lateral("of_one")
    )
    found = select(of_one.c.id, of_one.c.created_at).select_from(each.join(of_one, true()))
    return found.where(_shown(filter, of_one)).subquery("newest")


def _series(figures: Subquery, by: By) -> tuple[ColumnElement[str], Any]:
    """The name of the series of a response, and what it is selected from."""
    if by is By.MODEL:
        return figures.c.model, figures
    if by is By.CORPUS:
        joined = figures.outerjoin(CorpusRow, CorpusRow.id == figures.c.corpus_id)
        return func.coalesce(CorpusRow.name, DELETED), joined
    if by is By.GROUP:  # somebody in two groups counts in both
        members = figures.join(MemberRow, MemberRow.user_id == figures.c.user_id)
        return cast(GroupRow.name, GroupRow.name.type), members.join(
            GroupRow, GroupRow.id == MemberRow.group_id
        )
    return literal("all", literal_execute=True), figures


def _current_of_persons() -> ColumnElement[bool]:
    return and_(ScoreRow.source == "person", ScoreRow.superseded_at.is_(None))


def _moment(column: Any, width_s: int) -> ColumnElement[int]:
    # EXTRACT gives an exact number, which is slow.
    epoch: ColumnElement[float] = func.date_part("epoch", column, type_=Double())
    return cast(func.floor(epoch / literal(float(width_s), Double(), literal_execute=True)), BigInteger)


def _time(moment: int, width_s: int) -> datetime:
    return datetime.fromtimestamp(moment * width_s, UTC)


def _bin(column: Any, low: Any, high: Any) -> ColumnElement[int]:
    share = (column - low) / func.nullif(high - low, 0.0, type_=Double())
    return func.least(BINS - 1, func.greatest(0, cast(func.floor(share * BINS), Integer)))


def _bins(counts: Mapping[int, int], low: float, high: float) -> list[Bin]:
    width = (high - low) / BINS
    return [Bin(low + i * width, low + (i + 1) * width, counts.get(i, 0)) for i in range(BINS)]


def _quantile(counts: Mapping[int, int], share: float) -> float:
    """The middle of the class in which the value lies that `share` of all are not above."""
    wanted = share * sum(counts.values())
    seen = 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= wanted:
            return round(2 ** ((step + 0.5) / STEPS), 1)
    raise AssertionError("there is no quantile of nothing")
