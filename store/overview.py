"""How the answers have been: figures of many responses, each from one statement that reads one index."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Subquery,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
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

BINS = 20
"""Of probabilities and scores."""
STEPS = 8
"""Classes of latencies in each doubling: their middles are within 5 % of what is in them."""
NEWEST = 20_000
"""Of so many responses, the newest, come the scores and verdicts."""
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


def activity(session: Session, filter: ResponseFilter, width_s: int, by: By) -> list[Activity]:
    """How many responses there were in each time of `width_s` seconds, in the series that have the most."""
    figures = _figures(session, filter)
    series, joined = _series(figures, by)
    at = _moment(figures.c.created_at, width_s)
    statement = (
        select(
            at,
            series,
            func.count(),
            func.count().filter(figures.c.abstained),
            func.sum(figures.c.probability),
            func.count(figures.c.probability),
        )
        .select_from(joined)
        .group_by(at, *([] if by is By.NOTHING else [series]))  # a constant cannot be grouped by
    )
    rows = [tuple(row) for row in session.execute(statement)]
    totals: dict[str, int] = defaultdict(int)
    for _, name, count, *_ in rows:
        totals[name] += count
    kept = set(sorted(totals, key=lambda name: (-totals[name], name))[:MOST_SERIES])
    return _folded(rows, kept, width_s)


def _folded(rows: Sequence[Any], kept: set[str], width_s: int) -> list[Activity]:
    """The cells of the series that are kept, and all the others' as one."""
    cells: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0, 0.0, 0])
    for at, name, *figures in rows:
        cell = cells[at, name if name in kept else OTHERS]
        for i, figure in enumerate(figures):
            cell[i] += figure or 0
    return [
        Activity(_time(at, width_s), name, int(count), int(abstained), total / known if known else None)
        for (at, name), (count, abstained, total, known) in sorted(cells.items())
    ]


def latency(session: Session, filter: ResponseFilter, width_s: int) -> list[Latency]:
    """How long answers took in each time, from classes of latencies."""
    figures = _figures(session, filter)
    at = _moment(figures.c.created_at, width_s)
    step = cast(func.floor(func.ln(figures.c.total_ms) * (STEPS / math.log(2))), Integer)
    statement = select(at, step, func.count()).where(figures.c.total_ms > 0).group_by(at, step)
    classes: dict[int, dict[int, int]] = defaultdict(dict)
    for moment, found, count in session.execute(statement):
        classes[moment][found] = count
    return [
        Latency(_time(moment, width_s), _quantile(counts, 0.5), _quantile(counts, 0.95))
        for moment, counts in sorted(classes.items())
    ]


def probabilities(session: Session, filter: ResponseFilter) -> dict[bool, list[Bin]]:
    """How the probabilities of answers spread, of those withheld (True) and those given."""
    figures = _figures(session, filter)
    found = _bin(figures.c.probability, 0, 1)
    statement = (
        select(figures.c.abstained, found, func.count())
        .where(figures.c.probability.is_not(None))
        .group_by(figures.c.abstained, found)
    )
    counts: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for abstained, place, count in session.execute(statement):
        counts[abstained][place] = count
    return {abstained: _bins(each, 0, 1) for abstained, each in counts.items()}


def risk_coverage(session: Session, filter: ResponseFilter) -> list[RiskPoint]:
    """What share of answers would be wrong at each threshold, by the verdicts of persons.

    An answer is wrong that somebody gave a thumb down, corrected, or scored with a no.
    """
    newest = _newest(session, filter)
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
        .where(newest.c.probability.is_not(None))
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


def scores(session: Session, filter: ResponseFilter, width_s: int) -> list[ScoreFigures]:
    """The numeric scores of the newest responses, over time and spread."""
    newest = _newest(session, filter)
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


def _newest(session: Session, filter: ResponseFilter) -> Subquery:
    columns = (
        ResponseRow.id,
        ResponseRow.created_at,
        ResponseRow.answerable_probability.label("probability"),
    )
    matching = conversations.matching(session, filter)
    return matching.with_only_columns(*columns, maintain_column_froms=True).limit(NEWEST).subquery("newest")


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
    epoch = func.extract("epoch", column)
    return cast(func.floor(epoch / literal(width_s, literal_execute=True)), BigInteger)


def _time(moment: int, width_s: int) -> datetime:
    return datetime.fromtimestamp(moment * width_s, UTC)


def _bin(column: Any, low: Any, high: Any) -> ColumnElement[int]:
    share = (column - low) / func.nullif(high - low, 0)
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
