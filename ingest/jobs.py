"""Bulk ingestions as jobs: made, found again, worked on, resumed."""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from ingest.anonymize import Anonymizer
from ingest.ingest import Embed, Journey
from ingest.inputs import Input, Inputs, find_inputs
from ingest.job_run import LOCK_S, JobRun
from ingest.limits import Limits
from ingest.options import IngestOptions, JobRequest, SentFile, parse_request
from ingest.reader_process import InputReading, Reading
from ingest.readers import Problem, RawDocument
from ingest.report import Progress, Report
from ingest.split import Tokens
from ingest.worker import Begun, Ended, Items
from store import job_documents, job_uploads, jobs
from store.errors import JobTakenError
from store.job_documents import DocumentOutcome
from store.job_types import RESUMABLE, WAITING, Job, JobStatus, NewJob, Standing
from store.postgres import Database
from store.types import Corpus

BULK = "ingest"
UPLOAD = "upload"


@dataclass(frozen=True)
class SentContent:
    """A file that was sent: `name` decides how it is read, `source` is what its documents are known by."""

    name: str
    source: str
    content: IO[bytes]


def ingest(
    paths: Sequence[str],
    corpus: Corpus,
    *,
    database: Database,
    embed: Embed,
    tokens: Tokens,
    options: IngestOptions | None = None,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | None = None,
    user: str | None = None,
    anonymizer: Anonymizer | None = None,
) -> Report:
    """Brings files, folders and `pydoc:` modules into a corpus; what fails is counted in the report.

    If the same was asked for before and did not come to its end, that job goes on where it was.

    Args:
        paths: what to read; see `ingest.inputs.find_inputs`.
        corpus: where to; `embed` has to be its encoder.
        database: holds the corpus.
        embed: gives the unit vectors of chunks with their heading paths, `(n, corpus.dimension)`.
        tokens: gives the token offsets of the same encoder.
        options: None takes the defaults.
        limits: what a single document may take; None takes the defaults.
        progress: is called at the start, after every batch, and now and then while nothing comes.
        user: whom the job is noted for; None is nobody in particular.
        anonymizer: puts pseudonyms in the place of personal data; a corpus that is anonymised needs it.

    Raises:
        MissingPathError: a path does not exist; nothing was done.
        UnknownModuleError: a `pydoc:` name is no module; nothing was done.
        DatabaseSourceError: an address of a database cannot be used; nothing was done.
        EmbeddingError: `embed` gave something else than finite vectors of the corpus's dimension.
        JobTakenError: another process is at the same ingestion.
        JobStoppedError: somebody paused or cancelled the job.
        DatabaseUnavailableError: PostgreSQL went away; what was stored before stays.
    """
    request = JobRequest(tuple(map(_absolute, paths)), options=options or IngestOptions())
    inputs = find_inputs(paths, request.options.read.query)
    job_id = find_or_create(database, corpus, request, user)
    journey = Journey(
        corpus, database, embed=embed, tokens=tokens, options=request.options, anonymizer=anonymizer
    )
    with open_run(database, job_id, inputs, journey=journey, request=request, limits=limits) as run:
        return run.to_end(progress)


def ingest_readings(
    readings: Iterable[RawDocument | Problem],
    corpus: Corpus,
    *,
    database: Database,
    embed: Embed,
    tokens: Tokens,
    options: IngestOptions | None = None,
    user: str | None = None,
    source: str = "upload://",
    anonymizer: Anonymizer | None = None,
) -> Report:
    """Brings what a reader gives into a corpus (an upload from `source`); like `ingest` in all else."""
    request = JobRequest(options=options or IngestOptions())
    with database.transaction() as session:
        own = NewJob(corpus.id, user, UPLOAD, host=this_host(), status=JobStatus.PAUSED)
        job_id = jobs.create(session, own)
    inputs = Inputs([Input(Path(), name=source)], ())
    journey = Journey(
        corpus, database, embed=embed, tokens=tokens, options=request.options, anonymizer=anonymizer
    )

    def read(_pending: Sequence[Input]) -> _AtHand:
        return _AtHand(readings)

    with JobRun(database, job_id, inputs, journey=journey, request=request, read=read) as run:
        return run.to_end()


def find_or_create(database: Database, corpus: Corpus, request: JobRequest, user: str | None) -> UUID:
    """Returns the job of this request that has not come to its end; makes one when there is none.

    It is for the caller to work on: a new one begins paused.
    """
    with database.transaction() as session:
        unfinished = jobs.unfinished(session, corpus.id, request.fingerprint)
        if unfinished is not None:
            return unfinished.id
        return create_for_paths(session, corpus, request, user, JobStatus.PAUSED)


def open_run(
    database: Database,
    job_id: UUID,
    inputs: Inputs,
    *,
    journey: Journey,
    request: JobRequest,
    limits: Limits | None = None,
    cleanup: Callable[[], None] = lambda: None,
    lock_s: float = LOCK_S,
    allowed: Sequence[JobStatus] = RESUMABLE,
) -> JobRun:
    """Takes hold of a job and begins to read its inputs, in a process of their own; see `JobRun`.

    Raises:
        JobTakenError: another process works on it.
        JobStateError: it is in another state, such as done.
        UnknownJobError: there is none.
    """
    read = partial(InputReading, options=request.options.read, limits=limits)
    return JobRun(
        database,
        job_id,
        inputs,
        journey=journey,
        request=request,
        read=read,
        cleanup=cleanup,
        lock_s=lock_s,
        allowed=allowed,
    )


def create_for_paths(
    session: Session,
    corpus: Corpus,
    request: JobRequest,
    user: str | None,
    status: JobStatus = JobStatus.QUEUED,
) -> UUID:
    """Makes a job for paths of this machine."""
    new = NewJob(corpus.id, user, BULK, request.to_json(), request.fingerprint, this_host(), status)
    return jobs.create(session, new)


def create_for_files(
    session: Session, corpus: Corpus, options: IngestOptions, files: Sequence[SentContent], user: str
) -> UUID:
    """Makes a job for files that were sent, which the database keeps until they are read."""
    job_id = jobs.create(session, NewJob(corpus.id, user, BULK))
    kept = [
        SentFile(number, file.name, file.source, job_uploads.put(session, job_id, number, file.content))
        for number, file in enumerate(files)
    ]
    jobs.set_request(session, job_id, JobRequest(files=tuple(kept), options=options).to_json())
    return job_id


def fail(database: Database, job_id: UUID, reason: str) -> None:
    """Notes that a job which nobody works on cannot go on.

    Raises:
        JobTakenError: a process works on it.
    """
    token = uuid4()
    lock = database.try_lock(jobs.lock_key(job_id))
    if lock is None:
        raise JobTakenError(job_id)
    try:
        with database.transaction() as session:
            job = jobs.claim(session, job_id, token, WAITING)
            standing = Standing(job.counts, job.bytes_read, job.bytes_total, job.seconds)
            jobs.settle(session, job_id, token, JobStatus.FAILED, standing=standing, error=reason)
    finally:
        lock.release()


def retry(database: Database, job_id: UUID, *, quarantined: bool) -> int:
    """Queues what failed in a job once more, with the files that it is in; returns how many pieces failed.

    Raises:
        UnknownJobError: there is no such job.
        JobStateError: a process works on it.
    """
    outcomes = [DocumentOutcome.FAILED, *([DocumentOutcome.QUARANTINED] if quarantined else [])]
    with database.transaction() as session:
        jobs.reopen(session, job_id)
        return job_documents.requeue(session, job_id, outcomes)


def request_of(job: Job) -> JobRequest:
    """Returns what a job was asked for.

    Raises:
        RequestError: it cannot be told any more, or its files are on another machine.
    """
    return parse_request(job.request)


def this_host() -> str:
    """The name of this machine: jobs with paths are resumed where the paths lead somewhere."""
    return socket.gethostname()


def _absolute(path: str) -> str:
    return path if ":" in path.partition("/")[0] else os.path.abspath(path)  # noqa: PTH100 - as find_inputs


class _AtHand:
    """Readings that need no process: of what is in this one's hands already."""

    def __init__(self, readings: Iterable[RawDocument | Problem]) -> None:
        self._items = iter(readings)
        self._begun = False

    def next(self, timeout_s: float) -> Reading:
        """Returns what is read next."""
        if not self._begun:
            self._begun = True
            return Begun(0)
        item = next(self._items, None)
        return Ended(0) if item is None else Items(0, (item,))

    def close(self) -> None:
        """Lets go of what was not read."""
