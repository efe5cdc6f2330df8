"""The repository of jobs: bulk ingestions, running and done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from store.access import ensure_user
from store.errors import UnknownJobError
from store.tables import JobRow, UserRow


class JobStatus(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    """Or its process was killed: a running job with an old start says no more."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """A job and what it counted; `counts` is the report as the command line prints it."""

    id: UUID
    corpus_id: int | None
    user: str | None
    kind: str
    status: JobStatus
    counts: Mapping[str, Any]
    error: str | None
    started_at: datetime
    finished_at: datetime | None


def start(session: Session, corpus_id: int, user: str | None, kind: str) -> UUID:
    """Note that a job begins; returns its id. `user` None means nobody in particular (the command line)."""
    job_id = uuid4()
    user_id = None if user is None else ensure_user(session, user)
    session.execute(
        insert(JobRow).values(
            id=job_id, corpus_id=corpus_id, user_id=user_id, kind=kind, status=JobStatus.RUNNING
        )
    )
    return job_id


def finish(
    session: Session, job_id: UUID, status: JobStatus, counts: Mapping[str, Any], error: str | None = None
) -> None:
    """Note how a job ended.

    Raises:
        UnknownJobError: There is no such job.
    """
    changed = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(status=status, counts=dict(counts), error=error, finished_at=func.now())
        .returning(JobRow.id)
        .execution_options(synchronize_session=False)
    )
    if changed.one_or_none() is None:
        raise UnknownJobError(job_id)


def get(session: Session, job_id: UUID) -> Job:
    """One job.

    Raises:
        UnknownJobError: There is no such job.
    """
    row = session.execute(
        select(
            JobRow.id,
            JobRow.corpus_id,
            UserRow.name,
            JobRow.kind,
            JobRow.status,
            JobRow.counts,
            JobRow.error,
            JobRow.started_at,
            JobRow.finished_at,
        )
        .outerjoin(UserRow, UserRow.id == JobRow.user_id)
        .where(JobRow.id == job_id)
    ).one_or_none()
    if row is None:
        raise UnknownJobError(job_id)
    return Job(
        id=row.id,
        corpus_id=row.corpus_id,
        user=row.name,
        kind=row.kind,
        status=JobStatus(row.status),
        counts=row.counts,
        error=row.error,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
