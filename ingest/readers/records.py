"""A record of a file (a JSON line, a row of a table) as a document."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingest.clean import normalise, normalise_line
from ingest.readers.bytes import UnfitTextError
from ingest.readers.document import Heading, ProblemKind, RawDocument, ReadOptions, part_source
from ingest.readers.plain import require_text

TEXT_FIELDS = ("text", "body", "content", "contents", "passage", "answer")
ID_FIELDS = ("id", "_id", "document_id", "doc_id", "docid", "uuid")
TITLE_FIELDS = ("title", "headline", "name", "subject")

MAX_ID_CHARACTERS = 500  # a source is a key of a database index, whose entries have to stay under 2,704 bytes
MAX_METADATA_CHARACTERS = 1_000

_Scalar = str | int | float | bool


@dataclass(frozen=True)
class RecordFile:
    """What the records of one file have in common; `counter` says what counts those without an id."""

    source: str
    name: str
    media_type: str
    options: ReadOptions
    counter: str = "L"

    def source_of(self, record: Mapping[str, Any], line: int) -> str:
        """Returns the record's source: the file's with the id, or with the counter's state, as fragment."""
        field = self.id_field(record)
        if field is None:
            return part_source(self.source, f"{self.counter}{line}")
        name = normalise_line(str(record[field]), MAX_ID_CHARACTERS + 1)
        if len(name) > MAX_ID_CHARACTERS:
            raise UnfitTextError(
                ProblemKind.MALFORMED,
                f"the id in {field!r} is longer than {MAX_ID_CHARACTERS} characters; "
                f"choose another field with --id-field",
            )
        return part_source(self.source, name)

    def id_field(self, record: Mapping[str, Any]) -> str | None:
        """Returns the field that holds the record's id; None when it has none (see `ID_FIELDS`)."""
        wanted = self.options.id_field
        if wanted is not None:
            if _blank(record.get(wanted)):
                raise UnfitTextError(
                    ProblemKind.MALFORMED, f"there is no id in field {wanted!r}; it has {_names(record)}"
                )
            return wanted
        return next((name for name in ID_FIELDS if not _blank(record.get(name))), None)

    def text_field(self, fields: Iterable[str]) -> str:
        """Returns the field that holds the text; raises UnfitTextError when there is none."""
        fields = tuple(fields)
        wanted = (self.options.text_field,) if self.options.text_field else TEXT_FIELDS
        found = next((name for name in wanted if name in fields), None)
        if found is None:
            raise UnfitTextError(
                ProblemKind.NO_TEXT,
                f"there is no field {' or '.join(map(repr, wanted))}; it has {_names(fields)}: "
                f"choose one with --text-field",
            )
        return found

    def has_text_field(self, fields: Iterable[str]) -> bool:
        """Whether the records are documents: a field was named for the text, or they have a usual one."""
        return self.options.text_field is not None or any(name in TEXT_FIELDS for name in fields)

    def title_field(self, record: Mapping[str, Any], text_field: str) -> str | None:
        """Returns the field that holds the title; an answer's question is its title."""
        if self.options.title_field is not None:
            usual: tuple[str, ...] = (self.options.title_field,)
        else:
            usual = (*TITLE_FIELDS, "question") if text_field == "answer" else TITLE_FIELDS
        return next(
            (name for name in usual if isinstance(record.get(name), str) and record[name].strip()), None
        )


def document_of(file: RecordFile, record: Mapping[str, Any], line: int, position: int) -> RawDocument:
    """Returns the record as a document.

    Scalars and lists of scalars in its other fields become metadata; nested objects and strings of over
    1,000 characters do not. Raises UnfitTextError when it has no text.
    """
    text_field = file.text_field(record)
    value = record[text_field]
    if not isinstance(value, str):
        raise UnfitTextError(
            ProblemKind.NO_TEXT,
            f"field {text_field!r} holds {_kind(value)}, not text; choose with --text-field",
        )
    text = require_text(normalise(value))
    title_field = file.title_field(record, text_field)
    title = normalise_line(record[title_field]) if title_field else ""
    source = file.source_of(record, line)
    elsewhere = {text_field, title_field, file.id_field(record)}
    metadata = {
        key: kept
        for key, value in _flat(record)
        if key not in elsewhere and (kept := _fact(value)) is not None
    }
    headings = (Heading(0, 0, 0, normalise_line(title, 120)),) if title else ()
    fallback = f"{file.name} {source.rpartition('#')[2]}"
    return RawDocument(source, title or fallback, text, file.media_type, metadata, headings, position)


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Gives the fields of a `metadata` object, as exports write it, and then the record's own."""
    nested = record.get("metadata")
    if isinstance(nested, Mapping):
        yield from ((normalise_line(str(key)), value) for key, value in nested.items())
    yield from ((normalise_line(key), value) for key, value in record.items())


def _fact(value: Any) -> _Scalar | list[_Scalar] | None:
    """Returns the value as metadata that the database can hold, None for what is no short fact."""
    if isinstance(value, list):
        facts = [fact for item in value if (fact := _scalar(item)) is not None]
        return facts if facts and len(facts) == len(value) else None
    return _scalar(value)


def _scalar(value: Any) -> _Scalar | None:
    if isinstance(value, str):
        return normalise(value) if len(value) <= MAX_METADATA_CHARACTERS else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else None


def _blank(value: Any) -> bool:
    """Whether the value cannot serve as an id."""
    return isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip()


def _names(fields: Iterable[str]) -> str:
    names = [normalise_line(name, 40) for name in fields]
    return (", ".join(map(repr, names[:12])) + (", …" if len(names) > 12 else "")) or "no fields"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {dict: "an object", list: "a list", bool: "true or false"}.get(type(value), "a number")
