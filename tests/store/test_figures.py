from uuid import UUID

from sqlalchemy.orm import Session

from store import documents, figures, jobs
from store.figures import IndexState
from store.job_types import JobStatus, NewJob
from store.types import Corpus
from tests.store.samples import chunks_of, new_document


def test_jobs_are_counted_by_what_they_really_do(session: Session, corpus: Corpus) -> None:
    created = [
        jobs.create(session, NewJob(corpus.id, "ann", "ingest", {}, str(number), "here"))
        for number in range(3)
    ]
    jobs.claim(session, created[0], UUID(int=1))  # nobody holds its lock: its process died
    counted = figures.jobs_by_status(session)
    assert (counted[JobStatus.QUEUED], counted[JobStatus.INTERRUPTED], counted[JobStatus.RUNNING]) == (
        2,
        1,
        0,
    )


def test_changes_that_an_index_does_not_have_are_counted(session: Session, corpus: Corpus) -> None:
    documents.put(session, corpus.id, new_document("a", "one\ntwo\nthree"), chunks_of("one\ntwo\nthree"))
    assert figures.changes_after(session, IndexState(corpus.id, 0, 0.0)) == 3
    assert figures.changes_after(session, IndexState(corpus.id, 2, 0.0)) == 1
    assert figures.changes_after(session, IndexState(corpus.id + 1, 0, 0.0)) == 0
