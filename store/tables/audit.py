"""The audit log: who did what, in a chain."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Index
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText


class AuditRow(Base):
    """One act; `hash` covers the row and the hash of the row before it. A trigger refuses every change.

    `details` is JSON as it was written, not jsonb, which would change numbers and with them the hash.
    """

    __tablename__ = "audit"
    __table_args__ = (Index(None, "actor", "number"), Index(None, "action", "number"), Index(None, "at"))

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor: Mapped[BytewiseText]
    action: Mapped[BytewiseText]
    object: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str]
    hash: Mapped[str]
