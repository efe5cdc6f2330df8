"""What became of each document of a job: a row for every source, kept in step with what was stored."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, not_, select, text, tuple_, update
from sqlalchemy.orm import Session

from store.job_types import JobStatus
from store.tables import JobDocumentRow, JobRow, among


class DocumentOutcome(StrEnum):
    """How far a source of a job is, or what became of it."""

    QUEUED = "queued"
    RUNNING = "running"
    READ = "read"
    """A file of records, read to its end; its records have rows of their own."""
    DONE = "done"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    """Failed too often, or went over a limit: not tried again unless it changes or is retried."""
    SKIPPED = "skipped"
    """A file of a folder that no reader claims."""
    REMOVED = "removed"
    """Pruned."""


OPEN = (DocumentOutcome.QUEUED, DocumentOutcome.RUNNING)
STORED = (DocumentOutcome.DONE, DocumentOutcome.DUPLICATE, DocumentOutcome.NEAR_DUPLICATE)
FAILURES = (DocumentOutcome.FAILED, DocumentOutcome.QUARANTINED)
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True)
class JobDocument:
    """What became of a source, or of a line of it where `line` is not 0.

    `kind` counts alike problems together; `trace` names places in the program, never text of a document.
    """

    source: str
    status: DocumentOutcome
    line: int = 0
    chunks: int = 0
    kind: str | None = None
    stage: str | None = None
    reason: str | None = None
    trace: str | None = None
    attempts: int = 0
    size_bytes: int | None = None
    modified_ns: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class OutcomeCount:
    """How many rows of a job have an outcome, and the chunks of these."""

    status: DocumentOutcome
    documents: int
    chunks: int


_WRITE = text(
    """
    INSERT INTO job_documents
        (job_id, source, line, status, chunks, kind, stage, reason, trace, attempts, size_bytes, modified_ns)
    SELECT :job_id, u.* FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS u(
        source text, line int, status text, chunks int, kind text, stage text, reason text, trace text,
        attempts int, size_bytes bigint, modified_ns bigint)
    ON CONFLICT (job_id, source, line) DO UPDATE SET
        status = excluded.status, chunks = excluded.chunks, kind = excluded.kind, stage = excluded.stage,
        reason = excluded.reason, trace = excluded.trace,
        attempts = greatest(excluded.attempts, job_documents.attempts),
        size_bytes = coalesce(excluded.size_bytes, job_documents.size_bytes),
        modified_ns = coalesce(excluded.modified_ns, job_documents.modified_ns),
        updated_at = now()
    """
)
_WRITTEN = (
    "source", "line", "status", "chunks", "kind", "stage", "reason", "trace", "attempts", "size_bytes",
    "modified_ns",
)  # fmt: skip


def write(session: Session, job_id: UUID, rows: Sequence[JobDocument]) -> None:
    """Note what became of sources; what was noted of them before is replaced. Each source and line once."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        # As JSON: arrays, a column each, take several times as long to make.
        plain = json.dumps([{name: getattr(row, name) for name in _WRITTEN} for row in part])
        session.execute(_WRITE, {"job_id": job_id, "rows": plain})


def begin(session: Session, job_id: UUID, sources: Sequence[str]) -> None:
    """Note that these inputs are being read."""
    _set_open(session, job_id, sources, DocumentOutcome.RUNNING)


def end(session: Session, job_id: UUID, sources: Sequence[str]) -> None:
    """Note that these inputs were read to their ends; those that became documents themselves stay."""
    _set_open(session, job_id, sources, DocumentOutcome.READ)


def requeue(session: Session, job_id: UUID, outcomes: Sequence[DocumentOutcome]) -> int:
    """Queue again what has one of these outcomes, with the file that it is in; returns how many have."""
    rows = session.execute(
        select(JobDocumentRow.source, JobDocumentRow.line).where(
            JobDocumentRow.job_id == job_id, JobDocumentRow.status.in_(outcomes)
        )
    ).all()
    inputs = {source for source, _ in rows} | {source.partition("#")[0] for source, _ in rows}
    of_job = JobDocumentRow.job_id == job_id
    # Lines that fail once more are noted once more.
    session.execute(
        delete(JobDocumentRow)
        .where(of_job, JobDocumentRow.line > 0, JobDocumentRow.status.in_(outcomes))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(JobDocumentRow)
        .where(
            of_job,
            among(JobDocumentRow.source, sorted(inputs)),
            JobDocumentRow.line == 0,
            JobDocumentRow.size_bytes.is_not(None),
        )
        .values(
            status=DocumentOutcome.QUEUED,
            kind=None,
            stage=None,
            reason=None,
            trace=None,
            modified_ns=None,
            updated_at=func.now(),
        )
        .execution_options(synchronize_session=False)
    )
    return len(rows)


def of_sources(session: Session, job_id: UUID, sources: Sequence[str]) -> dict[tuple[str, int], JobDocument]:
    """What is noted of these sources, by source and line."""
    rows = session.execute(
        _rows().where(JobDocumentRow.job_id == job_id, among(JobDocumentRow.source, sources))
    )
    return {(row.source, row.line): _document(row) for row in rows}


def quarantined(session: Session, corpus_id: int, sources: Sequence[str]) -> dict[str, JobDocument]:
    """Of these sources those that earlier jobs of the corpus quarantined, each as the newest noted it."""
    rows = session.execute(
        _rows()
        .join(JobRow, JobRow.id == JobDocumentRow.job_id)
        .where(
            JobRow.corpus_id == corpus_id,
            among(JobDocumentRow.source, sources),
            JobDocumentRow.status == DocumentOutcome.QUARANTINED,
            JobDocumentRow.line == 0,
        )
        .order_by(JobDocumentRow.updated_at)
    )
    return {row.source: _document(row) for row in rows}


def counts(session: Session, job_id: UUID) -> list[OutcomeCount]:
    """How many rows have which outcome."""
    rows = session.execute(
        select(JobDocumentRow.status, func.count(), func.sum(JobDocumentRow.chunks))
        .where(JobDocumentRow.job_id == job_id)
        .group_by(JobDocumentRow.status)
    )
    return [OutcomeCount(DocumentOutcome(status), number, int(chunks)) for status, number, chunks in rows]


def kinds(session: Session, job_id: UUID) -> dict[str, int]:
    """How many rows have a problem of which kind."""
    rows = session.execute(
        select(JobDocumentRow.kind, func.count())
        .where(JobDocumentRow.job_id == job_id, JobDocumentRow.kind.is_not(None))
        .group_by(JobDocumentRow.kind)
    )
    return {kind: number for kind, number in rows if kind is not None}


def noted(session: Session, job_id: UUID, *, failed: bool, limit: int) -> list[JobDocument]:
    """The first rows with a problem, in the order of their sources: failures, or mere notes."""
    failures = JobDocumentRow.status.in_(FAILURES)
    statement = (
        _rows()
        .where(
            JobDocumentRow.job_id == job_id,
            JobDocumentRow.kind.is_not(None),
            failures if failed else not_(failures),
        )
        .order_by(JobDocumentRow.source, JobDocumentRow.line)
        .limit(limit)
    )
    return [_document(row) for row in session.execute(statement)]


def damaged(session: Session, job_id: UUID) -> set[str]:
    """The files and folders (these end in "/") of which something could not be read."""
    file = func.split_part(JobDocumentRow.source, "#", 1)
    statement = (
        select(file)
        .distinct()
        .where(
            JobDocumentRow.job_id == job_id,
            JobDocumentRow.kind.is_not(None),
            JobDocumentRow.status.in_(FAILURES),
        )
    )
    return set(session.scalars(statement))


def left_open(session: Session, job_id: UUID) -> list[str]:
    """The inputs that were queued and have not been read."""
    return list(
        session.scalars(
            select(JobDocumentRow.source).where(
                JobDocumentRow.job_id == job_id, JobDocumentRow.status.in_(OPEN)
            )
        )
    )


def page(
    session: Session,
    job_id: UUID,
    *,
    after: tuple[str, int] | None,
    limit: int,
    outcome: DocumentOutcome | None = None,
    kind: str | None = None,
) -> list[JobDocument]:
    """The next `limit` rows in the order of their sources; `after` is the previous page's last.

    `outcome` and `kind` None take rows of any.
    """
    statement = (
        _rows()
        .where(JobDocumentRow.job_id == job_id)
        .order_by(JobDocumentRow.source, JobDocumentRow.line)
        .limit(limit)
    )
    if outcome is not None:
        statement = statement.where(JobDocumentRow.status == outcome)
    if outcome in FAILURES:
        statement = statement.where(JobDocumentRow.kind.is_not(None))  # all have one, and so an index
    if kind is not None:
        statement = statement.where(JobDocumentRow.kind == kind)
    if after is not None:
        statement = statement.where(tuple_(JobDocumentRow.source, JobDocumentRow.line) > after)
    return [_document(row) for row in session.execute(statement)]


def forget_unchanged(session: Session, corpus_id: int, newer: UUID) -> None:
    """Drop the rows of unchanged documents of the job before `newer`, if that left nothing to retry.

    Its report keeps their number. Without this every look at a large corpus would leave as many rows.
    """
    before = session.execute(
        select(JobRow.id)
        .where(JobRow.corpus_id == corpus_id, JobRow.id != newer, JobRow.status == JobStatus.DONE)
        .order_by(JobRow.started_at.desc())
        .limit(1)
    ).scalar()
    if before is None or noted(session, before, failed=True, limit=1):
        return
    session.execute(
        delete(JobDocumentRow)
        .where(JobDocumentRow.job_id == before, JobDocumentRow.status == DocumentOutcome.UNCHANGED)
        .execution_options(synchronize_session=False)
    )


def _set_open(session: Session, job_id: UUID, sources: Sequence[str], outcome: DocumentOutcome) -> None:
    if not sources:
        return
    session.execute(
        update(JobDocumentRow)
        .where(
            JobDocumentRow.job_id == job_id,
            among(JobDocumentRow.source, sources),
            JobDocumentRow.line == 0,
            JobDocumentRow.status.in_(OPEN),
        )
        .values(status=outcome, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


def _rows() -> Select[*tuple[Any, ...]]:
    return select(*JobDocumentRow.__table__.columns)


def _document(row: Row[*tuple[Any, ...]]) -> JobDocument:
    return JobDocument(
        source=row.source,
        status=DocumentOutcome(row.status),
        line=row.line,
        chunks=row.chunks,
        kind=row.kind,
        stage=row.stage,
        reason=row.reason,
        trace=row.trace,
        attempts=row.attempts,
        size_bytes=row.size_bytes,
        modified_ns=row.modified_ns,
        updated_at=row.updated_at,
    )
