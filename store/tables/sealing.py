"""The keys that rows of the log are sealed with, each wrapped by the master key."""

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, CreatedAt, UuidId


class DataKeyRow(Base):
    """A data key, encrypted with the master key `master_id`: for rows, or for the words of the word index."""

    __tablename__ = "data_keys"
    __table_args__ = (CheckConstraint("purpose IN ('rows', 'words')", name="purpose"),)

    id: Mapped[UuidId]
    purpose: Mapped[str]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    master_id: Mapped[str]
    created_at: Mapped[CreatedAt]
