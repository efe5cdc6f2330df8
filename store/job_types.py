"""What a job is: its states, what it is made from, and what is noted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class JobStatus(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """Its process died; it goes on where it was when it is resumed. Never stored: seen by the lock."""
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    """Something stopped it as a whole; `error` says what. It can be resumed."""
    CANCELLED = "cancelled"


class Wanted(StrEnum):
    """What the process that works on a job is asked to do with it."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


WAITING = (JobStatus.QUEUED, JobStatus.INTERRUPTED, JobStatus.RUNNING)
"""What a process takes up by itself; it holds the lock, so a running job is one whose process died."""
RESUMABLE = (*WAITING, JobStatus.PAUSED, JobStatus.FAILED)
FINISHED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class NewJob:
    """A job to be made.

    `fingerprint` is the same for the same request, so that it finds its unfinished job again. `host` names
    the machine that has the files; None: any can work on it. A job whose maker works on it itself begins
    paused, which no server takes up.
    """

    corpus_id: int
    user: str | None
    kind: str
    request: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    host: str | None = None
    status: JobStatus = JobStatus.QUEUED


@dataclass(frozen=True)
class Job:
    """A job and what it counted; `counts` is the report as the command line prints it."""

    id: UUID
    corpus_id: int | None
    corpus: str | None
    user: str | None
    kind: str
    status: JobStatus
    wanted: Wanted
    request: Mapping[str, Any]
    host: str | None
    interruptions: int
    """How often its process died since something was last stored."""
    counts: Mapping[str, Any]
    bytes_read: int
    bytes_total: int
    seconds: float
    """How long it was worked on."""
    error: str | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Standing:
    """How far a job is: what its process notes with every batch."""

    counts: Mapping[str, Any]
    bytes_read: int
    bytes_total: int
    seconds: float
