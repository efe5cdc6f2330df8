"""What passes between the steps of a document's journey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ingest.deduplicate import Finding
from ingest.readers import ProblemKind, RawDocument
from ingest.split import Span
from store.index.search_text import search_text
from store.job_documents import DocumentOutcome
from store.types import Document, DocumentWithChunks
from store.vault import NewEntry


@dataclass(frozen=True)
class Outcome:
    """What became of a document at its journey's end, and how many chunks it brought.

    `kind` and `reason` tell why one was not stored.
    """

    source: str
    status: DocumentOutcome
    chunks: int = 0
    kind: ProblemKind | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Fresh:
    """A document whose text has to be split and embedded; `old` is what its source has now.

    `finding` tells what it is nearly the same as; None where nobody looked.
    """

    document: RawDocument
    sha256: str
    old: Document | None
    listed: bool = False
    """Whether it has a list of its own: then it stands for itself alone."""
    finding: Finding | None = None

    @property
    def near_sha256(self) -> str | None:
        """The hash of the text that stands for it in the index; None for one that stands for itself."""
        near = None if self.finding is None else self.finding.near_duplicate_of
        return None if near is None else near.sha256


@dataclass(frozen=True)
class Compared:
    """A batch, sorted by what there is to do."""

    unchanged: list[RawDocument] = field(default_factory=list)
    relabelled: list[tuple[Document, RawDocument]] = field(default_factory=list)
    copies: list[DocumentWithChunks] = field(default_factory=list)
    fresh: list[Fresh] = field(default_factory=list)
    forbidden: list[Outcome] = field(default_factory=list)
    """Those that would replace what is hidden from their sender."""
    relisted: list[UUID] = field(default_factory=list)
    """Unchanged documents that are sent with a list."""


@dataclass(frozen=True)
class Counted:
    """The paragraphs of the documents that are new, and who holds which."""

    keys: Sequence[frozenset[int]]
    holders: Mapping[int, str]


@dataclass(frozen=True)
class Prepared:
    """A batch that was compared, the documents that were not good enough, and what pseudonyms stand for."""

    compared: Compared
    refused: Sequence[Outcome]
    entries: Sequence[NewEntry]

    @property
    def is_stored(self) -> bool:
        """Whether all of it is stored just as it came, so that there is nothing to do."""
        compared = self.compared
        return not (
            self.refused
            or self.entries
            or compared.fresh
            or compared.copies
            or compared.relabelled
            or compared.relisted
            or compared.forbidden
        )

    @property
    def unchanged(self) -> list[Outcome]:
        """The outcomes of what has not changed."""
        return [Outcome(one.source, DocumentOutcome.UNCHANGED) for one in self.compared.unchanged]


@dataclass(frozen=True)
class Embedding:
    """How many chunks of a batch have been embedded."""

    done: int
    total: int


@dataclass(frozen=True)
class Chunked:
    """A document and where its chunks are."""

    fresh: Fresh
    spans: tuple[Span, ...]

    @property
    def texts(self) -> list[str]:
        """What is embedded, and searched, of each chunk."""
        return [search_text(span.heading_path, self.text_of(span)) for span in self.spans]

    def text_of(self, span: Span) -> str:
        """Returns a chunk's own text."""
        return self.fresh.document.text[span.start : span.end]
