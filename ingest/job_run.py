"""One process's work on a job: from what is still to be read to the job's report.

What became of a document is noted in the transaction that stores it. So the process may die at any instant:
whoever goes on reads what the job has not noted as read, and stored documents cost a comparison of hashes.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from ingest.batches import Batch, Gatherer
from ingest.errors import IngestError, JobStoppedError
from ingest.ingest import Journey
from ingest.inputs import Input, Inputs, Scope
from ingest.job_rows import Notes, broken_row, gone_row, is_open, queued_row, with_all_attempts
from ingest.options import JobRequest
from ingest.prune import SOURCES_AT_ONCE, unseen
from ingest.reader_process import Reading, Retried
from ingest.readers import RawDocument
from ingest.report import Progress, Report, Tally, report_of
from ingest.stages import Embedding, Outcome
from ingest.worker import Ended, GivenUp
from store import documents, job_documents, jobs
from store.errors import DatabaseUnavailableError, JobTakenError, StoreError
from store.job_documents import OPEN, STORED, DocumentOutcome, JobDocument
from store.job_types import RESUMABLE, JobStatus, Standing, Wanted
from store.postgres import Database, SessionLock

logger = logging.getLogger(__name__)

MAX_INTERRUPTIONS = 3
"""A job whose process died so often in a row, without storing anything, goes on only when it is told to."""
_PARTIAL_BATCH_S = 2.0  # how long read documents wait for others that make a batch full
LOCK_S = 2.0
"""PostgreSQL may take this long to notice that a process has died."""
_LOOK_S = 1.0  # how often a job that waits asks whether it is still wanted
_NOTES_AT_ONCE = 2_000  # documents, of those that were stored before


class Readings(Protocol):
    """What gives readings: a process that reads inputs, or what was read already."""

    def next(self, timeout_s: float) -> Reading | None:
        """Returns what was read next; None when nothing came in time."""
        ...

    def close(self) -> None:
        """Ends the reading."""
        ...


class JobRun:
    """The work on a job; a context manager that lets go of the job, however far it is."""

    def __init__(
        self,
        database: Database,
        job_id: UUID,
        inputs: Inputs,
        *,
        journey: Journey,
        request: JobRequest,
        read: Callable[[Sequence[Input]], Readings],
        cleanup: Callable[[], None] = lambda: None,
        lock_s: float = LOCK_S,
        allowed: Sequence[JobStatus] = RESUMABLE,
    ) -> None:
        """Takes hold of the job if it is in an allowed state, which may take `lock_s`, and begins to read.

        `cleanup` is called when the run is closed.

        Raises:
            JobTakenError: another process works on it.
            JobStateError: it is in another state, such as done.
            UnknownJobError: there is none.
        """
        self._database = database
        self._journey = journey
        self._scopes: Sequence[Scope] = inputs.scopes if request.options.prune else ()
        self._sender = request.options.sender
        self._token = uuid4()
        self._cleanup = cleanup
        self._lock = _locked(database, job_id, lock_s)
        try:
            with database.transaction() as session:
                self._job = jobs.claim(session, job_id, self._token, allowed)
                counted = job_documents.counts(session, job_id)
            self._tally = Tally(counted)
            self._again = bool(counted)  # whether some of what comes may have been noted before
            self._pending = self._queue(inputs.found, request.only_known)
            self._gatherer = Gatherer(self._pending, request.options.batch_characters)
            self._readings = read(self._pending)
        except BaseException:
            self._lock.release()
            raise
        self._bytes_total = inputs.size_bytes
        self._bytes_done = self._bytes_total - sum(one.size_bytes for one in self._pending)
        self._bytes_stored = self._bytes_done
        self._embedding: Embedding | None = None
        self._waiting = Notes()
        self._begun_at = self._looked_at = time.monotonic()
        self._wanted = Wanted.RUN
        self._settled = False
        self.patience_s = 1.0
        """How long a step may wait for something to be read."""
        self.report: Report | None = None
        """What the job did; None until it is done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """Lets go of the job: paused if it was left in the middle, failed if an error ended it."""
        self._readings.close()
        try:
            # A database that is away cannot be told; that nobody holds the job any more says enough.
            if not isinstance(error, DatabaseUnavailableError | JobTakenError):
                with suppress(StoreError):
                    self._let_go(error)
        finally:
            self._lock.release()
            self._cleanup()

    def to_end(self, progress: Callable[[Progress], None] | None = None) -> Report:
        """Works until the job is done.

        Raises:
            JobStoppedError: somebody paused or cancelled it.
        """
        for state in self.steps():
            if progress is not None:
                progress(state)
        if self.report is None:
            raise JobStoppedError(self._job.id)
        return self.report

    def steps(self) -> Iterator[Progress]:
        """Works in steps; gives how far it is at the start, after every batch, and where it has to wait.

        A batch that takes long, such as a book, is a few steps.
        It ends when the job is done, paused or cancelled.
        """
        yield self._progress()
        left = len(self._pending)
        waited_s = 0.0
        while left and not self._settled:
            asked_at = time.monotonic()
            reading = self._readings.next(self.patience_s)
            if reading is None:
                waited_s += time.monotonic() - asked_at
                for _ in self._look(waited_s):
                    yield self._progress()
                yield self._progress()
                continue
            waited_s = 0.0
            left -= isinstance(reading, Ended | GivenUp)
            self._again = self._again or isinstance(reading, Retried)
            for batch in self._gatherer.add(reading):
                if not self._settled:
                    for _ in self._store(batch):
                        yield self._progress()
                    yield self._progress()
        if not self._settled:
            for _ in self._store(self._gatherer.take()):
                yield self._progress()
        if not self._settled:
            self._write_notes()
            for scope in self._scopes:
                self._prune(scope)
            self._finish()
        yield self._progress()

    def leave(self, status: JobStatus, error: str | None = None) -> None:
        """Notes how the job stands and that this process works on it no more."""
        if self._settled:
            return
        with self._database.transaction() as session:
            jobs.settle(session, self._job.id, self._token, status, standing=self._standing(), error=error)
        self._settled = True
        logger.info("Job %s is %s", self._job.id, status)

    def _queue(self, found: Sequence[Input], only_known: bool) -> list[Input]:
        """Returns what is still to be read, and notes what the job did not know of yet."""
        pending: list[Input] = []
        for start in range(0, len(found), SOURCES_AT_ONCE):
            part = found[start : start + SOURCES_AT_ONCE]
            sources = [one.source for one in part]
            with self._database.transaction() as session:
                before = job_documents.of_sources(session, self._job.id, sources) if self._again else {}
                if only_known:
                    part = [one for one in part if is_open(before.get((one.source, 0)))]
                banned = job_documents.quarantined(session, self._job.corpus_id or 0, sources)
                rows = [queued_row(one, before.get((one.source, 0)), banned.get(one.source)) for one in part]
                changed = [row for row in rows if row != before.get((row.source, row.line))]
                job_documents.write(session, self._job.id, changed)
            for row in changed:
                self._tally.add(row, before.get((row.source, row.line)))
            pending += [one for one, row in zip(part, rows, strict=True) if row.status in OPEN]
        return pending

    def _store(self, batch: Batch) -> Iterator[None]:
        """Stores a batch; where one of its documents makes that fail, the others without it."""
        if not batch:
            return
        try:
            yield from self._take(batch)
        except (StoreError, IngestError):
            raise
        except Exception as error:
            self._blame(error)
            for document in batch.documents:
                if not self._settled:
                    yield from self._store_alone(document, batch)
            if not self._settled:
                yield from self._take(replace(batch, documents=[]))

    def _store_alone(self, document: RawDocument, batch: Batch) -> Iterator[None]:
        try:
            yield from self._take(Batch([document], remarks=batch.remarks))
        except (StoreError, IngestError):
            raise
        except Exception as error:
            self._blame(error)
            batch.noted[document.source, 0] = broken_row(document.source, self._journey.stage, error)

    def _blame(self, error: Exception) -> None:
        """Raises the error unless it can be a document's fault."""
        if isinstance(error, DataError | psycopg.DataError | UnicodeError):
            return
        if isinstance(error, SQLAlchemyError | psycopg.Error) or self._journey.stage == "store":
            raise error
        self._journey.check_encoder()

    def _take(self, batch: Batch) -> Iterator[None]:
        counted: Tally | None = None

        def note(session: Session, outcomes: Sequence[Outcome]) -> None:
            nonlocal counted
            self._embedding, counted = None, self._tally.copy()
            self._wanted = self._note(session, self._waiting.added(batch, outcomes))

        try:
            prepared = self._journey.compare(batch.documents)
            if prepared.is_stored:
                self._wait_with(self._waiting.added(batch, prepared.unchanged))
                return
            for embedding in self._journey.take(prepared, note):
                self._embedding = embedding
                self._ask()
                if self._settled:
                    return
                yield
        except BaseException:
            self._tally = counted or self._tally  # nothing of it was committed
            raise
        finally:
            self._embedding = None
        self._waiting = Notes()
        self._bytes_stored = self._bytes_done + self._gatherer.bytes_read
        self._heed()

    def _wait_with(self, notes: Notes) -> None:
        """Keeps notes of what was stored before, to be written with more of their kind: a second at most."""
        self._waiting = notes
        self._bytes_stored = self._bytes_done + self._gatherer.bytes_read
        if len(notes.rows) >= _NOTES_AT_ONCE:
            self._write_notes()
            self._heed()
        else:
            self._ask()

    def _write_notes(self) -> None:
        """Writes what waits, and how far the job is."""
        counted = self._tally.copy()
        try:
            with self._database.transaction() as session:
                self._wanted = self._note(session, self._waiting)
        except BaseException:
            self._tally = counted
            raise
        self._waiting = Notes()

    def _note(self, session: Session, notes: Notes) -> Wanted:
        """Notes what became of documents, in a transaction that stores them; returns what is wanted next."""
        before: Mapping[tuple[str, int], JobDocument] = {}
        if self._again:
            sources = list(dict.fromkeys(source for source, _ in notes.rows))
            before = job_documents.of_sources(session, self._job.id, sources)
        written = []
        for place, row in notes.rows.items():
            old = before.get(place)
            if old is not None and row.status == DocumentOutcome.UNCHANGED and old.status in STORED:
                continue  # this job stored it before it was interrupted
            written.append(with_all_attempts(row, old))
            self._tally.add(written[-1], old)
        job_documents.write(session, self._job.id, written)
        job_documents.end(session, self._job.id, notes.ended)
        job_documents.begin(session, self._job.id, sorted(set(notes.begun) - set(notes.ended)))
        return jobs.advance(session, self._job.id, self._token, self._standing(), stored=bool(written))

    def _look(self, waited_s: float) -> Iterator[None]:
        """While nothing comes: stores what is there already, and asks whether the job is still wanted."""
        if waited_s >= _PARTIAL_BATCH_S and not self._gatherer.is_empty:
            yield from self._store(self._gatherer.take())
        else:
            self._ask()

    def _ask(self) -> None:
        """Notes how far the job is, and asks whether it is still wanted, unless that was done just now."""
        if time.monotonic() - self._looked_at < _LOOK_S:
            return
        self._write_notes()
        self._heed()

    def _heed(self) -> None:
        """Stops when that is wanted."""
        self._looked_at = time.monotonic()
        if self._wanted != Wanted.RUN:
            self.leave(JobStatus.PAUSED if self._wanted == Wanted.PAUSE else JobStatus.CANCELLED)

    def _prune(self, scope: Scope) -> None:
        """Removes what lies under a path and was not seen."""
        job_id, corpus_id, since = self._job.id, self._job.corpus_id or 0, self._job.started_at
        gone = unseen(self._database, self._job, scope, self._sender)
        for start in range(0, len(gone), SOURCES_AT_ONCE):
            part = gone[start : start + SOURCES_AT_ONCE]
            with self._database.transaction() as session:
                ids = [found.id for found in part]
                removed = documents.remove(session, corpus_id, ids, updated_before=since)
                rows = [JobDocument(found.source, DocumentOutcome.REMOVED) for found in part]
                job_documents.write(session, job_id, rows)
                self._tally.count(DocumentOutcome.REMOVED, removed)
                jobs.advance(session, job_id, self._token, self._standing(), stored=True)

    def _finish(self) -> None:
        """Notes what was gone before it could be read, and that the job is done."""
        job_id = self._job.id
        with self._database.transaction() as session:
            missing = [gone_row(source) for source in job_documents.left_open(session, job_id)]
            job_documents.write(session, job_id, missing)
            job_documents.forget_unchanged(session, self._job.corpus_id or 0, job_id)
            report = report_of(session, job_id, self._seconds())
            standing = replace(self._standing(), counts=report.to_json())
            jobs.settle(session, job_id, self._token, JobStatus.DONE, standing=standing)
        self._settled, self.report = True, report
        logger.info(
            "Job %s: %s, %d chunks in %.1f s", job_id, report.documents, report.chunks, report.seconds
        )

    def _let_go(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            self.leave(JobStatus.PAUSED)
        else:
            # Messages of foreign errors may quote texts.
            ours = isinstance(error, IngestError | StoreError)
            self.leave(JobStatus.FAILED, str(error) if ours else type(error).__name__)

    def _seconds(self) -> float:
        return self._job.seconds + time.monotonic() - self._begun_at

    def _standing(self) -> Standing:
        return self._tally.standing(self._bytes_read(), self._bytes_total, self._seconds())

    def _progress(self) -> Progress:
        return self._tally.progress(self._bytes_read(), self._bytes_total, self._seconds(), self._embedding)

    def _bytes_read(self) -> int:
        read = self._bytes_done + self._gatherer.bytes_read
        if self._embedding is None:
            return read
        in_work = read - self._bytes_stored
        return self._bytes_stored + in_work * self._embedding.done // self._embedding.total


def _locked(database: Database, job_id: UUID, lock_s: float) -> SessionLock:
    deadline = time.monotonic() + lock_s
    while True:
        lock = database.try_lock(jobs.lock_key(job_id))
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise JobTakenError(job_id)
        time.sleep(0.05)
