"""Queues of responses that persons review."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, desc
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText, CreatedAt, Moment, UuidId


class QueueRow(Base):
    """What reviewers are asked, and how often for each response."""

    __tablename__ = "queues"
    __table_args__ = (
        CheckConstraint("reviews_wanted BETWEEN 1 AND 2", name="reviews_wanted"),
        CheckConstraint("lease_s > 0", name="lease_s"),
    )

    id: Mapped[UuidId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    description: Mapped[str]
    reviews_wanted: Mapped[int]
    lease_s: Mapped[int]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[CreatedAt]
    closed_at: Mapped[Moment | None]


class QueueDefinitionRow(Base):
    """A score that a queue asks for; `place` orders them."""

    __tablename__ = "queue_definitions"

    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queues.id", ondelete="CASCADE"), primary_key=True)
    definition_id: Mapped[UUID] = mapped_column(
        ForeignKey("score_definitions.id"), primary_key=True, index=True
    )
    place: Mapped[int]


class QueueReviewerRow(Base):
    """A user who reviews a queue; one without any is open to every reviewer."""

    __tablename__ = "queue_reviewers"

    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queues.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class QueueItemRow(Base):
    """A response in a queue; who has it in hand, and until when.

    `priority` is higher where persons disagree and where the answer is in doubt.
    """

    __tablename__ = "queue_items"
    __table_args__ = (
        UniqueConstraint("queue_id", "response_id"),
        Index("ix_queue_items_next", "queue_id", "done_at", desc("priority"), "id"),
        Index(None, "response_id"),
        Index(None, "leased_by"),
        CheckConstraint("(leased_by IS NULL) = (leased_until IS NULL)", name="lease"),
    )

    id: Mapped[UuidId]
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queues.id", ondelete="CASCADE"))
    response_id: Mapped[UUID] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    priority: Mapped[float]
    leased_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    leased_until: Mapped[Moment | None]
    added_at: Mapped[CreatedAt]
    done_at: Mapped[Moment | None]


class QueueReviewRow(Base):
    """What a reviewer did with an item: submitted it, or skipped it."""

    __tablename__ = "queue_reviews"
    __table_args__ = (
        CheckConstraint("outcome IN ('submitted', 'skipped')", name="outcome"),
        Index(None, "user_id"),
    )

    item_id: Mapped[UUID] = mapped_column(ForeignKey("queue_items.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    outcome: Mapped[str]
    reviewed_at: Mapped[CreatedAt]
