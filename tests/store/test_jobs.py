from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import corpora, jobs
from store.errors import UnknownJobError
from store.jobs import JobStatus
from store.types import Corpus


def test_started_job_runs(session: Session, corpus: Corpus) -> None:
    job = jobs.get(session, jobs.start(session, corpus.id, "ann", "ingest"))
    assert (job.corpus_id, job.user, job.kind, job.status) == (corpus.id, "ann", "ingest", JobStatus.RUNNING)
    assert (job.counts, job.error, job.finished_at) == ({}, None, None)


def test_finished_job_keeps_its_counts(session: Session, corpus: Corpus) -> None:
    job_id = jobs.start(session, corpus.id, None, "ingest")
    jobs.finish(session, job_id, JobStatus.FAILED, {"documents": {"done": 3}}, "the disk is full")
    job = jobs.get(session, job_id)
    assert (job.user, job.status, job.counts) == (None, JobStatus.FAILED, {"documents": {"done": 3}})
    assert job.error == "the disk is full"
    assert job.finished_at is not None


def test_job_outlives_its_corpus(session: Session, corpus: Corpus) -> None:
    job_id = jobs.start(session, corpus.id, "ann", "ingest")
    corpora.delete(session, corpus.name)
    assert jobs.get(session, job_id).corpus_id is None


def test_unknown_job_is_named(session: Session) -> None:
    with pytest.raises(UnknownJobError, match="00000007"):
        jobs.finish(session, UUID(int=7), JobStatus.DONE, {})
    with pytest.raises(UnknownJobError, match="00000007"):
        jobs.get(session, UUID(int=7))
