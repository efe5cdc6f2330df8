"""Who may call: users and their API keys."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText, CreatedAt, Moment, UuidId

_IS_ROLE = "role IN ('reader', 'contributor', 'reviewer', 'administrator')"


class UserRow(Base):
    """A person or program that asks, ingests or reviews; without a role, each of its keys has its own."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint(_IS_ROLE, name="role"),)

    id: Mapped[UuidId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    display_name: Mapped[str | None]
    email: Mapped[str | None]
    role: Mapped[str | None]
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
