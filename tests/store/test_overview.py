from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from store import activity, conversations, feedback, overview, score_definitions, scores
from store.activity import By
from store.overview import curve
from store.question_clusters import cluster, worst
from store.responses import ResponseFilter
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.tables import ResponseRow
from tests.store.test_response_query import record

ALL = ResponseFilter()
DAY = 86_400


def test_activity_counts_by_time_and_series(session: Session) -> None:
    for question, probability in (("A?", 0.8), ("B?", 0.4), ("C?", 0.6)):
        record(session, question, probability=probability)
    session.execute(
        update(ResponseRow)
        .where(ResponseRow.question == "C?")
        .values(created_at=datetime(2026, 1, 2, 12, tzinfo=UTC), model="m2")
    )
    old, new = activity.figures(session, ALL, DAY, By.MODEL).activity
    assert (old.at, old.series, old.responses, old.abstained) == (
        datetime(2026, 1, 2, tzinfo=UTC), "m2", 1, 0,
    )  # fmt: skip
    assert (new.series, new.responses, new.abstained) == ("m1", 2, 1)
    assert new.probability == pytest.approx(0.6)
    assert [cell.series for cell in activity.figures(session, ALL, DAY, By.CORPUS).activity] == [
        "handbook"
    ] * 2
    assert activity.figures(session, ALL, DAY, By.GROUP).activity == ()


def test_series_beyond_the_first_four_are_one(session: Session) -> None:
    for number in range(6):
        record(session, f"{number}?", user="ada")
        session.execute(
            update(ResponseRow).where(ResponseRow.question == f"{number}?").values(model=f"m{number}")
        )
    cells = activity.figures(session, ALL, DAY * 366, By.MODEL).activity
    assert {cell.series: cell.responses for cell in cells}["others"] == 2
    assert len(cells) == 5


def test_latency_is_near_the_true_quantiles(session: Session) -> None:
    for number in range(1, 21):
        record(session, f"{number}?", probability=number / 20)  # which takes 50 to 1,000 ms
    [found] = activity.figures(session, ALL, 366 * DAY, By.NOTHING).latency
    assert found.p50_ms == pytest.approx(500, rel=0.1)
    assert found.p95_ms == pytest.approx(950, rel=0.1)


def test_probabilities_are_counted_in_bins(session: Session) -> None:
    for probability in (0.0, 0.01, 0.52, 1.0):
        record(session, f"{probability}?", probability=probability)
    spread = activity.figures(session, ALL, DAY, By.NOTHING).probabilities
    assert [i for i, found in enumerate(spread[True]) if found.count] == [0]
    assert spread[True][0].count == 2
    assert [i for i, found in enumerate(spread[False]) if found.count] == [10, 19]


def test_risk_falls_where_the_improbable_are_wrong() -> None:
    points = curve([(0.9, False), (0.8, False), (0.8, True), (0.1, True)])
    assert [(p.probability, p.coverage, p.risk) for p in points] == [
        (0.9, 0.25, 0.0), (0.8, 0.75, pytest.approx(1 / 3)), (0.1, 1.0, 0.5),
    ]  # fmt: skip
    assert curve([]) == []


def test_long_curve_keeps_its_end() -> None:
    points = curve([(1 - i / 1000, i >= 900) for i in range(1000)])
    assert len(points) <= 101
    assert points[-1].coverage == 1
    assert points[-1].risk == pytest.approx(0.1)


def test_thumbs_judge_answers(session: Session) -> None:
    record(session, "Good?", probability=0.9)
    record(session, "Bad?", probability=0.6)
    record(session, "Unjudged?", probability=0.7)
    for response in conversations.list_responses(session, ALL, after=None, limit=9).responses:
        thumb = {"Good?": feedback.Thumb.UP, "Bad?": feedback.Thumb.DOWN}.get(response.question)
        if thumb:
            feedback.give(session, response.id, "ada", thumb=thumb, comment=None, correction=None)
    points = overview.risk_coverage(session, ALL, [])
    assert [(p.coverage, p.risk) for p in points] == [(0.5, 0.0), (1.0, 0.5)]


def test_questions_with_the_same_words_are_one_cluster(session: Session) -> None:
    for question, probability in (
        ("How long is the leave?", 0.9), ("how long is leave", 0.7), ("Who books trains?", 0.2),
    ):  # fmt: skip
        record(session, question, probability=probability)
    clusters = cluster(conversations.list_responses(session, ALL, after=None, limit=9).responses)
    assert [(each.responses, each.abstained) for each in clusters] == [(2, 0), (1, 1)]
    assert clusters[0].probability == pytest.approx(0.8)
    assert worst(clusters)[0].question == "Who books trains?"


def test_filter_narrows_the_figures(session: Session) -> None:
    record(session, "A?", user="ada")
    record(session, "B?", user="bob")
    hour = timedelta(hours=1)
    ada, future = ResponseFilter(user="ada"), ResponseFilter(since=datetime.now(UTC) + hour)
    assert len(activity.figures(session, ada, DAY, By.NOTHING).activity) == 1
    assert activity.figures(session, future, DAY, By.NOTHING).activity == ()


def test_scores_are_the_newest_of_each_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "SCORED", 2)
    score_definitions.create(session, "good", ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=1))
    for day, value in ((1, 0.1), (1, 0.3), (2, 0.7)):
        record(session, f"{value}?")
        at = datetime(2026, 1, day, int(10 * value), tzinfo=UTC)
        session.execute(update(ResponseRow).where(ResponseRow.question == f"{value}?").values(created_at=at))
        [found] = conversations.list_responses(
            session, ResponseFilter(text=f"{value}?"), after=None, limit=1
        ).responses
        scores.record(session, found.id, [NewScore("good", value, ScoreSource.API, "ann")])
    times = [cell.at for cell in activity.figures(session, ALL, DAY, By.NOTHING).activity]
    [good] = overview.scores(session, ALL, DAY, times, [])
    assert (good.means, good.counts) == ((0.3, 0.7), (1, 1))
    assert sum(each.count for each in good.bins) == 2
    assert overview.scores(session, ALL, DAY, [], []) == []
