"""JSON: a document per record where records have a text, otherwise the file as one document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.readers.bytes import UnfitTextError, read_text
from ingest.readers.compose import Composer
from ingest.readers.document import ProblemKind, Reading, ReadOptions
from ingest.readers.plain import require_text
from ingest.readers.records import TEXT_FIELDS, RecordFile, document_of

MEDIA_TYPE = "application/json"
_MAX_DEPTH = 100


def read_json(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives a document for each record with a text, else all values of the file under their names.

    The records are the objects of a list: the file itself, or the only list of objects in its top object. An
    object that has a text is a record by itself.
    """
    text = require_text(read_text(path, options).strip())
    try:
        value = json.loads(text)
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        reason = f"it is not JSON: {getattr(error, 'msg', error)}{where}; mend it"
        raise UnfitTextError(ProblemKind.MALFORMED, reason) from error
    listed = _records(value)
    named = (options.text_field,) if options.text_field else TEXT_FIELDS
    if options.text_field is not None or any(isinstance(r.get(name), str) for r in listed for name in named):
        yield from _documents(listed, RecordFile(source, title, MEDIA_TYPE, options, counter="item"))
        return
    composer = Composer()
    for block in _blocks(value, ""):
        composer.add(block)
        composer.check_size(options)
    yield composer.document(source, title, MEDIA_TYPE)


def _documents(listed: list[dict[str, Any]], records: RecordFile) -> Reading:
    """Gives a document per record; one that cannot be a document becomes a problem with its number."""
    if not listed:
        records.text_field(())  # raises: a field was named, and there is no record to have it
    for number, record in enumerate(listed, start=1):
        try:
            yield document_of(records, record, number, 0)
        except UnfitTextError as error:
            yield UnfitTextError(error.kind, f"record {number}: {error.reason}").problem(records.source)


def _records(value: Any) -> list[dict[str, Any]]:
    """Returns the objects that could be records; none where the file is something else."""
    if _are_records(value):
        return list(value)
    if isinstance(value, dict):
        lists = [found for found in value.values() if _are_records(found)]
        return list(lists[0]) if len(lists) == 1 else [value]
    return []


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _blocks(value: Any, name: str, depth: int = 0) -> Iterator[str]:
    """Gives the values as `name: value` lines: a block for those of each object, inner objects after it."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        lines = [f"{_path(name, key)}: {_shown(item)}" for key, item in value.items() if _is_plain(item)]
        yield "\n".join(lines)
        for key, item in value.items():
            if not _is_plain(item):
                yield from _blocks(item, _path(name, key), depth + 1)
    elif isinstance(value, list) and not _is_plain(value):
        for item in value:
            yield from _blocks(item, name, depth + 1)
    else:
        yield f"{name}: {_shown(value)}" if name else _shown(value)


def _is_plain(value: Any) -> bool:
    """Whether a value is written on one line: a scalar, or a list of them."""
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)


def _path(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
