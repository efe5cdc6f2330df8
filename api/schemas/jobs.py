"""Jobs and what became of their documents."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, Json

from api.schemas.documents import ReadersBody
from api.schemas.fields import Body, Metadata, Text, View
from store.job_documents import DocumentOutcome
from store.job_types import Job, JobStatus

JOB_EXAMPLE: dict[str, Any] = {
    "id": "0f0a2c1e-57a3-4f6e-9d0b-6a5d7c0b1f22",
    "corpus": "handbook",
    "user": "ada",
    "kind": "ingest",
    "status": "running",
    "wanted": "run",
    "documents": {
        "done": 812,
        "unchanged": 0,
        "duplicate": 3,
        "near_duplicate": 0,
        "failed": 1,
        "quarantined": 0,
        "removed": 0,
    },
    "chunks": 2210,
    "skipped": 0,
    "bytes_read": 4100000,
    "bytes_total": 9000000,
    "share": 0.4556,
    "seconds": 81.2,
    "documents_per_s": 10.05,
    "seconds_left": 97.0,
    "error": None,
    "started_at": "2026-01-05T09:12:44Z",
    "updated_at": "2026-01-05T09:14:06Z",
    "finished_at": None,
}


class _Options(Body):
    """How the files of a job are read, and what is said of all of them."""

    corpus: Text
    text_field: Text | None = None
    """The field of JSONL and CSV records with the text; null looks for the usual names."""
    id_field: Text | None = None
    title_field: Text | None = None
    encoding: Text | None = None
    """The encoding of files that are not UTF-8."""


class JobBody(_Options):
    """Paths of the server to ingest; only inside the folders that its settings open to callers."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"corpus": "handbook", "paths": ["/srv/documents/handbook"]}}
    )

    paths: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    metadata: Metadata = Field(default_factory=dict)
    prune: bool = False
    """Whether to remove documents that are gone from the paths."""
    readers: ReadersBody | None = None
    """Who may see the documents, besides you; null leaves them their lists."""


class JobForm(_Options):
    """What a form says of the files that it carries."""

    metadata: Json[Metadata] | None = None
    """A JSON object."""
    readers: Json[ReadersBody] | None = None
    """Who may see the documents, besides you: a JSON object with `users` and `groups`."""


class RetryBody(Body):
    """What to try again."""

    model_config = ConfigDict(json_schema_extra={"example": {"quarantined": True}})

    quarantined: bool = False
    """Whether to try again what is in quarantine, too."""


class JobView(View):
    """A job and how far it is."""

    model_config = ConfigDict(json_schema_extra={"example": JOB_EXAMPLE})

    id: UUID
    corpus: str | None
    user: str | None
    kind: str
    status: JobStatus
    wanted: str
    """What its process is asked to do with it: run, pause or cancel."""
    documents: dict[str, int]
    chunks: int
    skipped: int
    bytes_read: int
    bytes_total: int
    share: float
    """How much of what is to be read has been, between 0 and 1."""
    seconds: float
    """How long it was worked on."""
    documents_per_s: float | None
    seconds_left: float | None
    """At the rate so far; null where there is none yet, and when the job has ended."""
    error: str | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """The view of a job."""
        documents = dict(job.counts.get("documents", {}))
        is_open = job.finished_at is None
        left = job.seconds * (job.bytes_total - job.bytes_read) / job.bytes_read if job.bytes_read else None
        total = sum(documents.values())
        return cls(
            id=job.id,
            corpus=job.corpus,
            user=job.user,
            kind=job.kind,
            status=job.status,
            wanted=job.wanted,
            documents=documents,
            chunks=job.counts.get("chunks", 0),
            skipped=job.counts.get("skipped", 0),
            bytes_read=job.bytes_read,
            bytes_total=job.bytes_total,
            share=_share(job),
            seconds=round(job.seconds, 3),
            documents_per_s=round(total / job.seconds, 3) if total and job.seconds else None,
            seconds_left=round(left, 1) if is_open and left is not None else None,
            error=job.error,
            started_at=job.started_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
        )


class JobsView(View):
    """A page of jobs, the newest first; `next` is the cursor of the page after."""

    jobs: list[JobView]
    next: str | None


class JobDocumentView(View):
    """What became of a source of a job, or of a line of it where `line` is not 0.

    `reason`, `stage` and `trace` say what went wrong; the trace names places in the program, no text.
    """

    source: str
    line: int
    status: DocumentOutcome
    chunks: int
    kind: str | None
    stage: str | None
    reason: str | None
    trace: str | None
    attempts: int
    updated_at: datetime


class JobDocumentsView(View):
    """A page of a job's documents in the order of their sources; `next` is the cursor of the page after."""

    documents: list[JobDocumentView]
    next: str | None


def _share(job: Job) -> float:
    if job.bytes_total:
        return round(job.bytes_read / job.bytes_total, 4)
    return 1.0 if job.status == JobStatus.DONE else 0.0
