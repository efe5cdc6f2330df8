"""What an ingestion tells: how far it is while it runs, and what became of everything at its end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from ingest.readers import Problem, ProblemKind

MAX_PROBLEMS = 1_000
MAX_NOTES = 100
_NO_FAILURES = (ProblemKind.SKIPPED, ProblemKind.REPEATED)


@dataclass(frozen=True)
class Progress:
    """How far an ingestion is; `bytes_total` is known from the start."""

    documents: int
    chunks: int
    failed: int
    bytes_read: int
    bytes_total: int
    seconds: float


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
    and the first 100 notes (kinds `skipped` and `repeated`); `problem_counts` counts all of them by kind.
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
    """Counts while an ingestion runs."""

    def __init__(self) -> None:
        self._documents: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._kinds: Counter[ProblemKind] = Counter()
        self._kept: Counter[bool] = Counter()
        self.chunks = 0
        self._damaged_files: set[str] = set()
        self._damaged_folders: set[str] = set()

    def count(self, outcome: str, times: int = 1) -> None:
        """Counts documents by a field of `DocumentCounts`."""
        self._documents[outcome] += times

    def add_problem(self, problem: Problem) -> None:
        """Counts a problem; skipped files and repeated ids are notes, no failures."""
        self._kinds[problem.kind] += 1
        failed = problem.kind not in _NO_FAILURES
        if self._kept[failed] < (MAX_PROBLEMS if failed else MAX_NOTES):
            self._kept[failed] += 1
            self._problems.append(problem)
        if failed:
            self.count("failed")
            file = problem.source.partition("#")[0]
            (self._damaged_folders if file.endswith("/") else self._damaged_files).add(file)

    def is_damaged(self, source: str) -> bool:
        """Whether a source belongs to a file or folder that could not be read whole."""
        in_file = source.partition("#")[0] in self._damaged_files
        return in_file or any(source.startswith(folder) for folder in self._damaged_folders)

    def progress(self, bytes_read: int, bytes_total: int, seconds: float) -> Progress:
        """Returns the state as it is now."""
        failed = self._documents["failed"]
        documents = sum(self._documents.values()) - failed
        return Progress(documents, self.chunks, failed, bytes_read, bytes_total, seconds)

    def report(self, job_id: UUID, seconds: float) -> Report:
        """Returns the report of everything that was counted."""
        return Report(
            job_id,
            DocumentCounts(**self._documents),
            self.chunks,
            seconds,
            self._kinds[ProblemKind.SKIPPED],
            tuple(self._problems),
            dict(self._kinds),
        )
