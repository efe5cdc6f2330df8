"""Rows of tables that have types (Parquet, SQL) as documents."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ingest.readers.bytes import UnfitTextError
from ingest.readers.compose import Composer
from ingest.readers.document import Reading
from ingest.readers.records import RecordFile, document_of

COUNTER = "row"


@dataclass(frozen=True)
class Row:
    """A row; `position` counts the bytes of the file that had been read with it."""

    number: int
    values: Mapping[str, Any]
    position: int = 0


def read_rows(records: RecordFile, columns: Sequence[str], rows: Iterable[Row]) -> Reading:
    """Gives a document per row where a column holds text, otherwise the table as one document."""
    if records.has_text_field(columns):
        records.text_field(columns)  # raises once, not for each row, when the named one is not there
        yield from read_records(records, rows)
        return
    composer = Composer()
    for row in rows:
        composer.move_to(row=row.number)
        facts = ((name, plain(value)) for name, value in row.values.items())
        composer.add("\n".join(f"{name}: {fact}" for name, fact in facts if fact not in (None, "")))
        composer.check_size(records.options)
    yield composer.document(records.source, records.name, records.media_type)


def read_records(records: RecordFile, rows: Iterable[Row]) -> Reading:
    """Gives a document per row; one that cannot be a document becomes a problem with its number."""
    for row in rows:
        values = {name: plain(value) for name, value in row.values.items()}
        try:
            yield document_of(records, values, row.number, row.position)
        except UnfitTextError as error:
            told = UnfitTextError(error.kind, f"row {row.number:,}: {error.reason}")
            yield replace(told.problem(records.source), position=row.position)


def plain(value: Any) -> Any:
    """Returns a value in JSON's types; None for what has no meaning as text, such as pictures."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | timedelta):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, bytes | bytearray | memoryview) else value
