"""Named sets of documents."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BigId, BytewiseText, CreatedAt


class CorpusRow(Base):
    """A corpus and the encoder whose embeddings it holds."""

    __tablename__ = "corpora"

    id: Mapped[BigId]
    name: Mapped[BytewiseText] = mapped_column(unique=True)
    encoder: Mapped[str]
    encoder_revision: Mapped[str]
    dimension: Mapped[int]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    restricted: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
