from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import conversations, score_definitions, scores
from store.errors import InvalidCursorError
from store.response_order import ResponseOrder, _next_size
from store.response_query import parse
from store.responses import ResponseFilter
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.types import Corpus
from tests.store.test_conversations import new_response


def logged(session: Session, corpus: Corpus, probability: float | None, total_ms: float | None) -> UUID:
    timings = {} if total_ms is None else {"total": total_ms}
    new = new_response(session, corpus, answerable_probability=probability, timings_ms=timings)
    return conversations.record_response(session, new)


def listed(session: Session, order: str, query: str = "", limit: int = 1) -> list[UUID]:
    """All responses of a query in an order, a page at a time."""
    wanted, found, after, more = ResponseFilter(terms=parse(query)), [], None, True
    while more:
        page = conversations.list_responses(
            session, wanted, after=after, limit=limit, order=ResponseOrder.of(order)
        )
        found += [response.id for response in page.responses]
        after, more = page.next, page.next is not None
    return found


@pytest.mark.parametrize(
    ("size", "found", "looked_at", "limit", "expected"),
    [
        (100, 0, 100, 100, 400),  # nothing shown: four times as many
        (4000, 0, 9000, 100, 5000),  # and never more than 5,000
        (100, 90, 100, 100, 17),  # ten more, of which nine in ten are shown, and half as many again
        (100, 99, 100, 100, 10),
        (100, 1, 100, 100, 400),
    ],
)
def test_so_many_are_looked_at_as_will_probably_be_needed(
    size: int, found: int, looked_at: int, limit: int, expected: int
) -> None:
    assert _next_size(size, found, looked_at, limit) == expected


def test_figures_order_the_list_and_those_without_one_are_left_out(session: Session, corpus: Corpus) -> None:
    low = logged(session, corpus, 0.1, 20.1)
    high = logged(session, corpus, 0.9, 10.3)
    neither = logged(session, corpus, None, None)
    assert listed(session, "probability") == listed(session, "-latency") == [low, high]
    assert listed(session, "-probability") == listed(session, "latency") == [high, low]
    assert neither in listed(session, "newest", limit=2)
    assert listed(session, "latency", "probability:<0.5") == [low]


def test_equal_figures_come_once_each_over_pages(session: Session, corpus: Corpus) -> None:
    same = {logged(session, corpus, 0.3, 0.1) for _ in range(5)}
    for order in ("probability", "-probability", "latency", "-latency"):
        found = listed(session, order, limit=2)
        assert len(found) == 5 and set(found) == same


def test_score_orders_and_a_response_scored_twice_comes_once(session: Session, corpus: Corpus) -> None:
    score_definitions.create(session, "good", ScoreShape(ScoreKind.NUMERIC))
    one, other, bare = (logged(session, corpus, 0.5, None) for _ in range(3))
    for response_id, user, value in ((one, "rita", 1.0), (one, "ron", 5.0), (other, "rita", 3.0)):
        scores.record(session, response_id, [NewScore("good", value, ScoreSource.PERSON, user)])
    assert listed(session, "score.good") == [one, other]
    assert listed(session, "-score.good") == [one, other]
    scores.record(session, one, [NewScore("good", 4.0, ScoreSource.PERSON, "rita")])
    assert listed(session, "score.good") == [other, one]
    assert listed(session, "score.bad") == []
    assert bare in listed(session, "probability")


@pytest.mark.parametrize("order", ["newest", "probability", "score.good"])
@pytest.mark.parametrize("cursor", ["", "x_y", "nan_8a6f7b0e-7c53-4f43-8d0a-2a9c3c1f0d11"])
def test_cursor_that_is_none_is_refused(session: Session, order: str, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        conversations.list_responses(
            session, ResponseFilter(), after=cursor, limit=1, order=ResponseOrder.of(order)
        )
