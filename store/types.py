"""What the packages hand to each other: plain frozen records, no behaviour.

Offsets (`start`, `end`) count Unicode characters of the document version's text, half-open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from store.places import Place

Float16Vector = NDArray[np.float16]


class Origin(StrEnum):
    """Who wrote a text. Synthetic texts never enter an evaluation set."""

    HUMAN = "human"
    SYNTHETIC = "synthetic"


class DocumentStatus(StrEnum):
    """Whether a document can be found."""

    CURRENT = "current"
    """Its chunks are in the indexes."""
    DUPLICATE = "duplicate"
    """Its text equals that of another current document of the corpus, which is indexed in its place."""
    NEAR_DUPLICATE = "near_duplicate"
    """Its text is nearly that of another current document of the corpus, which is indexed in its place."""
    REMOVED = "removed"
    """Out of the indexes; its versions stay readable for the citations that point at them."""


class Role(StrEnum):
    """What a key may do; each role may do all that the ones before it may."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    ADMINISTRATOR = "administrator"


class Verb(StrEnum):
    """A kind of use; a role allows some of them, and a key may be held to fewer still."""

    READ = "read"
    """Search, and read documents, responses and jobs."""
    ASK = "ask"
    INGEST = "ingest"
    """Send, change and delete documents; make corpora; work with jobs."""
    REVIEW = "review"
    """See and judge what others asked."""
    ADMINISTER = "administer"


class Level(StrEnum):
    """What a grant allows in a corpus; each allows what those before it do."""

    READ = "read"
    WRITE = "write"
    """Send, change and delete its documents."""
    MANAGE = "manage"
    """Also see every document, and say who else may what."""


@dataclass(frozen=True)
class Readers:
    """A list of users and groups, by their names."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How much a user may do; None: as much as the settings let everybody."""

    requests_per_minute: int | None = None
    answers_per_day: int | None = None
    ingested_bytes_per_day: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class User:
    """A person or program; `role` bounds all that it does, None: each of its keys has a role of its own."""

    id: UUID
    name: str
    display_name: str | None
    email: str | None
    role: Role | None
    disabled_at: datetime | None
    created_at: datetime
    groups: tuple[str, ...] = ()
    """The names of its groups, in order."""
    limits: Limits = NO_LIMITS


@dataclass(frozen=True)
class Group:
    """Users that are given rights together."""

    id: UUID
    name: str
    description: str | None
    members: int
    created_at: datetime


@dataclass(frozen=True)
class Corpus:
    """A named set of documents, all embedded by one encoder."""

    id: int
    name: str
    encoder: str
    encoder_revision: str
    dimension: int
    created_at: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen for this corpus, each subject's under a key of its own."""
    restricted: bool = False
    """Whether it is for those only that it was granted to."""
    has_lists: bool = True
    """Whether some of its documents have, or may have, lists of their own."""


@dataclass(frozen=True)
class NewChunk:
    """A chunk on its way into the store; its embedding has shape `(dimension,)`, unit length.

    `places` are those of the document that reach into the chunk, in order.
    """

    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    embedding: Float16Vector
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class NewDocument:
    """A document on its way into the store: one version's text and what is known about it."""

    source: str
    title: str
    text: str
    sha256: str
    media_type: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin.HUMAN
    readers: Readers | None = None
    """Who may see it; None: as the document's list was, or all that may read the corpus."""


@dataclass(frozen=True)
class Document:
    """A document as it stands now (its newest version), without the text."""

    id: UUID
    corpus_id: int
    source: str
    title: str
    version: int
    sha256: str
    media_type: str
    metadata: Mapping[str, Any]
    origin: Origin
    status: DocumentStatus
    duplicate_of: UUID | None
    similarity: float | None
    """Of a near-duplicate: the Jaccard similarity of its words with those of `duplicate_of`."""
    kept_apart: bool
    """Whether a person decided that it is no near-duplicate of anything."""
    characters: int
    created_at: datetime
    updated_at: datetime
    restricted: bool = False
    """Whether it has a list of its own, of those who may see it."""


@dataclass(frozen=True)
class DocumentText:
    """The text of one version of a document."""

    document_id: UUID
    version: int
    source: str
    title: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """A stored chunk with what a hit or a citation needs to know of its document."""

    id: int
    document_id: UUID
    document_version: int
    source: str
    title: str
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    metadata: Mapping[str, Any]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class ChunkPlace:
    """Where a chunk stands in its document version's text."""

    id: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class IndexedChunk:
    """What the indexes need of a chunk; `embedding` has shape `(dimension,)`."""

    id: int
    text: str
    heading_path: tuple[str, ...]
    embedding: Float16Vector


@dataclass(frozen=True)
class IndexChange:
    """One row of the index log: a chunk that became searchable, or stopped being so (`chunk` is None)."""

    sequence: int
    chunk_id: int
    chunk: IndexedChunk | None


@dataclass(frozen=True)
class Key:
    """An API key as it can be shown: never the secret itself."""

    id: UUID
    user: str
    role: Role
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    corpora: tuple[str, ...] | None = None
    """The names of the corpora that it is held to; None: all that its user may read."""
    verbs: tuple[Verb, ...] | None = None
    """What it is held to; None: all that its role allows."""
    last_used_at: datetime | None = None
    """To the minute."""
    old_until: datetime | None = None
    """Until when the secret before this one is good as well."""


@dataclass(frozen=True)
class NearDuplicateOf:
    """What stands for a document in the index: the current document with the text of this hash."""

    sha256: str
    similarity: float


@dataclass(frozen=True)
class DocumentWithChunks:
    """A document with its chunks, in the order of its text.

    A duplicate of another document comes with `duplicate_of` and without chunks; a near-duplicate brings
    its own, which wait unindexed until it is needed in the other's place. `bands` are the keys under which
    near-duplicates of it are looked for; None where nobody is to look for any.
    """

    document: NewDocument
    chunks: Sequence[NewChunk] = ()
    duplicate_of: UUID | None = None
    near_duplicate_of: NearDuplicateOf | None = None
    bands: Sequence[int] | None = None


@dataclass(frozen=True)
class DocumentSource:
    """A document's id and source URI."""

    id: UUID
    source: str


@dataclass(frozen=True)
class ExportedDocument:
    """A document's newest text with its metadata."""

    document_id: UUID
    source: str
    version: int
    title: str
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class CorpusSummary:
    """A corpus and how much is in it."""

    corpus: Corpus
    documents: int
    """Current documents and duplicates; not the removed ones."""
    chunks: int
    """Searchable chunks."""
