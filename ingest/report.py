"""What an ingestion tells: how far it is while it runs, and what became of everything at its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from ingest.readers import Problem, ProblemKind
from ingest.stages import Embedding
from store import job_documents
from store.job_documents import DocumentOutcome, JobDocument, OutcomeCount
from store.job_types import Standing

MAX_PROBLEMS = 1_000
MAX_NOTES = 100


@dataclass(frozen=True)
class Progress:
    """How far an ingestion is; `bytes_total` is known from the start.

    Of a batch that is being embedded, `bytes_read` counts as much as is embedded.
    """

    documents: int
    chunks: int
    failed: int
    bytes_read: int
    bytes_total: int
    seconds: float
    embedding: Embedding | None = None
    """How far a batch is that takes long."""


@dataclass(frozen=True)
class DocumentCounts:
    """What became of the documents.

    `done` are new or changed ones that can now be found; `failed` also counts pieces, such as lines, that
    could not become documents; `removed` are those that pruning took out.
    """

    done: int = 0
    unchanged: int = 0
    duplicate: int = 0
    near_duplicate: int = 0
    failed: int = 0
    quarantined: int = 0
    removed: int = 0


@dataclass(frozen=True)
class Report:
    """What an ingestion did.

    `skipped` counts what folders hold that no reader claims. `problems` holds the first 1,000 failures
    and the first 100 notes (kinds `skipped` and `repeated`, and `scanned` of documents that lack some pages);
    `problem_counts` counts all of them by kind.
    """

    job_id: UUID
    documents: DocumentCounts
    chunks: int
    seconds: float
    skipped: int
    problems: tuple[Problem, ...]
    problem_counts: Mapping[ProblemKind, int]

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain values for JSON."""
        return {
            "job_id": str(self.job_id),
            "documents": asdict(self.documents),
            "chunks": self.chunks,
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "problems": [
                {
                    "source": problem.source,
                    "line": problem.line,
                    "kind": problem.kind,
                    "reason": problem.reason,
                }
                for problem in self.problems
            ],
            "problem_counts": {str(kind): count for kind, count in self.problem_counts.items()},
        }


class Tally:
    """Counts while a job runs: at any moment what the rows of the job's documents add up to."""

    def __init__(self, counted: Sequence[OutcomeCount] = ()) -> None:
        self._documents: Counter[DocumentOutcome] = Counter()
        self.chunks = 0
        for count in counted:
            self._documents[count.status] += count.documents
            self.chunks += count.chunks

    def add(self, document: JobDocument, before: JobDocument | None) -> None:
        """Counts what became of a document, in place of what was noted of it before."""
        if before is not None:
            self._documents[before.status] -= 1
            self.chunks -= before.chunks
        self._documents[document.status] += 1
        self.chunks += document.chunks

    def copy(self) -> "Tally":
        """Returns a tally of its own with the same counts."""
        other = Tally()
        other._documents, other.chunks = self._documents.copy(), self.chunks
        return other

    def count(self, outcome: DocumentOutcome, times: int) -> None:
        """Counts documents."""
        self._documents[outcome] += times

    @property
    def documents(self) -> DocumentCounts:
        """What became of the documents so far."""
        return DocumentCounts(**{f.name: self._documents[DocumentOutcome(f.name)] for f in _FIELDS})

    def standing(self, bytes_read: int, bytes_total: int, seconds: float) -> Standing:
        """Returns the state as the job keeps it."""
        counts = {
            "documents": asdict(self.documents),
            "chunks": self.chunks,
            "seconds": round(seconds, 3),
            "skipped": self._documents[DocumentOutcome.SKIPPED],
        }
        return Standing(counts, bytes_read, bytes_total, seconds)

    def progress(
        self, bytes_read: int, bytes_total: int, seconds: float, embedding: Embedding | None
    ) -> Progress:
        """Returns the state as it is shown."""
        counts = self.documents
        failed = counts.failed + counts.quarantined
        seen = sum(asdict(counts).values()) - failed
        return Progress(seen, self.chunks, failed, bytes_read, bytes_total, seconds, embedding)


_FIELDS = fields(DocumentCounts)


def report_of(session: Session, job_id: UUID, seconds: float) -> Report:
    """Returns the report of a job from the rows of its documents."""
    counted = job_documents.counts(session, job_id)
    by_status = {count.status: count.documents for count in counted}
    failures = job_documents.noted(session, job_id, failed=True, limit=MAX_PROBLEMS)
    notes = job_documents.noted(session, job_id, failed=False, limit=MAX_NOTES)
    return Report(
        job_id,
        Tally(counted).documents,
        sum(count.chunks for count in counted),
        seconds,
        by_status.get(DocumentOutcome.SKIPPED, 0),
        tuple(_problem(document) for document in (*failures, *notes)),
        {ProblemKind(kind): number for kind, number in job_documents.kinds(session, job_id).items()},
    )


def _problem(document: JobDocument) -> Problem:
    kind = ProblemKind(document.kind or ProblemKind.INTERNAL)
    return Problem(document.source, document.line or None, kind, document.reason or "")
