from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from store import corpora, job_documents, jobs
from store.errors import JobStateError, JobTakenError, UnknownJobError
from store.job_documents import DocumentOutcome, JobDocument
from store.job_types import Job, JobStatus, NewJob, Standing, Wanted
from store.postgres import Database
from store.types import Corpus

TOKEN = UUID(int=1)
NOTHING = Standing({}, 0, 0, 0.0)


@pytest.fixture
def job_id(session: Session, corpus: Corpus) -> UUID:
    return jobs.create(session, NewJob(corpus.id, "ann", "ingest", {"paths": ["/a"]}, "print", "here"))


@pytest.fixture
def held(database: Database, job_id: UUID) -> Iterator[UUID]:
    """The job's id, while this process holds its lock."""
    lock = database.try_lock(jobs.lock_key(job_id))
    assert lock is not None
    yield job_id
    lock.release()


def outcomes(session: Session, job_id: UUID) -> dict[str, DocumentOutcome]:
    return {row.source: row.status for row in job_documents.page(session, job_id, after=None, limit=100)}


def test_new_job_is_queued(session: Session, corpus: Corpus, job_id: UUID) -> None:
    job = jobs.get(session, job_id)
    assert (job.corpus_id, job.corpus, job.user, job.kind) == (corpus.id, corpus.name, "ann", "ingest")
    assert (job.status, job.request, job.host) == (JobStatus.QUEUED, {"paths": ["/a"]}, "here")
    assert (job.counts, job.error, job.finished_at) == ({}, None, None)


def test_claimed_job_runs_while_its_lock_is_held(session: Session, held: UUID) -> None:
    assert jobs.claim(session, held, TOKEN).status == JobStatus.RUNNING


def test_running_job_without_a_lock_was_interrupted(session: Session, job_id: UUID) -> None:
    assert jobs.claim(session, job_id, TOKEN).status == JobStatus.INTERRUPTED
    assert [job.id for job in jobs.waiting(session, "here", 10)] == [job_id]
    assert jobs.waiting(session, "elsewhere", 10) == []
    assert jobs.claim(session, job_id, TOKEN).interruptions == 1


def test_lock_has_one_holder(database: Database, held: UUID) -> None:
    assert database.try_lock(jobs.lock_key(held)) is None


def test_who_lost_a_job_can_note_nothing_for_it(session: Session, job_id: UUID) -> None:
    jobs.claim(session, job_id, TOKEN)
    jobs.claim(session, job_id, uuid4())
    with pytest.raises(JobTakenError, match=str(job_id)):
        jobs.advance(session, job_id, TOKEN, NOTHING, stored=True)


def test_what_was_stored_forgets_the_interruptions(session: Session, job_id: UUID) -> None:
    jobs.claim(session, job_id, TOKEN)
    jobs.claim(session, job_id, TOKEN)
    standing = Standing({"chunks": 3}, 10, 40, 1.5)
    assert jobs.advance(session, job_id, TOKEN, standing, stored=True) == Wanted.RUN
    job = jobs.get(session, job_id)
    assert (job.interruptions, job.counts, job.bytes_read, job.bytes_total) == (0, {"chunks": 3}, 10, 40)


def test_running_job_is_asked_to_pause(session: Session, held: UUID) -> None:
    jobs.claim(session, held, TOKEN)
    jobs.ask(session, held, Wanted.PAUSE)
    assert jobs.advance(session, held, TOKEN, NOTHING, stored=True) == Wanted.PAUSE
    jobs.settle(session, held, TOKEN, JobStatus.PAUSED, standing=NOTHING)
    assert jobs.get(session, held).status == JobStatus.PAUSED
    jobs.ask(session, held, Wanted.RUN)
    assert jobs.get(session, held).status == JobStatus.QUEUED


def test_job_that_nobody_works_on_is_cancelled_at_once(session: Session, job_id: UUID) -> None:
    jobs.ask(session, job_id, Wanted.CANCEL)
    job = jobs.get(session, job_id)
    assert job.status == JobStatus.CANCELLED
    assert job.finished_at is not None
    with pytest.raises(JobStateError, match="cancelled, so it cannot be resumed"):
        jobs.ask(session, job_id, Wanted.RUN)
    with pytest.raises(JobStateError):
        jobs.claim(session, job_id, TOKEN)


def test_failed_job_keeps_its_counts_and_is_found_again(
    session: Session, corpus: Corpus, job_id: UUID
) -> None:
    jobs.claim(session, job_id, TOKEN)
    standing = replace(NOTHING, counts={"documents": {"done": 3}})
    jobs.settle(session, job_id, TOKEN, JobStatus.FAILED, standing=standing, error="the disk is full")
    job = jobs.unfinished(session, corpus.id, "print")
    assert job is not None
    assert (job.status, job.counts, job.error) == (
        JobStatus.FAILED,
        {"documents": {"done": 3}},
        "the disk is full",
    )
    assert job.finished_at is not None


def test_done_job_is_not_found_again(session: Session, corpus: Corpus, job_id: UUID) -> None:
    jobs.claim(session, job_id, TOKEN)
    jobs.settle(session, job_id, TOKEN, JobStatus.DONE, standing=NOTHING)
    assert jobs.unfinished(session, corpus.id, "print") is None


def test_job_outlives_its_corpus(session: Session, corpus: Corpus, job_id: UUID) -> None:
    corpora.delete(session, corpus.name)
    assert jobs.get(session, job_id).corpus_id is None


def test_unknown_job_is_named(session: Session) -> None:
    with pytest.raises(UnknownJobError, match="00000007"):
        jobs.get(session, UUID(int=7))


def test_pages_go_from_the_newest_to_the_oldest(database: Database, corpus: Corpus) -> None:
    for _ in range(5):
        with database.transaction() as session:
            jobs.create(session, NewJob(corpus.id, None, "ingest"))
    seen: list[Job] = []
    after: tuple[datetime, UUID] | None = None
    with database.transaction() as session:
        while page := jobs.page(session, after=after, limit=2):
            seen += page
            after = (page[-1].started_at, page[-1].id)
    assert len({job.id for job in seen}) == 5
    assert seen == sorted(seen, key=lambda job: job.started_at, reverse=True)


def test_input_ends_as_read_unless_it_became_a_document(session: Session, job_id: UUID) -> None:
    names = ("a.txt", "b.jsonl", "c.txt")
    job_documents.write(session, job_id, [JobDocument(name, DocumentOutcome.QUEUED) for name in names])
    job_documents.write(
        session,
        job_id,
        [JobDocument(name, DocumentOutcome.DONE, chunks=2) for name in ("a.txt", "b.jsonl#1")],
    )
    job_documents.end(session, job_id, ["a.txt", "b.jsonl"])
    assert outcomes(session, job_id) == {
        "a.txt": DocumentOutcome.DONE,
        "b.jsonl": DocumentOutcome.READ,
        "b.jsonl#1": DocumentOutcome.DONE,
        "c.txt": DocumentOutcome.QUEUED,
    }
    assert job_documents.left_open(session, job_id) == ["c.txt"]


def test_retry_queues_failed_documents_with_their_files(session: Session, job_id: UUID) -> None:
    rows = [
        JobDocument("a.txt", DocumentOutcome.FAILED, kind="binary", attempts=1, size_bytes=3),
        JobDocument("b.jsonl", DocumentOutcome.READ, size_bytes=9),
        JobDocument("b.jsonl", DocumentOutcome.FAILED, line=4, kind="malformed", attempts=1),
        JobDocument("b.jsonl#1", DocumentOutcome.DONE, chunks=1),
        JobDocument("c.txt", DocumentOutcome.DONE, size_bytes=3),
    ]
    job_documents.write(session, job_id, rows)
    assert job_documents.requeue(session, job_id, [DocumentOutcome.FAILED]) == 2
    assert outcomes(session, job_id) == {
        "a.txt": DocumentOutcome.QUEUED,
        "b.jsonl": DocumentOutcome.QUEUED,
        "b.jsonl#1": DocumentOutcome.DONE,
        "c.txt": DocumentOutcome.DONE,
    }
    assert job_documents.kinds(session, job_id) == {}


def test_quarantine_is_remembered_for_the_corpus(session: Session, corpus: Corpus, job_id: UUID) -> None:
    row = JobDocument("a.pdf", DocumentOutcome.QUARANTINED, kind="limit", size_bytes=3, modified_ns=5)
    job_documents.write(session, job_id, [row])
    found = job_documents.quarantined(session, corpus.id, ["a.pdf", "b.pdf"])
    assert [(name, ban.modified_ns) for name, ban in found.items()] == [("a.pdf", 5)]
    assert job_documents.quarantined(session, corpus.id + 1, ["a.pdf"]) == {}
