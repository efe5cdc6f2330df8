"""Documents, their versions, their chunks, and the log of what became searchable when."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BigId, BytewiseText, CreatedAt, UuidId

_NOTHING = text("'[]'::jsonb")


class DocumentRow(Base):
    """A document as it stands now; its texts are in document_versions."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("corpus_id", "source"),
        Index(None, "corpus_id", "sha256"),
        # At most one document of a corpus is indexed for a text; the others are its duplicates. Those
        # with lists of their own stand for themselves: not everybody could see what stood for them.
        Index(
            "uq_documents_current_text",
            "corpus_id",
            "sha256",
            unique=True,
            postgresql_where=text("status = 'current' AND NOT restricted"),
        ),
        Index("ix_documents_restricted", "corpus_id", postgresql_where=text("restricted")),
        # To count them: a row is some hundred bytes, an entry here six, as equal ones are stored once.
        Index("ix_documents_present", "corpus_id", postgresql_where=text("status != 'removed'")),
        Index(None, "duplicate_of", postgresql_where=text("duplicate_of IS NOT NULL")),
        Index(None, "metadata", postgresql_using="gin", postgresql_ops={"metadata": "jsonb_path_ops"}),
        CheckConstraint("status IN ('current', 'duplicate', 'near_duplicate', 'removed')", name="status"),
        CheckConstraint("origin IN ('human', 'synthetic')", name="origin"),
        CheckConstraint(
            "(status IN ('duplicate', 'near_duplicate')) = (duplicate_of IS NOT NULL)", name="duplicate_of"
        ),
        CheckConstraint("(status = 'near_duplicate') = (similarity IS NOT NULL)", name="similarity"),
    )

    id: Mapped[UuidId]
    corpus_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("corpora.id"))
    source: Mapped[BytewiseText]
    title: Mapped[str]
    current_version: Mapped[int]
    sha256: Mapped[str]
    media_type: Mapped[str]
    document_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    origin: Mapped[str]
    status: Mapped[str]
    duplicate_of: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"))
    similarity: Mapped[float | None]
    kept_apart: Mapped[bool] = mapped_column(server_default=text("false"))
    restricted: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class DocumentVersionRow(Base):
    """The text of one version of a document; it stays readable for the citations that point at it."""

    __tablename__ = "document_versions"

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    text: Mapped[str]
    sha256: Mapped[str]
    characters: Mapped[int]
    created_at: Mapped[CreatedAt]


class ChunkRow(Base):
    """A chunk of one document version; `embedding` is float16, little endian.

    `places` are those that reach into it, as `store.places` writes them.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["document_id", "version"], ["document_versions.document_id", "document_versions.version"]
        ),
        Index(None, "document_id", "version", "ordinal", unique=True),
        Index("ix_chunks_searchable", "corpus_id", "id", postgresql_where=text("searchable")),
        # For filters: a chunk's row is so wide that reading a million of them takes over a second.
        Index("ix_chunks_of_documents", "document_id", "id", postgresql_where=text("searchable")),
    )

    id: Mapped[BigId]
    corpus_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("corpora.id"))
    document_id: Mapped[UUID]
    version: Mapped[int]
    ordinal: Mapped[int]
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    text: Mapped[str]
    heading_path: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    places: Mapped[list[Any]] = mapped_column(JSONB, server_default=_NOTHING)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    searchable: Mapped[bool]


class SignatureRow(Base):
    """The keys under which near-duplicates of a document's newest text are looked for."""

    __tablename__ = "signatures"
    __table_args__ = (Index(None, "bands", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),)

    document_id: Mapped[UUID] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    bands: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))


class ParagraphRow(Base):
    """How many documents of a corpus have a paragraph, and the source of the one that is indexed with it."""

    __tablename__ = "paragraphs"

    corpus_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("corpora.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    documents: Mapped[int]
    holder: Mapped[BytewiseText | None]


class IndexLogRow(Base):
    """A chunk that became searchable ('add') or stopped being so ('delete').

    No foreign keys: the rows are only ever read joined with chunks, and an entry whose chunk is gone reads
    as 'delete'.
    """

    __tablename__ = "index_log"
    __table_args__ = (
        Index(None, "corpus_id", "sequence"),
        CheckConstraint("operation IN ('add', 'delete')", name="operation"),
    )

    sequence: Mapped[BigId]
    corpus_id: Mapped[int] = mapped_column(BigInteger)
    chunk_id: Mapped[int] = mapped_column(BigInteger)
    operation: Mapped[str]
    created_at: Mapped[CreatedAt]
