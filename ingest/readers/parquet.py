"""Parquet: a document per row where a column holds text, otherwise the table as one document."""

from collections.abc import Iterator
from pathlib import Path

from pyarrow import parquet

from ingest.readers.document import Reading, ReadOptions
from ingest.readers.packages import local_file, parsing
from ingest.readers.records import RecordFile
from ingest.readers.rows import COUNTER, Row, read_rows

PARQUET = "a Parquet file"
MEDIA_TYPE = "application/vnd.apache.parquet"

_ROWS_AT_ONCE = 500


def read_parquet(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the rows as documents, read some hundred at a time."""
    records = RecordFile(source, title, MEDIA_TYPE, options, counter=COUNTER)
    with local_file(path, options) as local:
        with parsing(PARQUET):
            file = parquet.ParquetFile(local)
        with file:
            yield from read_rows(records, file.schema_arrow.names, _rows(file, local.stat().st_size))


def _rows(file: parquet.ParquetFile, size_bytes: int) -> Iterator[Row]:
    number = 0
    batches = file.iter_batches(_ROWS_AT_ONCE)
    while True:
        with parsing(PARQUET):
            batch = next(batches, None)
            values = batch.to_pylist() if batch is not None else []
        if batch is None:
            return
        for row in values:
            number += 1
            yield Row(number, row, size_bytes * number // max(file.metadata.num_rows, 1))
