"""What was read, gathered into batches that are stored together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ingest.inputs import Input
from ingest.reader_process import Reading, Retried
from ingest.readers import Problem, ProblemKind, RawDocument, Remark
from ingest.worker import Begun, Ended, GivenUp, Items
from store.job_documents import DocumentOutcome, JobDocument

_BATCH_DOCUMENTS = 500
_MAX_SOURCE_BYTES = 2_000  # PostgreSQL indexes nothing longer than 2,704
_READ = "read"


@dataclass
class Batch:
    """Documents to be stored together, what is noted beside them, and the inputs that end with them."""

    documents: list[RawDocument] = field(default_factory=list)
    noted: dict[tuple[str, int], JobDocument] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)
    """What has to be said of documents, by their sources."""
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    characters: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything to store or note."""
        return bool(self.documents or self.noted or self.begun or self.ended)


class Gatherer:
    """Puts readings into batches of about `batch_characters` of text."""

    def __init__(self, inputs: Sequence[Input], batch_characters: int) -> None:
        self._inputs = inputs
        self._batch_characters = batch_characters
        self._batch = Batch()
        self._seen: set[int] = set()  # hashes of the input's sources: some 70 bytes a document
        self._times: dict[str, int] = {}
        self._bytes_before = 0
        self.bytes_read = 0

    @property
    def _is_full(self) -> bool:
        batch = self._batch
        return (
            batch.characters >= self._batch_characters
            or len(batch.documents) + len(batch.noted) >= _BATCH_DOCUMENTS
            or len(batch.ended) >= _BATCH_DOCUMENTS
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not self._batch

    def take(self) -> Batch:
        """Returns the batch, and begins the next."""
        batch, self._batch = self._batch, Batch()
        return batch

    def add(self, reading: Reading) -> Iterator[Batch]:
        """Takes in what was read; gives the batches that are full, to be stored before more comes."""
        found = self._inputs[reading.number]
        match reading:
            case Begun() | Retried():
                if isinstance(reading, Retried):
                    yield self.take()  # its documents come once more
                self._seen.clear()
                self._times.clear()
                self._batch.begun.append(found.source)
            case Items():
                for item in reading.items:
                    self._add_item(item)
                    # Where a reader gives no positions, its file mostly is one document.
                    position = item.position or found.size_bytes
                    self.bytes_read = self._bytes_before + min(position, found.size_bytes)
                    if self._is_full:
                        yield self.take()
            case GivenUp():
                outcome = DocumentOutcome.QUARANTINED if reading.over_limit else DocumentOutcome.FAILED
                self._note(
                    JobDocument(
                        found.source,
                        outcome,
                        kind=reading.kind,
                        stage=_READ,
                        reason=reading.reason,
                        trace=reading.trace,
                        attempts=1,
                    )
                )
                self._end(found)
            case Ended():
                self._end(found)
        if self._is_full:
            yield self.take()

    def _end(self, found: Input) -> None:
        self._batch.ended.append(found.source)
        self._bytes_before += found.size_bytes
        self.bytes_read = self._bytes_before

    def _add_item(self, item: RawDocument | Problem) -> None:
        if isinstance(item, Problem):
            self._note(_outcome(item))
        elif len(item.source.encode()) > _MAX_SOURCE_BYTES:
            reason = f"the source is longer than {_MAX_SOURCE_BYTES} bytes; shorten the path or the id"
            shortened = item.source.encode()[:_MAX_SOURCE_BYTES].decode(errors="ignore")
            self._note(_outcome(Problem(shortened, None, ProblemKind.MALFORMED, reason)))
        else:
            document = self._distinct(item)
            if document.remark is not None:
                self._batch.remarks[document.source] = document.remark
            self._batch.documents.append(document)
            self._batch.characters += len(document.text)

    def _note(self, outcome: JobDocument) -> None:
        self._batch.noted[outcome.source, outcome.line] = outcome

    def _distinct(self, document: RawDocument) -> RawDocument:
        """Returns the document under a source of its own: the second of the same id becomes `…~2`."""
        source = document.source
        while (key := hash(source)) in self._seen:
            times = self._times[document.source] = self._times.get(document.source, 1) + 1
            source = f"{document.source}~{times}"
        self._seen.add(key)
        if source == document.source:
            return document
        reason = f"an earlier record has the same id, so this one is {source!r}; use --id-field for another"
        remark = Remark(ProblemKind.REPEATED, reason)
        return replace(document, source=source, remark=document.remark or remark)


def _outcome(problem: Problem) -> JobDocument:
    skipped = problem.kind == ProblemKind.SKIPPED
    return JobDocument(
        problem.source,
        DocumentOutcome.SKIPPED if skipped else DocumentOutcome.FAILED,
        line=problem.line or 0,
        kind=problem.kind,
        stage=None if skipped else _READ,
        reason=problem.reason,
        attempts=0 if skipped else 1,
    )
