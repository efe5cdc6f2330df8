"""JSON Lines: a document per line, read one line at a time however large the file is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.readers.bytes import (
    OpenFile,
    UnfitTextError,
    byte_order_encoding,
    decode,
    is_wide,
    open_file,
    refuse_binary,
    too_large,
)
from ingest.readers.document import ProblemKind, Reading, ReadOptions
from ingest.readers.records import RecordFile, document_of

_SKIP_BYTES = 1 << 20


@dataclass(frozen=True)
class _Line:
    number: int
    data: bytes
    too_long: bool


def read_jsonl(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives a document per line; a line that is none becomes a problem with its number."""
    records = RecordFile(source, title, "application/jsonl", options)
    with open_file(path) as file:
        for line in _lines(file, options.max_document_bytes):
            try:
                if line.number == 1:
                    _refuse_wide(line.data, options.encoding)
                if line.too_long:
                    raise too_large("The line", options)
                if line.data.strip():
                    record = _parse(line.data, options.encoding)
                    yield document_of(records, record, line.number, file.position)
            except UnfitTextError as error:
                yield error.problem(source, line.number, file.position)
                if line.number == 1 and error.kind == ProblemKind.BINARY:
                    return


def _lines(file: OpenFile, max_bytes: int) -> Iterator[_Line]:
    """Gives the lines without ever holding more than `max_bytes` of one; the rest of it is skipped."""
    number = 0
    while data := file.stream.readline(max_bytes + 1):
        number += 1
        too_long = len(data) > max_bytes and not data.endswith(b"\n")
        yield _Line(number, data, too_long)
        while too_long and (rest := file.stream.readline(_SKIP_BYTES)) and not rest.endswith(b"\n"):
            pass


def _refuse_wide(data: bytes, encoding: str | None) -> None:
    """Raises UnfitTextError for binary data and for encodings in which a newline is more than one byte."""
    chosen = encoding or byte_order_encoding(data) or "utf-8"
    if is_wide(chosen):
        reason = f"JSON Lines in {chosen} cannot be read; convert the file to UTF-8"
        raise UnfitTextError(ProblemKind.BINARY, reason)
    refuse_binary(data, chosen)


def _parse(data: bytes, encoding: str | None) -> dict[str, Any]:
    text = decode(data, encoding).strip()
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise _malformed(str(error) or "nested too deeply") from error
    if not isinstance(record, dict):
        raise _malformed("a line has to be an object, {…}")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _malformed(reason: str) -> UnfitTextError:
    return UnfitTextError(ProblemKind.MALFORMED, f"not a JSON object: {reason}; mend the line")
