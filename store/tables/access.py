"""Who may call: users and their API keys."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BigId, BytewiseText, CreatedAt, Moment, UuidId

_IS_ROLE = "role IN ('reader', 'contributor', 'reviewer', 'administrator')"


class UserRow(Base):
    """A person or program that asks, ingests or reviews; without a role, each of its keys has its own.

    Its limits go before those of the settings; where one is NULL, the settings' holds.
    """

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(_IS_ROLE, name="role"),)

    id: Mapped[UuidId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    display_name: Mapped[str | None]
    email: Mapped[str | None]
    role: Mapped[str | None]
    requests_per_minute: Mapped[int | None]
    answers_per_day: Mapped[int | None]
    ingested_bytes_per_day: Mapped[int | None] = mapped_column(BigInteger)
    disabled_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]


class GroupRow(Base):
    """Users that are given rights together."""

    __tablename__ = "groups"

    id: Mapped[UuidId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    description: Mapped[str | None]
    created_at: Mapped[CreatedAt]


class MemberRow(Base):
    """A user in a group."""

    __tablename__ = "members"

    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class GrantRow(Base):
    """What a user, or a group, may do with a corpus; `level` is read, write or manage."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("corpus_id", "user_id"),
        UniqueConstraint("corpus_id", "group_id"),
        CheckConstraint("level IN ('read', 'write', 'manage')", name="level"),
        CheckConstraint("num_nonnulls(user_id, group_id) = 1", name="names_one"),
    )

    id: Mapped[BigId]
    corpus_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("corpora.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    level: Mapped[str]


class DocumentReaderRow(Base):
    """A user, or a group, on a document's own list."""

    __tablename__ = "document_readers"
    __table_args__ = (
        UniqueConstraint("document_id", "user_id"),
        UniqueConstraint("document_id", "group_id"),
        CheckConstraint("num_nonnulls(user_id, group_id) = 1", name="names_one"),
    )

    id: Mapped[BigId]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)


class KeyRow(Base):
    """An API key; only a hash of its secret is kept."""

    __tablename__ = "keys"
    __table_args__ = (CheckConstraint(_IS_ROLE, name="role"),)

    id: Mapped[UuidId]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]
    prefix: Mapped[str]
    hash: Mapped[BytewiseText] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[Moment | None]
    expires_at: Mapped[Moment | None]
    corpora: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger()))
    verbs: Mapped[list[str] | None] = mapped_column(ARRAY(Text()))
    last_used_at: Mapped[Moment | None]
    previous_hash: Mapped[BytewiseText | None] = mapped_column(unique=True)
    previous_expires_at: Mapped[Moment | None]


class IdempotentRequestRow(Base):
    """A request that its sender named; `result` is what it was answered with, NULL while it is worked on."""

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index(None, "created_at"),)

    key_id: Mapped[UUID] = mapped_column(ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[BytewiseText] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    claim: Mapped[UUID]
    result: Mapped[bytes | None]
    created_at: Mapped[CreatedAt]
