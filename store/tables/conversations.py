"""What was asked and answered, with everything that made the answer."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, CreatedAt, UuidId


class SessionRow(Base):
    """A conversation of one user; of a title that is sealed `title_words` has the hashes of its words."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_newest", desc("created_at"), desc("id")),)

    id: Mapped[UuidId]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    corpus_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("corpora.id", ondelete="SET NULL"), index=True
    )
    title: Mapped[str | None]
    title_words: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    created_at: Mapped[CreatedAt]


_LISTED_BY = {"user": "user_id", "corpus": "corpus_id", "model": "model", "abstained": "abstained"}
_FIGURES = ["id", "user_id", "corpus_id", "model", "abstained", "answerable_probability", "total_ms"]


class ResponseRow(Base):
    """One question and its answer; `body` is the answer as the caller got it.

    Where the log is encrypted, `sealed` holds question, answer, body, parameters and the citations' quotes,
    whose own columns are empty, and `words` the keyed hashes of the words of question and answer.
    `parent_id` is the response that the question follows, NULL at the beginning of a conversation. Two with
    the same parent are two lines of it.
    """

    __tablename__ = "responses"
    __table_args__ = (
        Index("ix_responses_newest", desc("created_at"), desc("id")),
        Index(None, "session_id"),
        *(
            Index(f"ix_responses_{name}_newest", column, desc("created_at"), desc("id"))
            for name, column in _LISTED_BY.items()
        ),
        Index("ix_responses_figures", "created_at", postgresql_include=_FIGURES),
        Index("ix_responses_probability", "answerable_probability", "id"),
        Index("ix_responses_latency", "total_ms", "id"),
        Index(
            "ix_responses_trigrams",
            text("text_trigrams(VARIADIC ARRAY[question, answer])"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        Index(None, "parent_id"),
        Index(None, "data_key_id"),
        Index(None, "words", postgresql_using="gin"),
        CheckConstraint("(sealed IS NULL) = (data_key_id IS NULL)", name="sealed"),
    )

    id: Mapped[UuidId]
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    corpus_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("corpora.id", ondelete="SET NULL"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("responses.id", ondelete="SET NULL"))
    question: Mapped[str]
    answer: Mapped[str]
    abstained: Mapped[bool]
    abstain_reason: Mapped[str | None]
    answerable_probability: Mapped[float | None]
    model: Mapped[str]
    index_position: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    timings_ms: Mapped[dict[str, Any]]
    total_ms: Mapped[float | None] = mapped_column(REAL)
    created_at: Mapped[CreatedAt]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    data_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("data_keys.id"))
    words: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))


class ResponseHitRow(Base):
    """A chunk that was retrieved for a response, best first; it outlives the chunk, so no foreign key."""

    __tablename__ = "response_hits"
    # Whose documents are hidden from somebody is looked up here: which responses have hits of a chunk.
    __table_args__ = (Index("ix_response_hits_chunk", "chunk_id", "response_id"),)

    response_id: Mapped[UUID] = mapped_column(
        ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    rank: Mapped[int] = mapped_column(primary_key=True)
    chunk_id: Mapped[int] = mapped_column(BigInteger)
    keyword: Mapped[float | None]
    vector: Mapped[float | None]
    fused: Mapped[float]
    rerank: Mapped[float | None]


class ResponseCitationRow(Base):
    """The span of a document version that supports a span of the answer; it outlives the document."""

    __tablename__ = "response_citations"
    __table_args__ = (Index("ix_response_citations_document", "document_id", "response_id"),)

    response_id: Mapped[UUID] = mapped_column(
        ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    document_version: Mapped[int]
    chunk_id: Mapped[int] = mapped_column(BigInteger)
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    quote: Mapped[str]
    answer_start: Mapped[int]
    answer_end: Mapped[int]


class FeedbackRow(Base):
    """What one user thinks of a response; comment and correction are empty where they are sealed."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("response_id", "user_id"),
        Index("ix_feedback_newest", desc("created_at"), desc("id")),
        CheckConstraint("thumb IN ('up', 'down')", name="thumb"),
        CheckConstraint(
            "thumb IS NOT NULL OR comment IS NOT NULL OR correction IS NOT NULL", name="says_something"
        ),
        CheckConstraint("(sealed IS NULL) = (data_key_id IS NULL)", name="sealed"),
        Index(None, "data_key_id"),
    )

    id: Mapped[UuidId]
    response_id: Mapped[UUID] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    thumb: Mapped[str | None]
    comment: Mapped[str | None]
    correction: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    data_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("data_keys.id"))
