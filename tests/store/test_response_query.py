from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store import conversations, feedback, score_definitions, scores
from store.corpora import get_or_create
from store.response_query import QueryError, Term, parse
from store.responses import NewResponse, ResponseFilter
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from tests.store.samples import DIMENSION


def record(session: Session, question: str, user: str = "ada", probability: float = 0.9) -> str:
    corpus = get_or_create(session, "handbook", "mini", "r1", DIMENSION)
    new = NewResponse(
        session_id=conversations.open_session(session, user, corpus.id),
        user=user,
        corpus_id=corpus.id,
        question=question,
        answer="Thirty days.",
        abstained=probability < 0.5,
        abstain_reason=None,
        answerable_probability=probability,
        model="m1",
        index_position=1,
        body={},
        parameters={},
        timings_ms={"total": 1000 * probability},
        hits=(),
        citations=(),
    )
    conversations.record_response(session, new)
    return question


def found(session: Session, query: str) -> set[str]:
    page = conversations.list_responses(session, ResponseFilter(terms=parse(query)), after=None, limit=50)
    return {response.question for response in page.responses}


def test_terms_are_read_with_their_places() -> None:
    assert parse('user:ada -abstained  text:"a \\"b\\" c"') == (
        Term("user", "", ("ada",), False, 0, 8),
        Term("abstained", "", ("true",), True, 9, 19),
        Term("text", "", ('a "b" c',), False, 21, 37),
    )


def test_commas_part_values_and_signs_compare() -> None:
    [users, figure] = parse('user:ada,"bob smith" probability:<=0.5')
    assert users.values == ("ada", "bob smith")
    assert (figure.operator, figure.values) == ("<=", ("0.5",))


def test_word_alone_is_looked_for_in_the_text() -> None:
    assert [term.field for term in parse('refund "two words" a:b'.replace(" a:b", ""))] == ["text", "text"]


@pytest.mark.parametrize(
    ("query", "start", "word"),
    [
        ("corpus:x colour:red", 9, "colour"),
        ("user:", 0, "user:ada"),
        ("user:<3", 0, "order"),
        ("abstained:maybe", 0, "true or false"),
        ("a probability:half", 2, "number"),
        ("probability:nan", 0, "number"),
        ("since:999999w", 0, "4w"),
        ("since:yesterday", 0, "2026-01-31"),
        ("session:7", 0, "id"),
        ('x text:"open', 2, "quotation"),
        ("score.tone:<rude", 0, "number"),
        ("score.:1", 0, "score."),
        ("thumb:sideways", 0, "up, down or any"),
        (" ".join(["x"] * 31), 60, "30"),
    ],
)
def test_term_that_means_nothing_is_explained_where_it_stands(query: str, start: int, word: str) -> None:
    with pytest.raises(QueryError, match=word) as refused:
        parse(query)
    assert refused.value.start == start
    assert f"character {start + 1}:" in str(refused.value)


def test_query_narrows_the_log(session: Session) -> None:
    leave = record(session, "How long is LEAVE?")
    trains = record(session, "Who books trains?", "bob", 0.2)
    assert found(session, "user:bob") == {trains}
    assert found(session, "user:bob,ada") == {leave, trains}
    assert found(session, "-user:bob") == {leave}
    assert found(session, "leave") == {leave}
    assert found(session, "-text:leave thirty") == {trains}
    assert found(session, "probability:<0.5") == found(session, "abstained") == {trains}
    assert found(session, "latency:>500") == {leave}
    assert found(session, "corpus:handbook model:m1") == {leave, trains}
    assert found(session, "corpus:other") == set()
    assert found(session, "since:1h until:2999-01-01") == {leave, trains}
    assert found(session, f"until:{(datetime.now(UTC) - timedelta(hours=1)).isoformat()}") == set()
    assert found(session, "document:8a6f7b0e-7c53-4f43-8d0a-2a9c3c1f0d11") == set()


def test_query_sees_feedback(session: Session) -> None:
    good, plain = record(session, "Good?"), record(session, "Plain?")
    [response] = conversations.list_responses(
        session, ResponseFilter(text="Good?"), after=None, limit=1
    ).responses
    feedback.give(session, response.id, "ada", thumb=feedback.Thumb.UP, comment="Yes.", correction=None)
    assert found(session, "thumb:up") == found(session, "thumb:any") == found(session, "commented") == {good}
    assert found(session, "-commented") == found(session, "thumb:down corrected") | {plain}


def test_query_sees_scores(session: Session) -> None:
    good, bad = record(session, "Good?"), record(session, "Bad?")
    for name, kind, categories in (("grounded", "numeric", None), ("tone", "categorical", ("kind", "rude"))):
        score_definitions.create(session, name, ScoreShape(kind=ScoreKind(kind), categories=categories))
    for response in conversations.list_responses(session, ResponseFilter(), after=None, limit=2).responses:
        is_good = response.question == good
        given = [
            NewScore("grounded", 0.9 if is_good else 0.2, ScoreSource.API, user="rita"),
            NewScore("tone", "kind" if is_good else "rude", ScoreSource.PERSON, user="rita"),
        ]
        scores.record(session, response.id, given if is_good else given[:1])
    assert found(session, "score.grounded:<0.5") == found(session, "-score.grounded:>=0.5") == {bad}
    assert found(session, "score.tone:kind,rude") == found(session, "reviewed") == {good}
    assert found(session, "-reviewed") == {bad}
    assert found(session, "score.unknown:>0") == set()
