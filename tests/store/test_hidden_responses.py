"""Responses of which something is hidden: each way to look for them finds the same ones."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import (
    access_lists,
    activity,
    conversations,
    feedback,
    groups,
    overview,
    score_definitions,
    scores,
    users,
    visibility,
)
from store.access_lists import CorpusAccess
from store.activity import By
from store.responses import ResponseFilter
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.tables import ChunkRow, ResponseCitationRow, ResponseHitRow, ResponseRow
from store.types import Corpus, Document, Level, Readers
from store.visibility import Reader
from tests.store.test_access_lists import put, reader_of
from tests.store.test_response_query import record

DAY = 86_400


def touch(
    session: Session, question: str, document: Document, *, hit: bool = True, user: str = "ada"
) -> UUID:
    """A response that has a document among its hits, or cites it."""
    record(session, question, user)
    response_id = session.scalars(select(ResponseRow.id).where(ResponseRow.question == question)).one()
    chunk_id = session.scalars(select(ChunkRow.id).where(ChunkRow.document_id == document.id)).first()
    if hit:
        values = {"response_id": response_id, "rank": 1, "chunk_id": chunk_id, "fused": 1.0}
        session.execute(insert(ResponseHitRow).values(values))
    else:
        session.execute(
            insert(ResponseCitationRow).values(
                response_id=response_id, ordinal=1, document_id=document.id, document_version=1, chunk_id=0,
                start_offset=0, end_offset=1, quote="A", answer_start=0, answer_end=1,
            )
        )  # fmt: skip
    return response_id


@pytest.fixture
def reader(session: Session, corpus: Corpus) -> Reader:
    """Eve, who asked once herself; of six responses three touch what is hidden from her."""
    access_lists.set_corpus_access(session, corpus.id, CorpusAccess(False))
    hidden, listed, open_one = (put(session, corpus, source, f"Text {source}.") for source in "abc")
    eve = reader_of(session, "eve")
    users.ensure(session, "ada")
    access_lists.set_document_readers(session, hidden.id, Readers(("ada",)))
    access_lists.set_document_readers(session, listed.id, Readers(("eve",)))
    touch(session, "hidden hit", hidden)
    touch(session, "hidden citation", hidden, hit=False)
    touch(session, "hidden hit of her own", hidden, user="eve")
    touch(session, "listed", listed)
    touch(session, "open", open_one)
    touch(session, "another open", open_one, hit=False)
    return eve


SEEN = {"hidden hit of her own", "listed", "open", "another open"}


@pytest.mark.parametrize("most", [0, 5_000])
def test_rows_and_counts_hide_the_same(
    session: Session, reader: Reader, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visibility, "MOST_HIDDEN", most)
    asked = ResponseFilter(reader=reader)
    prepared = activity.prepared(session, asked)
    assert prepared.reader is not None and (prepared.reader.hidden is None) == (most == 0)
    for filter in (asked, prepared):
        for limit in (10, 600):
            page = conversations.list_responses(session, filter, after=None, limit=limit)
            assert {each.question for each in page.responses} == SEEN
        counted = activity.figures(session, filter, DAY * 366, By.NOTHING).activity
        assert sum(each.responses for each in counted) == len(SEEN)
        times = [each.at for each in counted]
        hidden = overview.concealed(session, filter, DAY * 366, times)
        assert len(hidden) == 2
        for limit in (1, 3, 600):
            page = conversations.list_responses(session, filter, after=None, limit=limit)
            found = overview.newest(session, filter, limit, hidden)
            assert found == [each.id for each in page.responses]
        assert overview.risk_coverage(session, filter, hidden) == []


def test_verdicts_and_scores_of_hidden_responses_are_not_told(session: Session, reader: Reader) -> None:
    score_definitions.create(session, "good", ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=1))
    for response_id, question in session.execute(select(ResponseRow.id, ResponseRow.question)):
        value = 0.25 if question in SEEN else 0.75
        scores.record(session, response_id, [NewScore("good", value, ScoreSource.API, "ada")])
        thumb = feedback.Thumb.UP if question in SEEN else feedback.Thumb.DOWN
        feedback.give(session, response_id, "ada", thumb=thumb, comment=None, correction=None)
    for asking, seen, wrong in ((None, 6, 2), (reader, 4, 0)):
        filter = activity.prepared(session, ResponseFilter(reader=asking))
        times = [each.at for each in activity.figures(session, filter, DAY * 366, By.NOTHING).activity]
        hidden = overview.concealed(session, filter, DAY * 366, times)
        [good] = overview.scores(session, filter, DAY * 366, times, hidden)
        assert good.counts == (seen,)
        assert sum(each.count for each in good.bins[10:]) == wrong
        assert overview.risk_coverage(session, filter, hidden)[-1].risk == wrong / seen


def test_where_most_is_hidden_the_newest_are_looked_for_further(
    session: Session, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "NEWEST", 2)
    filter = activity.prepared(session, ResponseFilter(reader=reader))
    hidden = overview.concealed(session, filter, DAY * 366, [])
    assert len(overview.newest(session, filter, 3, hidden)) == 3


def test_restricted_corpus_is_not_counted(session: Session, corpus: Corpus, reader: Reader) -> None:
    access_lists.set_corpus_access(session, corpus.id, CorpusAccess(True))
    filter = activity.prepared(session, ResponseFilter(reader=reader))
    [only] = activity.figures(session, filter, DAY * 366, By.CORPUS).activity
    assert only.responses == 1  # her own
    clerks = groups.create(session, "clerks")
    groups.add_member(session, clerks.id, reader.user_id)
    access_lists.set_corpus_access(session, corpus.id, CorpusAccess(True, {}, {"clerks": Level.READ}))
    again = activity.prepared(session, replace(filter, reader=replace(reader, user_id=reader.user_id)))
    [more] = activity.figures(session, again, DAY * 366, By.CORPUS).activity
    assert more.responses == len(SEEN)


def test_person_in_two_groups_counts_in_both(session: Session, reader: Reader) -> None:
    for name in ("clerks", "chess"):
        group = groups.create(session, name)
        groups.add_member(session, group.id, users.ensure(session, "ada"))
    groups.add_member(session, groups.create(session, "idle").id, users.ensure(session, f"{uuid4()}"))
    found = activity.figures(session, ResponseFilter(), DAY * 366, By.GROUP)
    assert {each.series: each.responses for each in found.activity} == {"clerks": 5, "chess": 5}
    assert found.latency[0].p50_ms == pytest.approx(900, rel=0.05)
    assert sum(each.count for each in found.probabilities[False]) == 6


def test_stretches_of_time_hold_every_response_once(session: Session, reader: Reader) -> None:
    for by in By:
        found = activity.figures(session, ResponseFilter(), 60, by)
        assert sum(each.count for each in found.probabilities[False]) == 6
    none = activity.figures(session, ResponseFilter(user="nobody"), 60, By.NOTHING)
    assert (none.activity, none.latency) == ((), ())
