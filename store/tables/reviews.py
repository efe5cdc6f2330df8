"""How good responses are: what can be scored, the scores, and corrected answers."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, desc, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText, CreatedAt, Moment, UuidId

CURRENT = text("superseded_at IS NULL")
OF_PERSONS = text("superseded_at IS NULL AND source = 'person'")


class ScoreDefinitionRow(Base):
    """Something that a response can be scored for; what it means is fixed once a score uses it."""

    __tablename__ = "score_definitions"
    __table_args__ = (
        CheckConstraint("kind IN ('numeric', 'categorical', 'boolean', 'text')", name="kind"),
        CheckConstraint("(kind = 'categorical') = (categories IS NOT NULL)", name="categories"),
        CheckConstraint("kind = 'numeric' OR (minimum IS NULL AND maximum IS NULL)", name="range"),
        CheckConstraint("minimum < maximum", name="order"),
    )

    id: Mapped[UuidId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    kind: Mapped[str]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    categories: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    description: Mapped[str]
    created_at: Mapped[CreatedAt]
    archived_at: Mapped[Moment | None]


class ScoreRow(Base):
    """A score of a response: `number` of numeric and boolean ones (0 or 1), `label` of the others;
    of texts it is sealed where the log is.

    The current score of an author has no `superseded_at`; those that it took the place of stay.
    """

    __tablename__ = "scores"
    __table_args__ = (
        CheckConstraint("source IN ('person', 'evaluator', 'api')", name="source"),
        CheckConstraint("(number IS NULL) <> (label IS NULL)", name="value"),
        CheckConstraint("number NOT IN ('NaN', 'Infinity', '-Infinity')", name="finite"),
        CheckConstraint(
            "(source = 'evaluator') = (evaluator IS NOT NULL) "
            "AND (evaluator IS NULL) = (evaluator_version IS NULL) "
            "AND (source = 'evaluator' OR user_id IS NOT NULL)",
            name="author",
        ),
        Index(None, "response_id"),
        Index(None, "user_id"),
        Index("ix_scores_values", "definition_id", "number", "response_id", postgresql_where=CURRENT),
        Index("ix_scores_of_persons", "response_id", postgresql_where=OF_PERSONS),
        Index("ix_scores_labels", "definition_id", text("md5(label)"), postgresql_where=CURRENT),
        Index(
            "uq_scores_users",
            "response_id",
            "definition_id",
            "source",
            "user_id",
            unique=True,
            postgresql_where=text("superseded_at IS NULL AND evaluator IS NULL"),
        ),
        Index(
            "uq_scores_evaluators",
            "response_id",
            "definition_id",
            "evaluator",
            unique=True,
            postgresql_where=text("superseded_at IS NULL AND evaluator IS NOT NULL"),
        ),
    )

    id: Mapped[UuidId]
    response_id: Mapped[UUID] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    definition_id: Mapped[UUID] = mapped_column(ForeignKey("score_definitions.id"))
    source: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    evaluator: Mapped[str | None]
    evaluator_version: Mapped[str | None]
    number: Mapped[float | None]
    label: Mapped[str | None]
    comment: Mapped[str | None]
    details: Mapped[dict[str, Any] | None]
    created_at: Mapped[Moment] = mapped_column(server_default=text("clock_timestamp()"))
    superseded_at: Mapped[Moment | None]


class CorrectionRow(Base):
    """A reviewer's answer in place of the given one.

    `changes` says where the two differ, as [start, end) of the answer given and of `answer`; `spans` are the
    characters of documents that bear out the corrected one, with their quotes.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        Index("ix_corrections_newest", desc("created_at"), desc("id")),
        Index(None, "user_id"),
        Index("uq_corrections_users", "response_id", "user_id", unique=True, postgresql_where=CURRENT),
        Index(None, "response_id"),
    )

    id: Mapped[UuidId]
    response_id: Mapped[UUID] = mapped_column(ForeignKey("responses.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    answer: Mapped[str]
    changes: Mapped[list[list[int]]] = mapped_column(JSONB)
    spans: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    comment: Mapped[str | None]
    created_at: Mapped[Moment] = mapped_column(server_default=text("clock_timestamp()"))
    superseded_at: Mapped[Moment | None]
