"""What all tables share: names of constraints that migrations can rely on, and column types."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ColumnElement, DateTime, Identity, MetaData, Text, any_, func, literal
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, mapped_column

T = TypeVar("T")

BigId = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
UuidId = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
# Bytewise order: the same on every machine, unlike the operating system's collations.
BytewiseText = Annotated[str, mapped_column(Text(collation="C"))]


class Base(DeclarativeBase):
    """The declarative base of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy declares it so
        str: Text(),
        dict[str, Any]: JSONB(),
    }


def among(column: InstrumentedAttribute[T], values: Sequence[T]) -> ColumnElement[bool]:
    """The condition that `column` has one of `values`, sent as a single array however many there are."""
    return column == any_(literal(list(values), ARRAY(column.type)))


def array_text(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL writes an array; the driver takes several times as long to make one of a list."""
    return "{" + ",".join(map(str, numbers)) + "}"
