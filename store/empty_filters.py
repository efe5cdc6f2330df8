"""Why a metadata filter matches nothing, in words that help to mend it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.filters import COLUMNS, COMPARISONS
from store.tables import DocumentRow
from store.types import DocumentStatus
from store.visibility import Reader, document_visible

SAMPLED_DOCUMENTS = 1000

IN_WORDS: Mapping[type, str] = {bool: "boolean", int: "number", float: "number", str: "string"}


@dataclass(frozen=True)
class _Wanted:
    """A field that documents must have for a filter to match, and the JSON types that would do."""

    field: str
    types: frozenset[str]


def why_nothing_matches(
    session: Session, corpus_id: int, filter: Mapping[str, Any], reader: Reader | None = None
) -> str:
    """Say why no chunk of the corpus, of those that the reader may see, matches a filter that is well formed.

    Names a field that no document has, or one whose values are all of another type; what stands under `or`
    and `not` is not looked into.
    """
    for wanted in _wanted(filter):
        values = (
            select(DocumentRow.document_metadata[wanted.field].label("value"))
            .where(
                DocumentRow.corpus_id == corpus_id,
                DocumentRow.status != DocumentStatus.REMOVED,
                document_visible(reader),
                DocumentRow.document_metadata.has_key(wanted.field),
            )
            .limit(SAMPLED_DOCUMENTS)
            .subquery()
        )
        found = set(session.scalars(select(func.jsonb_typeof(values.c.value)).distinct()))
        if not found:
            return f"no document has the field {wanted.field!r} that the filter asks for"
        if wanted.types and "array" not in found and not found & wanted.types:
            return (
                f"the filter compares the field {wanted.field!r} with a {_listed(wanted.types)}, "
                f"but in the documents it is a {_listed(found)}"
            )
    return "no searchable document matches the filter"


def _wanted(filter: Mapping[str, Any]) -> Iterator[_Wanted]:
    for field, condition in filter.items():
        if field == "and":
            for part in condition:
                yield from _wanted(part)
        elif field != "or" and field not in COLUMNS:
            yield from _of_condition(field, condition)


def _of_condition(field: str, condition: Any) -> Iterator[_Wanted]:
    if not isinstance(condition, Mapping):
        values = condition if isinstance(condition, list | tuple) else [condition]
        yield _Wanted(field, frozenset(IN_WORDS.get(type(value), "null") for value in values))
        return
    for operator, operand in condition.items():
        if operator in COMPARISONS:
            yield _Wanted(field, frozenset([IN_WORDS.get(type(operand), "string")]))
        elif operator == "exists" and operand:
            yield _Wanted(field, frozenset())


def _listed(types: set[str] | frozenset[str]) -> str:
    return " or ".join(sorted(types))
