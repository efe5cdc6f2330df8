"""What a job notes of its inputs and documents."""

from dataclasses import replace

from ingest.batches import Batch
from ingest.inputs import Input
from ingest.readers import ProblemKind
from ingest.stages import Outcome
from store.job_documents import OPEN, DocumentOutcome, JobDocument

MAX_ATTEMPTS = 3
"""A document that has failed so often is quarantined."""


def queued_row(found: Input, before: JobDocument | None, ban: JobDocument | None) -> JobDocument:
    """Returns the row of an input: as it was if there is nothing to do, else queued.

    A file that changed since it was read is read again. One that an earlier job put into quarantine is not,
    until it changes or is retried there.
    """
    if before is not None and _is_same(before, found):
        return before
    if before is None and ban is not None and found.modified_ns is not None and _is_same(ban, found):
        return replace(ban, updated_at=None)
    return JobDocument(
        found.source,
        DocumentOutcome.QUEUED,
        attempts=0 if before is None else before.attempts,
        size_bytes=found.size_bytes,
        modified_ns=found.modified_ns,
    )


def _is_same(row: JobDocument, found: Input) -> bool:
    return (row.size_bytes, row.modified_ns) == (found.size_bytes, found.modified_ns)


def outcome_row(outcome: Outcome, batch: Batch) -> JobDocument:
    """Returns the row of a document that was stored, with a note where it came under another source."""
    if outcome.kind is not None:
        stage = "quality"
        return JobDocument(
            outcome.source, outcome.status, kind=outcome.kind, stage=stage, reason=outcome.reason
        )
    reason = batch.repeated.get(outcome.source)
    kind = None if reason is None else ProblemKind.REPEATED
    return JobDocument(outcome.source, outcome.status, chunks=outcome.chunks, kind=kind, reason=reason)


def with_all_attempts(row: JobDocument, before: JobDocument | None) -> JobDocument:
    """Returns the row with all attempts so far; after too many failures it goes into quarantine."""
    if before is None or row.status not in (DocumentOutcome.FAILED, DocumentOutcome.QUARANTINED):
        return row
    attempts = before.attempts + row.attempts
    if attempts < MAX_ATTEMPTS:
        return replace(row, attempts=attempts)
    return replace(row, attempts=attempts, status=DocumentOutcome.QUARANTINED)


def is_open(row: JobDocument | None) -> bool:
    """Whether a row says that a document is still to be read."""
    return row is not None and row.status in OPEN


def is_damaged(source: str, damage: set[str]) -> bool:
    """Whether a source belongs to a file or folder that could not be read whole."""
    folders = (place for place in damage if place.endswith("/"))
    return source.partition("#")[0] in damage or any(source.startswith(folder) for folder in folders)
