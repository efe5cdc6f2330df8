"""What a job notes of its inputs and documents."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ingest.batches import Batch
from ingest.inputs import Input
from ingest.readers import ProblemKind
from ingest.stages import Outcome
from store.job_documents import OPEN, DocumentOutcome, JobDocument

MAX_ATTEMPTS = 3
"""A document that has failed so often is quarantined."""


@dataclass
class Notes:
    """What is to be noted of documents and of the inputs that they are from."""

    rows: dict[tuple[str, int], JobDocument] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to note."""
        return bool(self.rows or self.begun or self.ended)

    def added(self, batch: Batch, outcomes: Sequence[Outcome]) -> "Notes":
        """Returns these and a batch's; of a document that came once more, what became of it last."""
        rows = dict(self.rows)
        rows |= batch.noted
        for outcome in outcomes:
            row = outcome_row(outcome, batch)
            rows[row.source, row.line] = row
        return Notes(rows, self.begun + batch.begun, self.ended + batch.ended)


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
    """Returns the row of a document that was stored, or refused, with what has to be said of it."""
    if outcome.kind is not None:
        stage = "quality"
        return JobDocument(
            outcome.source, outcome.status, kind=outcome.kind, stage=stage, reason=outcome.reason
        )
    remark = batch.remarks.get(outcome.source)
    kind, reason = (None, None) if remark is None else (remark.kind, remark.reason)
    return JobDocument(outcome.source, outcome.status, chunks=outcome.chunks, kind=kind, reason=reason)


def broken_row(source: str, stage: str, error: Exception) -> JobDocument:
    """Returns the row of a document that one of our own stages failed on."""
    # The message may quote the text: the trace has places and the class only.
    frames = "".join(traceback.format_tb(error.__traceback__))
    name = type(error).__name__
    return JobDocument(
        source,
        DocumentOutcome.FAILED,
        kind=ProblemKind.INTERNAL,
        stage=stage,
        reason=f"it could not be brought through the stage {stage!r} ({name})",
        trace=f"{frames}{name}",
        attempts=1,
    )


def gone_row(source: str) -> JobDocument:
    """Returns the row of an input that was queued and is not there any more."""
    return JobDocument(
        source,
        DocumentOutcome.FAILED,
        kind=ProblemKind.UNREADABLE,
        stage="read",
        reason="it was gone when the job came to it",
        attempts=1,
    )


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
