"""The server's work on jobs: a thread that gives each a batch in turn, so none waits for another's end."""

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from api.build import Application
from api.bulk import open_job
from ingest.errors import IngestError
from ingest.job_run import MAX_INTERRUPTIONS, JobRun
from ingest.jobs import fail, this_host
from ingest.report import Progress
from rag.errors import RagError
from store import jobs
from store.errors import DatabaseUnavailableError, JobStateError, JobTakenError, StoreError
from store.job_types import WAITING, Job, JobStatus

logger = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often it looks for jobs that wait."""
TURN_S = 0.02
"""How long a job may wait for something to be read while others want their turns."""
STOP_S = 8.0


@dataclass(frozen=True)
class _Active:
    run: JobRun
    steps: Iterator[Progress]


class JobRunner:
    """Works on all jobs that wait, up to so many at once; also on those whose process died."""

    def __init__(self, parts: Application) -> None:
        self._parts = parts
        self._active: dict[UUID, _Active] = {}
        self._stopping = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin, unless the settings want no jobs here."""
        if self._parts.settings.concurrent_jobs:
            self._thread.start()

    def call(self) -> None:
        """Have it look at once: there is a new job."""
        self._called.set()

    def stop(self) -> None:
        """End after the batch that is being worked on; the jobs are queued for whoever comes next."""
        self._stopping.set()
        self._called.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def _run(self) -> None:
        looked_at = 0.0
        reached = True
        while not self._stopping.is_set():
            if self._called.is_set() or time.monotonic() - looked_at >= LOOK_S:
                self._called.clear()
                reached = self._look(reached)
                looked_at = time.monotonic()
            for job_id in list(self._active):
                if not self._stopping.is_set():
                    self._turn(job_id)
            if not self._active:
                self._called.wait(LOOK_S)
        for job_id in list(self._active):
            self._leave(job_id)

    def _look(self, reached_before: bool) -> bool:
        try:
            self._admit()
        except Exception as error:
            # Nothing may end the thread: a database that is away comes back, one that is behind is migrated.
            if reached_before:
                ours = isinstance(error, StoreError)
                logger.warning("jobs rest for now: %s", error if ours else type(error).__name__)
            return False
        return True

    def _admit(self) -> None:
        """Take on jobs that wait, the oldest first, as long as there is room."""
        room = self._parts.settings.concurrent_jobs - len(self._active)
        if room <= 0:
            return
        with self._parts.database.transaction() as session:
            waiting = jobs.waiting(session, this_host(), room)
        for job in waiting:
            self._open(job)

    def _open(self, job: Job) -> None:
        try:
            if job.interruptions >= MAX_INTERRUPTIONS:
                reason = (
                    f"its process died {job.interruptions + 1} times without getting on; resume it by hand"
                )
                fail(self._parts.database, job.id, reason)
                return
            run = open_job(self._parts, job.id, lock_s=0, allowed=WAITING)
        except (DatabaseUnavailableError, JobStateError, JobTakenError):
            return  # it is another process's by now, or paused
        except Exception as error:
            logger.warning("job %s cannot be opened: %s", job.id, type(error).__name__)
            ours = isinstance(error, StoreError | IngestError | RagError | OSError)
            with suppress(JobStateError, JobTakenError):
                fail(self._parts.database, job.id, str(error) if ours else type(error).__name__)
            return
        self._active[job.id] = _Active(run, run.steps())

    def _turn(self, job_id: UUID) -> None:
        """Let a job work on one batch, or see that it has to wait."""
        active = self._active[job_id]
        active.run.patience_s = LOOK_S if len(self._active) == 1 else TURN_S
        try:
            next(active.steps)
        except StopIteration:
            self._close(job_id, None)
        except Exception as error:
            # The message may quote a document: not above DEBUG.
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.warning("job %s stopped: %s\n%s", job_id, type(error).__name__, frames)
            self._close(job_id, error)

    def _leave(self, job_id: UUID) -> None:
        try:
            self._active[job_id].run.leave(JobStatus.QUEUED)
        except StoreError as error:
            logger.warning("job %s could not be left in order: %s", job_id, type(error).__name__)
        self._close(job_id, None)

    def _close(self, job_id: UUID, error: Exception | None) -> None:
        self._active.pop(job_id).run.close(error)
