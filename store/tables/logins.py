"""Passwords, logins of browsers, and attempts that failed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText, CreatedAt, Moment, UuidId


class PasswordRow(Base):
    """The hash of a user's password."""

    __tablename__ = "passwords"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    hash: Mapped[str]
    changed_at: Mapped[CreatedAt]


class LoginRow(Base):
    """That somebody is logged in; only a hash of the secret in their cookie is kept."""

    __tablename__ = "logins"

    id: Mapped[UuidId]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    hash: Mapped[BytewiseText] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[Moment | None]


class FailureRow(Base):
    """How often it failed to log in as somebody, or from an address, since it last succeeded."""

    __tablename__ = "login_failures"
    __table_args__ = (Index(None, "last_at"),)

    subject: Mapped[BytewiseText] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
