from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text, update
from sqlalchemy.event import listen
from sqlalchemy.orm import Session

from store import conversations, corpora, sealed_log, sessions
from store.errors import InvalidCursorError, UnknownResponseError, UnknownSessionError
from store.evaluations import Evaluation
from store.postgres import Database
from store.responses import NewResponse, ResponseCitation, ResponseFilter, ResponseHit, Turn
from store.sessions import Place
from store.tables import ResponseRow
from store.types import Corpus

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def new_response(session: Session, corpus: Corpus, user: str = "ann", **changes: Any) -> NewResponse:
    response = NewResponse(
        session_id=conversations.open_session(session, user, corpus.id),
        user=user,
        corpus_id=corpus.id,
        question="Why is the sky blue?",
        answer="Scattering.",
        abstained=False,
        abstain_reason=None,
        answerable_probability=0.75,
        model="small-1",
        index_position=12,
        body={"answer": "Scattering.", "scores": {}},
        parameters={"top_k": 10},
        timings_ms={"retrieve": 1.5},
        hits=(ResponseHit(7, 1.5, None, 0.03, 0.9), ResponseHit(3, None, 0.5, 0.02, None)),
        citations=(ResponseCitation(UUID(int=1), 2, 7, 10, 20, "scattering", 0, 10),),
    )
    return replace(response, **changes)


@pytest.fixture
def logged(session: Session, corpus: Corpus) -> list[UUID]:
    """Five responses, an hour between each, the newest last; the last two at the same moment."""
    ids = []
    for hour in (0, 1, 2, 3, 3):
        response_id = conversations.record_response(session, new_response(session, corpus))
        at = NOON + timedelta(hours=hour)
        session.execute(update(ResponseRow).where(ResponseRow.id == response_id).values(created_at=at))
        ids.append(response_id)
    return ids


def found(session: Session, **filter: Any) -> list[UUID]:
    page = conversations.list_responses(session, ResponseFilter(**filter), after=None, limit=100)
    return [response.id for response in page.responses]


def test_response_is_read_as_it_was_recorded(session: Session, corpus: Corpus) -> None:
    new = new_response(session, corpus)
    response = conversations.get_response(session, conversations.record_response(session, new))
    assert (response.hits, response.citations) == (new.hits, new.citations)
    assert (response.body, response.parameters, response.timings_ms) == (
        new.body,
        new.parameters,
        new.timings_ms,
    )
    assert response.index_position == 12
    summary = response.summary
    assert (summary.id, summary.session_id, summary.user, summary.corpus) == (
        new.id,
        new.session_id,
        "ann",
        "handbook",
    )
    assert (summary.question, summary.answer, summary.model) == (new.question, new.answer, "small-1")
    assert (summary.abstained, summary.abstain_reason, summary.answerable_probability) == (False, None, 0.75)


def test_response_is_one_statement_with_the_session_that_it_opens(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        new = new_response(session, corpus, session_id=UUID(int=5), opens_session=True)
    with database.each_alone() as session:
        conversations.record_response(session, new)
        by = text(
            "SELECT xmin::text FROM sessions WHERE id = :session_id UNION SELECT xmin::text FROM responses "
            "UNION SELECT xmin::text FROM response_hits UNION SELECT xmin::text FROM response_citations"
        )
        assert len(session.execute(by, {"session_id": UUID(int=5)}).all()) == 1, "each is a transaction"
    with database.transaction() as session:
        assert conversations.get_response(session, new.id).hits == new.hits
        assert sessions.owner(session, UUID(int=5)) == "ann"


def test_response_that_cannot_be_written_whole_leaves_nothing(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        new = new_response(session, corpus, session_id=UUID(int=5), opens_session=True)
    wrong = Evaluation("overall", float("nan"), "1")
    with pytest.raises(psycopg.IntegrityError), database.each_alone() as session:
        conversations.record_response(session, new, [wrong])
    with database.transaction() as session:
        assert sessions.owner(session, UUID(int=5)) is None
        assert found(session) == []


def test_response_without_hits_is_recorded(session: Session, corpus: Corpus) -> None:
    new = new_response(session, corpus, hits=(), citations=(), abstained=True, abstain_reason="no evidence")
    response = conversations.get_response(session, conversations.record_response(session, new))
    assert (response.hits, response.citations) == ((), ())
    assert response.summary.abstain_reason == "no evidence"


def test_response_outlives_its_corpus(session: Session, corpus: Corpus) -> None:
    new = new_response(session, corpus)
    conversations.record_response(session, new)
    corpora.delete(session, corpus.name)
    response = conversations.get_response(session, new.id)
    assert response.summary.corpus is None
    assert response.citations == new.citations


def test_response_is_recorded_though_its_corpus_was_deleted_meanwhile(
    session: Session, corpus: Corpus
) -> None:
    corpora.delete(session, corpus.name)
    new = new_response(session, corpus)
    conversations.record_response(session, new)
    assert conversations.get_response(session, new.id).summary.corpus is None


def test_unknown_response_is_named(session: Session) -> None:
    with pytest.raises(UnknownResponseError, match="00000007"):
        conversations.get_response(session, UUID(int=7))


def test_pages_list_everything_once_newest_first(session: Session, logged: list[UUID]) -> None:
    listed, after = [], None
    while True:
        page = conversations.list_responses(session, ResponseFilter(), after=after, limit=2)
        listed += [(response.created_at, response.id) for response in page.responses]
        after = page.next
        if after is None:
            break
    assert {response_id for _, response_id in listed} == set(logged)
    assert listed == sorted(listed, reverse=True)


def test_page_that_holds_the_rest_is_the_last(session: Session, logged: list[UUID]) -> None:
    assert conversations.list_responses(session, ResponseFilter(), after=None, limit=5).next is None
    assert conversations.list_responses(session, ResponseFilter(), after=None, limit=4).next is not None


@pytest.mark.parametrize("cursor", ["", "x", "2024-05-01_x", "x_00000000-0000-0000-0000-000000000001"])
def test_foreign_cursor_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        conversations.list_responses(session, ResponseFilter(), after=cursor, limit=2)


def test_since_is_inclusive_and_until_exclusive(session: Session, logged: list[UUID]) -> None:
    assert found(session, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)) == logged[2:0:-1]


def test_responses_are_filtered(session: Session, corpus: Corpus, other_corpus: Corpus) -> None:
    ann = new_response(session, corpus, question="100% sure?", model="small-2")
    bob = new_response(session, other_corpus, user="bob", abstained=True, answer="A Lake")
    for new in (ann, bob):
        conversations.record_response(session, new)
    assert found(session, user="ann") == found(session, corpus="handbook") == [ann.id]
    assert found(session, model="small-2") == found(session, abstained=False) == [ann.id]
    assert found(session, session_id=bob.session_id) == found(session, text="a lAKE") == [bob.id]
    assert found(session, text="100% sure") == [ann.id]
    assert found(session, text="1%sure") == found(session, user="ann", corpus="other") == []


@pytest.mark.parametrize("few", [0, 10_000])
def test_texts_are_found_with_and_without_the_index(
    session: Session, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(sealed_log, "FEW", few)
    new = new_response(session, corpus, question="ÄRGER über 50% \\ _x 日本語?", answer="I refunded it 😀.")
    conversations.record_response(session, new)
    conversations.record_response(session, new_response(session, corpus, answer=""))
    for words in ("ärger ÜBER", "50%", "\\ _x", "本", "fund", "it 😀", "r", "?"):
        assert new.id in found(session, text=words), words
    for words in ("refund it", "50% x", "ger 😀", "日語"):
        assert found(session, text=words) == [], words


def test_words_of_very_many_are_not_counted_in_the_index(
    session: Session, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_log, "COMMON", 3)
    common = [conversations.record_response(session, new_response(session, corpus)) for _ in range(3)]
    rare = conversations.record_response(session, new_response(session, corpus, answer="Aerosols."))
    statements: list[str] = []
    listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert set(found(session, text="scattering")) == set(common)
    assert not any("text_trigrams" in statement for statement in statements)
    assert found(session, text="aerosols") == [rare]
    assert any("text_trigrams" in statement for statement in statements)


def test_session_is_resumed_by_its_user_only(session: Session, corpus: Corpus) -> None:
    opened = conversations.open_session(session, "ann", corpus.id)
    assert conversations.resume_session(session, opened, "ann") == opened
    with pytest.raises(UnknownSessionError, match="'bob' has no session"):
        conversations.resume_session(session, opened, "bob")
    with pytest.raises(UnknownSessionError):
        conversations.resume_session(session, UUID(int=7), "ann")


def test_turns_before_are_those_of_the_line_with_the_query_that_was_sent(
    session: Session, corpus: Corpus
) -> None:
    session_id = conversations.open_session(session, "ann", corpus.id)
    parents: list[UUID | None] = [None]
    for question, body, abstained, parent in [
        ("One?", {}, False, 0),
        ("It?", {"query": "What is two?"}, False, 1),
        ("Other line?", {}, False, 1),
        ("Three?", {}, True, 2),
    ]:
        response = new_response(
            session,
            corpus,
            session_id=session_id,
            question=question,
            body=body,
            abstained=abstained,
            parent_id=parents[parent],
        )
        parents.append(conversations.record_response(session, response))
    assert sessions.turns_before(session, Place(session_id, parents[-1]), 2) == [
        Turn("It?", "What is two?", "Scattering."),
        Turn("Three?", "Three?", None),
    ]
    assert sessions.turns_before(session, Place(session_id, None), 2) == []
