"""What callers may still do before a limit is reached."""

from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from store.tables.base import Base, BytewiseText


class AllowanceRow(Base):
    """What is left of an allowance of a key or user; an unlogged table, empty after a crash of PostgreSQL."""

    __tablename__ = "allowances"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy declares it so

    subject: Mapped[BytewiseText] = mapped_column(primary_key=True)
    kind: Mapped[BytewiseText] = mapped_column(primary_key=True)
    left: Mapped[float]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
