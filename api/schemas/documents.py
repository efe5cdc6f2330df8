"""Corpora, documents and uploads."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, Json

from api.schemas.fields import Body, Metadata, Name, Text, View
from store.types import CorpusSummary, DocumentStatus, Level, Origin, Readers


class CorpusBody(Body):
    """A corpus to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "handbook"}})

    name: Name


class CorpusChange(Body):
    """What to change about a corpus."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"settings": {"near_duplicates": {"threshold": 0.9}}}}
    )

    settings: Metadata
    """By subject; what is left out stays as it is, and null brings back the default."""


class CorpusView(View):
    """A corpus and how much is in it."""

    name: str
    encoder: str
    encoder_revision: str
    dimension: int
    documents: int
    chunks: int
    created_at: datetime
    settings: dict[str, Any] = Field(default_factory=dict)
    """What was chosen for it; the rest has its default."""
    restricted: bool = False
    """Whether it is for those only that it was granted to."""

    @classmethod
    def of(cls, summary: CorpusSummary) -> Self:
        """The view of a corpus."""
        corpus = summary.corpus
        return cls(
            name=corpus.name,
            encoder=corpus.encoder,
            encoder_revision=corpus.encoder_revision,
            dimension=corpus.dimension,
            documents=summary.documents,
            chunks=summary.chunks,
            created_at=corpus.created_at,
            settings=dict(corpus.settings),
            restricted=corpus.restricted,
        )


class CorporaView(View):
    """A page of corpora by name; `next` is the cursor of the page after."""

    corpora: list[CorpusView]
    next: str | None = None


class ReadersBody(Body):
    """Who may see a document: users and groups by name, and those who manage its corpus."""

    model_config = ConfigDict(json_schema_extra={"example": {"users": ["ada"], "groups": ["legal"]}})

    users: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    groups: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)

    def named(self) -> Readers:
        """The list as the store knows it."""
        return Readers(tuple(self.users), tuple(self.groups))


class ReadersView(View):
    """A document's own list; null: it has none, and all see it who may read its corpus."""

    readers: ReadersBody | None

    @classmethod
    def of(cls, readers: Readers | None) -> Self:
        """The view of a list."""
        if readers is None:
            return cls(readers=None)
        return cls(readers=ReadersBody(users=list(readers.users), groups=list(readers.groups)))


class AccessBody(Body):
    """Who may do what with a corpus: users and groups by name, each with a level.

    In a corpus that is not restricted all may read, and contributors write, whether they are named or not.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"restricted": True, "users": {"ada": "manage"}, "groups": {"legal": "read"}}
        }
    )

    restricted: bool
    users: Annotated[dict[Name, Level], Field(max_length=1000)] = Field(default_factory=dict)
    groups: Annotated[dict[Name, Level], Field(max_length=1000)] = Field(default_factory=dict)


class AccessView(View):
    """Who may do what with a corpus."""

    restricted: bool
    users: dict[str, Level]
    groups: dict[str, Level]


class DocumentBody(Body):
    """A document sent as text; the other way is a multipart form with the file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "corpus": "handbook",
                "source": "wiki:leave",
                "text": "Thirty days of leave are granted to everyone.",
                "title": "Leave",
                "metadata": {"language": "en"},
            }
        }
    )

    corpus: Text
    source: Annotated[Text, Field(min_length=1, max_length=2000)]
    """What the document is known by: sending it again with another text makes a new version."""
    text: str
    title: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
    media_type: Text | None = None
    """How `text` is marked up, such as `text/markdown`; null is plain text."""
    origin: Origin = Origin.HUMAN
    """Whether a person or a program wrote it."""
    readers: ReadersBody | None = None
    """Who may see it, besides you; null leaves it to its list, or to all that may read the corpus."""


class UploadForm(Body):
    """What a form says of the file that it carries."""

    corpus: Text
    source: Annotated[Text, Field(min_length=1, max_length=2000)] | None = None
    """What the document is known by; `upload://` and the file's name if left out."""
    title: Text | None = None
    metadata: Json[Metadata] | None = None
    """A JSON object."""
    encoding: Text | None = None
    """The encoding of a text that is not UTF-8."""
    origin: Origin = Origin.HUMAN
    """Whether a person or a program wrote it."""
    readers: Json[ReadersBody] | None = None
    """Who may see it, besides you: a JSON object with `users` and `groups`."""


class ProblemView(View):
    """A piece of an upload that could not become a document; `line` counts from 1, null for all of it."""

    source: str
    line: int | None
    kind: str
    reason: str


class UploadView(View):
    """What became of an upload; `document_id`, `status`, `version` are null for many documents."""

    document_id: UUID | None
    source: str
    status: DocumentStatus | None
    version: int | None
    chunks: int
    job_id: UUID
    documents: dict[str, int]
    problems: list[ProblemView]


class DocumentView(View):
    """A document as it stands now, without its text."""

    id: UUID
    source: str
    title: str
    version: int
    sha256: str
    media_type: str
    metadata: dict[str, Any]
    origin: Origin
    status: DocumentStatus
    duplicate_of: UUID | None
    similarity: float | None = None
    """Of a near-duplicate: how alike it is to `duplicate_of`, from 0 to 1."""
    kept_apart: bool = False
    """Whether a person decided that it is no near-duplicate of anything."""
    characters: int
    created_at: datetime
    updated_at: datetime


class ChunkView(View):
    """A chunk of a document."""

    id: int
    start: int
    end: int
    heading_path: list[str]
    place: dict[str, str | int] = Field(default_factory=dict)
    """Where it stands in its file: page, sheet and row, slide or time; empty where it has none."""


class DocumentWithChunksView(DocumentView):
    """A document with the chunks of one of its versions, `shown_version`."""

    shown_version: int
    chunks: list[ChunkView]


class DocumentTextView(View):
    """The text of one version of a document."""

    document_id: UUID
    version: int
    source: str
    title: str
    text: str


class DocumentPartView(DocumentTextView):
    """The characters `start` to `end` of one version of a document, which has `characters` in all."""

    characters: int
    start: int
    end: int


class ExportedDocumentView(View):
    """A line of an export: a document's newest text with its metadata."""

    document_id: UUID
    source: str
    version: int
    title: str
    text: str
    metadata: dict[str, Any]


class DocumentsView(View):
    """A page of documents in the order of their sources; `next` is the cursor of the page after."""

    documents: list[DocumentView]
    next: str | None


class ClusterView(View):
    """Documents with the same or nearly the same text: `canonical` is indexed and stands for its `copies`."""

    canonical: DocumentView
    copies: list[DocumentView]


class ClustersView(View):
    """A page of clusters by the sources of their canonical copies; `next` is the cursor of the page after."""

    clusters: list[ClusterView]
    next: str | None
