"""Bulk ingestions as jobs: made, found again, worked on, resumed."""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

from ingest.ingest import Embed, Journey
from ingest.inputs import Input, Inputs, find_inputs
from ingest.job_run import JobRun
from ingest.limits import Limits
from ingest.options import IngestOptions, JobRequest, parse_request
from ingest.reader_process import InputReading, Reading
from ingest.readers import Problem, RawDocument
from ingest.report import Progress, Report
from ingest.split import Tokens
from ingest.worker import Begun, Ended, Items
from store import jobs
from store.jobs import Job, NewJob
from store.postgres import Database
from store.types import Corpus

BULK = "ingest"
UPLOAD = "upload"


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

    Raises:
        MissingPathError: a path does not exist; nothing was done.
        UnknownModuleError: a `pydoc:` name is no module; nothing was done.
        EmbeddingError: `embed` gave something else than finite vectors of the corpus's dimension.
        JobTakenError: another process is at the same ingestion.
        JobStoppedError: somebody paused or cancelled the job.
        DatabaseUnavailableError: PostgreSQL went away; what was stored before stays.
    """
    request = JobRequest(tuple(map(_absolute, paths)), options=options or IngestOptions())
    inputs = find_inputs(paths)
    job_id = find_or_create(database, corpus, request, user)
    journey = Journey(corpus, database, embed=embed, tokens=tokens, options=request.options)
    with open_run(database, job_id, inputs, journey=journey, options=request.options, limits=limits) as run:
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
) -> Report:
    """Brings what a reader gives into a corpus (an upload from `source`); like `ingest` in all else."""
    options = options or IngestOptions()
    with database.transaction() as session:
        job_id = jobs.create(session, NewJob(corpus.id, user, UPLOAD, host=this_host()))
    inputs = Inputs([Input(Path(), name=source)], ())
    journey = Journey(corpus, database, embed=embed, tokens=tokens, options=options)

    def read(_pending: Sequence[Input]) -> _AtHand:
        return _AtHand(readings)

    with JobRun(database, job_id, inputs, journey=journey, options=options, read=read) as run:
        return run.to_end()


def find_or_create(database: Database, corpus: Corpus, request: JobRequest, user: str | None) -> UUID:
    """Returns the job of this request that has not come to its end; makes one when there is none."""
    with database.transaction() as session:
        unfinished = jobs.unfinished(session, corpus.id, request.fingerprint)
        if unfinished is not None:
            return unfinished.id
        return jobs.create(
            session,
            NewJob(corpus.id, user, BULK, request.to_json(), request.fingerprint, this_host()),
        )


def open_run(
    database: Database,
    job_id: UUID,
    inputs: Inputs,
    *,
    journey: Journey,
    options: IngestOptions,
    limits: Limits | None = None,
) -> JobRun:
    """Takes hold of a job and begins to read its inputs, in a process of their own.

    Raises:
        JobTakenError: another process works on it.
        JobStateError: it is done or cancelled.
        UnknownJobError: there is none.
    """
    read = partial(InputReading, options=options.read, limits=limits)
    return JobRun(database, job_id, inputs, journey=journey, options=options, read=read)


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
