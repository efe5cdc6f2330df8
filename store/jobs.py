"""The repository of jobs: bulk ingestions that outlive the processes that work on them.

Whoever works on a job holds its advisory lock (`lock_key`), which PostgreSQL drops the moment that the
process dies, and its token in `owner`, without which nothing can be stored for the job. So a job whose
process died is recognised at once, and one that lost its lock cannot harm the one that took the job over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from store import job_uploads, users
from store.errors import JobStateError, JobTakenError, UnknownJobError
from store.job_types import FINISHED, RESUMABLE, Job, JobStatus, NewJob, Standing, Wanted
from store.tables import CorpusRow, JobRow, UserRow
from store.visibility import Reader, job_visible

_SETTLES = {Wanted.PAUSE: JobStatus.PAUSED, Wanted.CANCEL: JobStatus.CANCELLED}


def create(session: Session, job: NewJob) -> UUID:
    """Note a job that is to be worked on; returns its id."""
    job_id = uuid4()
    session.execute(
        insert(JobRow).values(
            id=job_id,
            corpus_id=job.corpus_id,
            user_id=None if job.user is None else users.ensure(session, job.user),
            kind=job.kind,
            status=job.status,
            request=dict(job.request),
            fingerprint=job.fingerprint,
            host=job.host,
        )
    )
    return job_id


def set_request(session: Session, job_id: UUID, request: Mapping[str, Any]) -> None:
    """Note what a job that was made just now is to do."""
    session.execute(update(JobRow).where(JobRow.id == job_id).values(request=dict(request)))


def get(session: Session, job_id: UUID, reader: Reader | None = None) -> Job:
    """One job.

    Raises:
        UnknownJobError: There is no such job that the reader may see.
    """
    row = session.execute(_jobs().where(JobRow.id == job_id, job_visible(reader))).one_or_none()
    if row is None:
        raise UnknownJobError(job_id)
    return _job(row)


def page(
    session: Session, *, after: tuple[datetime, UUID] | None, limit: int, reader: Reader | None = None
) -> list[Job]:
    """The next `limit` jobs, newest first; `after` is `started_at` and `id` of the last one before."""
    statement = (
        _jobs().where(job_visible(reader)).order_by(JobRow.started_at.desc(), JobRow.id.desc()).limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(JobRow.started_at, JobRow.id) < after)
    return [_job(row) for row in session.execute(statement)]


def unfinished(session: Session, corpus_id: int, fingerprint: str) -> Job | None:
    """The newest job of the same request that has not come to its end; failed ones are among these."""
    statement = (
        _jobs()
        .where(
            JobRow.corpus_id == corpus_id,
            JobRow.fingerprint == fingerprint,
            JobRow.status.notin_((JobStatus.DONE, JobStatus.CANCELLED)),
        )
        .order_by(JobRow.started_at.desc())
        .limit(1)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else _job(row)


def waiting(session: Session, host: str, limit: int) -> list[Job]:
    """The oldest jobs that a process on this host could work on: queued, or their process died."""
    statement = (
        _jobs()
        .where(
            func.coalesce(JobRow.host, host) == host,
            JobRow.corpus_id.is_not(None),
            or_(JobRow.status == JobStatus.QUEUED, and_(JobRow.status == JobStatus.RUNNING, not_(HELD))),
        )
        .order_by(JobRow.started_at, JobRow.id)
        .limit(limit)
    )
    return [_job(row) for row in session.execute(statement)]


def chunks_per_s(session: Session, corpus_id: int | None) -> float | None:
    """How fast the last jobs that are done made chunks, those of this corpus if there are any; None: none."""
    chunks = JobRow.counts["chunks"].as_integer()
    of_corpus = case((JobRow.corpus_id == corpus_id, 0), else_=1)
    rows = session.execute(
        select(chunks, JobRow.seconds)
        .where(JobRow.status == JobStatus.DONE, chunks > 0, JobRow.seconds > 0)
        .order_by(of_corpus, JobRow.started_at.desc())
        .limit(3)
    ).all()
    seconds = sum(float(one) for _, one in rows)
    return sum(int(made) for made, _ in rows) / seconds if rows else None


def claim(session: Session, job_id: UUID, token: UUID, allowed: Sequence[JobStatus] = RESUMABLE) -> Job:
    """Make the job this process's, if it is in an allowed state; its lock is held already.

    Raises:
        UnknownJobError: There is no such job.
        JobStateError: It is in another state.
    """
    session.execute(select(JobRow.id).where(JobRow.id == job_id).with_for_update())
    job = get(session, job_id)
    if job.status not in allowed:
        raise JobStateError(job_id, job.status, "resumed")
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(
            interruptions=case((JobRow.status == JobStatus.RUNNING, JobRow.interruptions + 1), else_=0),
            status=JobStatus.RUNNING,
            owner=token,
            error=None,
            finished_at=None,
            updated_at=func.now(),
        )
        .execution_options(synchronize_session=False)
    )
    return get(session, job_id)


def advance(session: Session, job_id: UUID, token: UUID, standing: Standing, *, stored: bool) -> Wanted:
    """Note how far a job is, in the transaction that stored something for it; returns what is wanted of it.

    Raises:
        JobTakenError: Another process took the job over; this transaction must not be committed.
    """
    values: dict[str, Any] = {
        "counts": dict(standing.counts),
        "bytes_read": standing.bytes_read,
        "bytes_total": standing.bytes_total,
        "seconds": standing.seconds,
        "updated_at": func.now(),
    }
    if stored:
        values["interruptions"] = 0
    wanted = session.scalar(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.owner == token, JobRow.status == JobStatus.RUNNING)
        .values(values)
        .returning(JobRow.wanted)
        .execution_options(synchronize_session=False)
    )
    if wanted is None:
        raise JobTakenError(job_id)
    return Wanted(wanted)


def settle(
    session: Session,
    job_id: UUID,
    token: UUID,
    status: JobStatus,
    *,
    standing: Standing,
    error: str | None = None,
) -> None:
    """Note how a job ended, or that it waits, and let go of it.

    Files that were sent for it go when it is cancelled, or done without anything left to retry.

    Raises:
        JobTakenError: Another process took the job over.
    """
    advance(session, job_id, token, standing, stored=False)
    counts = standing.counts.get("documents", {})
    failed = counts.get("failed", 0) + counts.get("quarantined", 0)
    if status == JobStatus.CANCELLED or (status == JobStatus.DONE and not failed):
        job_uploads.drop(session, job_id)
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(
            status=status,
            wanted=Wanted.RUN,
            owner=None,
            error=error,
            finished_at=func.now() if status in FINISHED else None,
        )
        .execution_options(synchronize_session=False)
    )


def ask(session: Session, job_id: UUID, wanted: Wanted) -> None:
    """Ask for a pause, a cancellation, or that a job goes on; one that nobody works on changes at once.

    Raises:
        UnknownJobError: There is no such job.
        JobStateError: The job is finished, or is already what is asked for.
    """
    session.execute(select(JobRow.id).where(JobRow.id == job_id).with_for_update())
    job = get(session, job_id)
    values: dict[str, Any] = {"wanted": wanted, "updated_at": func.now()}
    if wanted == Wanted.RUN:
        if job.status in (JobStatus.DONE, JobStatus.CANCELLED):
            raise JobStateError(job_id, job.status, "resumed")
        if job.status != JobStatus.RUNNING:
            values |= {"status": JobStatus.QUEUED, "finished_at": None, "error": None, "interruptions": 0}
    else:
        if job.status in FINISHED or (job.status == JobStatus.PAUSED and wanted == Wanted.PAUSE):
            raise JobStateError(job_id, job.status, _SETTLES[wanted])
        if job.status != JobStatus.RUNNING:
            values |= {"status": _SETTLES[wanted], "wanted": Wanted.RUN, "owner": None}
            values["finished_at"] = func.now() if wanted == Wanted.CANCEL else None
            if wanted == Wanted.CANCEL:
                job_uploads.drop(session, job_id)
    session.execute(
        update(JobRow).where(JobRow.id == job_id).values(values).execution_options(synchronize_session=False)
    )


def reopen(session: Session, job_id: UUID) -> None:
    """Queue a job again, finished or not, for what it knows of already: some of it is to be tried once more.

    Raises:
        UnknownJobError: There is no such job.
        JobStateError: A process works on it.
    """
    job = get(session, job_id)
    if job.status == JobStatus.RUNNING:
        raise JobStateError(job_id, job.status, "retried")
    session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(
            status=JobStatus.QUEUED,
            wanted=Wanted.RUN,
            request={**job.request, "only_known": True},
            fingerprint="",  # the same request, made anew, is to look at everything
            finished_at=None,
            error=None,
            updated_at=func.now(),
        )
        .execution_options(synchronize_session=False)
    )


def lock_key(job_id: UUID) -> int:
    """The key of the job's advisory lock, a signed 64-bit number: the first half of its id."""
    return int.from_bytes(job_id.bytes[:8], "big", signed=True)


HELD: ColumnElement[bool] = literal_column(
    # `lock_key` in SQL; pg_locks shows a key of 64 bits as two halves.
    "(('x' || left(replace(jobs.id::text, '-', ''), 16))::bit(64)::bigint IN ("
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' "
    "AND objsubid = 1 AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))",
    Boolean(),
)


def _jobs() -> Select[*tuple[Any, ...]]:
    dead = and_(JobRow.status == JobStatus.RUNNING, not_(HELD))
    return (
        select(
            *(column for column in JobRow.__table__.columns if column.key != "status"),
            case((dead, JobStatus.INTERRUPTED), else_=JobRow.status).label("status"),
            UserRow.name.label("user"),
            CorpusRow.name.label("corpus"),
        )
        .outerjoin(UserRow, UserRow.id == JobRow.user_id)
        .outerjoin(CorpusRow, CorpusRow.id == JobRow.corpus_id)
    )


def _job(row: Row[*tuple[Any, ...]]) -> Job:
    return Job(
        id=row.id,
        corpus_id=row.corpus_id,
        corpus=row.corpus,
        user=row.user,
        kind=row.kind,
        status=JobStatus(row.status),
        wanted=Wanted(row.wanted),
        request=row.request,
        host=row.host,
        interruptions=row.interruptions,
        counts=row.counts,
        bytes_read=row.bytes_read,
        bytes_total=row.bytes_total,
        seconds=row.seconds,
        error=row.error,
        started_at=row.started_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
