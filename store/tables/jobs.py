"""Bulk ingestions, running and done."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, CreatedAt, Moment, UuidId


class JobRow(Base):
    """A job and what it counted."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),
        CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="finished_at"),
    )

    id: Mapped[UuidId]
    corpus_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("corpora.id", ondelete="SET NULL"), index=True
    )
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str]
    status: Mapped[str]
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    error: Mapped[str | None]
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[Moment | None]
