"""CSV: a document per row where a column holds text, otherwise the table as one document."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from ingest.readers.bytes import (
    OpenFile,
    UnfitTextError,
    byte_order_encoding,
    open_file,
    refuse_binary,
    too_large,
)
from ingest.readers.compose import Composer
from ingest.readers.document import Problem, ProblemKind, RawDocument, Reading, ReadOptions
from ingest.readers.plain import require_text
from ingest.readers.records import RecordFile, document_of

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,14})?")


@dataclass(frozen=True)
class _Row:
    """A row's filled cells by column; `fault` says why it could not be read."""

    line: int
    fields: dict[str, str]
    fault: str = ""


def read_table(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives a document per row when a text column is named or found, else one of `column: value` lines.

    The first row names the columns; the delimiter is the commonest of comma, semicolon, tab and bar in it.
    A row that cannot be parsed is a problem; a byte in another encoding ends the reading with one.
    """
    # The module's limit is shorter than many documents, and shared by the whole process: only ever raise it.
    csv.field_size_limit(max(csv.field_size_limit(), options.max_document_bytes))
    records = RecordFile(source, title, "text/csv", options)
    with open_file(path) as file:
        lines = _Lines(file, options)
        try:
            columns, delimiter = _header(lines)
            rows = _rows(lines, columns, delimiter)
            text_field = _text_field(records, columns)
            reading = (
                _table(rows, records, file)
                if text_field is None
                else _documents(rows, records, text_field, file)
            )
            yield from reading
        except UnfitTextError as error:
            yield error.problem(source, lines.number or None, file.position)


class _Lines:
    """The lines of a file as text; `number` is that of the last one given."""

    def __init__(self, file: OpenFile, options: ReadOptions) -> None:
        start = file.stream.peek(8192)[:8192]
        self._encoding = options.encoding or byte_order_encoding(start) or "utf-8"
        refuse_binary(start, self._encoding)
        self._options = options
        self._stream = TextIOWrapper(file.stream, self._encoding, newline="")
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number += 1
        limit = self._options.max_document_bytes
        try:
            line = self._stream.readline(limit + 1)
        except UnicodeError as error:
            what = "the content"
            if isinstance(error, UnicodeDecodeError):
                what = f"byte 0x{error.object[error.start]:02x}"
            reason = (
                f"{what} is not valid {self._encoding}, here or soon after; "
                f"the rest was left out: name the file's encoding, for example --encoding cp1252"
            )
            raise UnfitTextError(ProblemKind.ENCODING, reason) from error
        if len(line) > limit:
            raise too_large("The line", self._options)
        if not line:
            self.number -= 1
            raise StopIteration
        return line


def _header(lines: _Lines) -> tuple[list[str], str]:
    """Returns the names in the first row that is not empty, and the delimiter."""
    first = require_text(next((line for line in lines if line.strip()), "").strip("\r\n"))
    bare = _QUOTED.sub("", first)
    delimiter = max(_DELIMITERS, key=bare.count)  # of equals the first, so a single column reads as comma
    try:
        header = next(csv.reader(chain([first + "\n"], lines), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UnfitTextError(
            ProblemKind.MALFORMED, f"the first row cannot be read ({error}); mend it"
        ) from error
    return [name.strip() or f"column {number}" for number, name in enumerate(header, start=1)], delimiter


def _rows(lines: _Lines, columns: list[str], delimiter: str) -> Iterator[_Row]:
    """Gives the rows under the first; cells beyond its last name are `column N`."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _Row(line, {}, f"the row cannot be read ({error}); close its quotes")
            continue
        if cells is None:
            return
        extra = (f"column {number}" for number in range(len(columns) + 1, len(cells) + 1))
        fields = {
            name: cell.strip() for name, cell in zip((*columns, *extra), cells, strict=False) if cell.strip()
        }
        if fields:
            yield _Row(line, fields)


def _text_field(records: RecordFile, columns: list[str]) -> str | None:
    """Returns the text column; None when the table has no usual one and none was asked for."""
    try:
        return records.text_field(columns)
    except UnfitTextError:
        if records.options.text_field is not None:
            raise
        return None


def _table(rows: Iterator[_Row], records: RecordFile, file: OpenFile) -> Reading:
    """Gives all rows as one document, a paragraph for each."""
    composer = Composer()
    size = 0
    for row in rows:
        if row.fault:
            yield Problem(records.source, row.line, ProblemKind.MALFORMED, row.fault, file.position)
        block = "\n".join(f"{name}: {cell}" for name, cell in row.fields.items())
        size += len(block)
        if size > records.options.max_document_bytes:
            raise too_large("The table", records.options)
        composer.add(block)
    text = require_text(composer.text)
    yield RawDocument(records.source, records.name, text, records.media_type, position=file.position)


def _documents(rows: Iterator[_Row], records: RecordFile, text_field: str, file: OpenFile) -> Reading:
    """Gives a document per row."""
    for row in rows:
        values: dict[str, Any] = {
            name: cell if name == text_field else _value(cell) for name, cell in row.fields.items()
        }
        try:
            if row.fault:
                raise UnfitTextError(ProblemKind.MALFORMED, row.fault)
            yield document_of(records, {text_field: "", **values}, row.line, file.position)
        except UnfitTextError as error:
            yield error.problem(records.source, row.line, file.position)


def _value(cell: str) -> str | int | float:
    """Returns a number where the cell is one in its shortest form, so that filters can compare it."""
    if not _NUMBER.fullmatch(cell):
        return cell
    number = float(cell) if "." in cell else int(cell)
    return number if str(number) == cell else cell
