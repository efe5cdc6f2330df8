"""How many answers there were, how probable and how long they took: counted in one pass over an index."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import Session

from store import conversations
from store.postgres import plan_each_time
from store.response_query import OF_RESPONSES, OF_TIME
from store.responses import ResponseFilter
from store.tables import CorpusRow, GroupRow, MemberRow, ResponseRow
from store.visibility import all_shown, looked_up

BINS = 20
"""Of probabilities and scores."""
STEPS = 8
"""Classes of latencies in each doubling: their middles are within 5 % of what is in them."""
LATENCIES_MS = [2 ** (i / STEPS) for i in range(28 * STEPS)]
"""Where the classes begin, up to three days."""
PIECES = 3
"""Into so many stretches of time the responses are cut: PostgreSQL counts in so many processes by default."""
MOST_SERIES = 4
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


@dataclass
class _Sum:
    """Responses of a series in a time."""

    count: int = 0
    abstained: int = 0
    known: int = 0
    """Those that have a probability."""
    probability: float = 0.0
    """The sum."""

    def add(self, other: "_Sum") -> None:
        self.count += other.count
        self.abstained += other.abstained
        self.known += other.known
        self.probability += other.probability


@dataclass
class _Counted:
    """Everything that is counted, as it comes from the stretches of time."""

    sums: dict[tuple[int, Any], _Sum]
    """By time and key of the series."""
    steps: dict[int, dict[int, int]]
    """By time and class of latency."""
    places: dict[bool, dict[int, int]]
    """By whether the answer was withheld, and the bin of its probability."""


def prepared(session: Session, filter: ResponseFilter) -> ResponseFilter:
    """The same filter for the statements of this snapshot, which can be over very many responses."""
    plan_each_time(session)
    # With less, the many groups that are expected by group are sorted on disk; with more, PostgreSQL keeps
    # all responses in memory to look up what is hidden, instead of what is hidden to look up the responses.
    session.execute(text("SET LOCAL work_mem = '8MB'"))
    return replace(filter, reader=looked_up(session, filter.reader))


def figures(session: Session, filter: ResponseFilter, width_s: int, by: By) -> Figures:
    """How many responses there were, how probable and how long, in each time of `width_s` seconds.

    The session has to be a snapshot, or what is counted first can differ from what is looked up after it.
    Series beyond the four that have the most responses are one; of a person in several groups a response
    counts in each.
    """
    counted = _counted(session, filter, width_s, by)
    series = _named(session, counted.sums, by)
    return Figures(
        _activity(series, width_s),
        _latency(counted.steps, width_s),
        {abstained: bins(counts, 0, 1) for abstained, counts in counted.places.items()},
    )


def moment(column: Any, width_s: int) -> ColumnElement[int]:
    """Which time of `width_s` seconds since 1970 a moment is in."""
    # EXTRACT gives an exact number, which is slow.
    epoch: ColumnElement[float] = func.date_part("epoch", column, type_=Double())
    return cast(func.floor(epoch / literal(float(width_s), Double(), literal_execute=True)), BigInteger)


def begin(moment: int, width_s: int) -> datetime:
    """When a time begins."""
    return datetime.fromtimestamp(moment * width_s, UTC)


def bin_of(column: Any, low: Any, high: Any) -> ColumnElement[int]:
    """Which bin between `low` and `high` a value is in; the outermost take what is beyond."""
    share = (column - low) / func.nullif(high - low, 0.0, type_=Double())
    return func.least(BINS - 1, func.greatest(0, cast(func.floor(share * BINS), Integer)))


def bins(counts: Mapping[int, int], low: float, high: float) -> list[Bin]:
    """All bins between `low` and `high`, with what was counted in each."""
    width = (high - low) / BINS
    return [Bin(low + i * width, low + (i + 1) * width, counts.get(i, 0)) for i in range(BINS)]


def _counted(session: Session, filter: ResponseFilter, width_s: int, by: By) -> _Counted:
    """Count each stretch of time in one pass, by all three things that are told."""
    pieces = [_piece(session, filter, part, width_s, by) for part in _stretches(session, filter)]
    places: dict[bool, dict[int, int]] = {False: defaultdict(int), True: defaultdict(int)}
    found = _Counted(defaultdict(_Sum), defaultdict(lambda: defaultdict(int)), places)
    for kind, at, abstained, step, place, series, count, known, total in session.execute(union_all(*pieces)):
        if kind == OF_STEPS:
            found.steps[at][step] += count
        elif kind == OF_PLACES:
            places[abstained][min(max(place - 1, 0), BINS - 1)] += count
        else:
            part = _Sum(count, count if abstained else 0, known, total or 0.0)
            found.sums[at, series].add(part)
    return found


# What GROUPING(step, place) says: which of the two a row is not grouped by.
OF_STEPS, OF_PLACES = 1, 2


def _piece(
    session: Session, filter: ResponseFilter, part: ColumnElement[bool], width_s: int, by: By
) -> Select[*tuple[Any, ...]]:
    """Count the responses of a stretch of time: by time and series, by time and latency, by probability."""
    series, source = _series(by)
    positive = func.nullif(func.greatest(ResponseRow.total_ms, 0.0), 0.0)
    step = func.width_bucket(cast(positive, Double), literal(LATENCIES_MS, ARRAY(Double)))
    probability = ResponseRow.answerable_probability
    place = func.width_bucket(probability, cast(0, Double), cast(1, Double), BINS)
    rows = (
        conversations.newest(session, filter)
        .where(part, all_shown(filter.reader, ResponseRow))
        .order_by(None)
        .with_only_columns(
            moment(ResponseRow.created_at, width_s).label("at"),
            ResponseRow.abstained,
            step.label("step"),
            place.label("place"),
            series.label("series"),
            probability.label("probability"),
        )
        .select_from(source)
        # A subquery of its own, so that PostgreSQL expects few groups, whose counts it keeps in memory.
        .offset(literal_column("'0'"))
        .subquery("rows")
    ).c
    by_series = [rows.at, rows.abstained, *([] if by is By.NOTHING else [rows.series])]
    sets = func.grouping_sets(
        tuple_(*by_series), tuple_(rows.at, rows.step), tuple_(rows.abstained, rows.place)
    )
    known = func.count(rows.probability)
    kind = func.grouping(rows.step, rows.place)
    return (
        select(
            kind.label("kind"), rows.at, rows.abstained, rows.step, rows.place,
            literal_column("NULL").label("series") if by is By.NOTHING else rows.series,
            func.count(), known, func.sum(rows.probability),
        )
        .group_by(sets)
        .having(~and_(kind == OF_STEPS, rows.step.is_(None)), ~and_(kind == OF_PLACES, rows.place.is_(None)))
    )  # fmt: skip


def _stretches(session: Session, filter: ResponseFilter) -> list[ColumnElement[bool]]:
    """The conditions that cut the responses into stretches of time.

    Where what the filter asks for is not in the index that is counted, there is but one: each would look
    for it anew.
    """
    if filter.text is not None or any(term.field not in OF_RESPONSES for term in filter.terms):
        return [true()]
    times = tuple(term for term in filter.terms if term.field in OF_TIME)
    within = conversations.newest(
        session, ResponseFilter(since=filter.since, until=filter.until, terms=times)
    )
    moments = within.order_by(None).with_only_columns(
        func.min(ResponseRow.created_at), func.max(ResponseRow.created_at)
    )
    first, last = session.execute(moments).one()
    if first is None:
        return [true()]
    cuts = [first + (last - first) * i / PIECES for i in range(1, PIECES)]
    made_at = ResponseRow.created_at
    between = [and_(made_at >= low, made_at < high) for low, high in pairwise(cuts)]
    return [made_at < cuts[0], *between, made_at >= cuts[-1]]


def _series(by: By) -> tuple[Any, Any]:
    """The key of the series of a response, and what it is selected from."""
    if by is By.MODEL:
        return ResponseRow.model, ResponseRow
    if by is By.CORPUS:
        return ResponseRow.corpus_id, ResponseRow
    if by is By.GROUP:
        groups = _circles()
        joined = ResponseRow.__table__.outerjoin(groups, groups.c.user_id == ResponseRow.user_id)
        return groups.c.circle, joined
    return literal_column("NULL"), ResponseRow


def _circles() -> Subquery:
    """Persons by a mark that those have in common who are in the same groups."""
    ids = func.array_agg(aggregate_order_by(MemberRow.group_id, MemberRow.group_id))
    circle = cast(func.md5(cast(ids, Text)), Uuid)  # numbers by a window would be counted in one process
    marked = select(MemberRow.user_id, ids.label("ids"), circle.label("circle"))
    return marked.group_by(MemberRow.user_id).subquery("circles")


def _named(session: Session, sums: Mapping[tuple[int, Any], _Sum], by: By) -> Mapping[tuple[int, str], _Sum]:
    """What was counted, by time and the name of the series."""
    names: dict[Any, str] = {}
    ids: dict[UUID, list[UUID]] = {}
    if by is By.CORPUS:
        names = dict(session.execute(select(CorpusRow.id, CorpusRow.name)).all())
    elif by is By.GROUP:
        names = dict(session.execute(select(GroupRow.id, GroupRow.name)).all())
        circles = _circles()
        ids = dict(session.execute(select(circles.c.circle, circles.c.ids).distinct()).all())
    found: dict[tuple[int, str], _Sum] = defaultdict(_Sum)
    for (at, key), sum_ in sums.items():
        if by is By.GROUP:
            series = [names[id] for id in ids.get(key, ())]
        elif by is By.CORPUS:
            series = [names.get(key, DELETED)]
        else:
            series = ["all" if by is By.NOTHING else key]
        for name in series:
            found[at, name].add(sum_)
    return found


def _activity(sums: Mapping[tuple[int, str], _Sum], width_s: int) -> tuple[Activity, ...]:
    """The series that have the most, and all the others as one."""
    totals: dict[str, int] = defaultdict(int)
    for (_, name), sum_ in sums.items():
        totals[name] += sum_.count
    kept = set(sorted(totals, key=lambda name: (-totals[name], name))[:MOST_SERIES])
    folded: dict[tuple[int, str], _Sum] = defaultdict(_Sum)
    for (at, name), sum_ in sums.items():
        folded[at, name if name in kept else OTHERS].add(sum_)
    return tuple(
        Activity(
            begin(at, width_s), name, sum_.count, sum_.abstained,
            sum_.probability / sum_.known if sum_.known else None,
        )
        for (at, name), sum_ in sorted(folded.items(), key=lambda each: each[0])
    )  # fmt: skip


def _latency(steps: Mapping[int, Mapping[int, int]], width_s: int) -> tuple[Latency, ...]:
    return tuple(
        Latency(begin(at, width_s), _quantile(counts, 0.5), _quantile(counts, 0.95))
        for at, counts in sorted(steps.items())
    )


def _quantile(counts: Mapping[int, int], share: float) -> float:
    """The middle of the class in which the value lies that `share` of all are not above."""
    wanted = share * sum(counts.values())
    seen = 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= wanted:
            return round(2 ** ((step - 0.5) / STEPS), 1)
    raise AssertionError("there is no quantile of nothing")
