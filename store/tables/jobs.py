"""Bulk ingestions: the jobs, what became of each of their documents, and files that were sent for them."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText, CreatedAt, Moment, UuidId


class JobRow(Base):
    """A job, how far it is, and what its process is asked to do with it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')", name="status"
        ),
        CheckConstraint("wanted IN ('run', 'pause', 'cancel')", name="wanted"),
        CheckConstraint(
            "(status IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="finished_at"
        ),
        Index("ix_jobs_newest", text("started_at DESC"), text("id DESC")),
        Index(
            "ix_jobs_unfinished",
            "corpus_id",
            "fingerprint",
            postgresql_where=text("status NOT IN ('done', 'cancelled')"),
        ),
    )

    id: Mapped[UuidId]
    corpus_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("corpora.id", ondelete="SET NULL"), index=True
    )
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str]
    status: Mapped[str]
    wanted: Mapped[str] = mapped_column(server_default="run")
    request: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    fingerprint: Mapped[str] = mapped_column(server_default="")
    host: Mapped[str | None]
    owner: Mapped[UUID | None]
    interruptions: Mapped[int] = mapped_column(server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    bytes_read: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bytes_total: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[float] = mapped_column(server_default="0")
    error: Mapped[str | None]
    started_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    finished_at: Mapped[Moment | None]


class JobDocumentRow(Base):
    """What became of one source of a job; of a line of it where `line` is not 0.

    A file begins as a queued row. A file of records ends as 'read', and its records have rows of their own.
    """

    __tablename__ = "job_documents"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued', 'running', 'read', 'done', 'unchanged', 'duplicate', 'near_duplicate', "
            "'failed', 'quarantined', 'skipped', 'removed')",
            name="status",
        ),
        Index(
            "ix_job_documents_open",
            "job_id",
            "source",
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        Index("ix_job_documents_noted", "job_id", "source", postgresql_where=text("kind IS NOT NULL")),
        Index("ix_job_documents_outcome", "job_id", "status", "source", "line"),
        Index("ix_job_documents_quarantined", "source", postgresql_where=text("status = 'quarantined'")),
    )

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[BytewiseText] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str]
    chunks: Mapped[int] = mapped_column(server_default="0")
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    modified_ns: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str | None]
    stage: Mapped[str | None]
    reason: Mapped[str | None]
    trace: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    updated_at: Mapped[CreatedAt]


class JobUploadRow(Base):
    """A piece of a file that was sent for a job; gone when the job is finished."""

    __tablename__ = "job_uploads"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    file: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)
