"""Metadata filters: nested mappings, compiled to conditions on the documents table.

    {"language": "en"}                              equal; or contained, where the metadata hold a list
    {"language": ["en", "de"]}                      any of these
    {"year": {"gte": 2020, "lt": 2024}}             a range of numbers, or of dates in ISO 8601
    {"reviewed": {"exists": true}}                  has the field
    {"language": {"not": ["en", "de"]}}             none of these, or has no such field
    {"and": [{…}, {…}]}, {"or": [{…}, {…}]}         of whole filters; several fields in one mapping are ANDed

`source`, `document_id`, `title`, `media_type` and `origin` are the document's own; all other fields are
looked up in its metadata. Types count: 2020 does not equal "2020", and a range passes over values of
another type.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from math import isfinite
from reprlib import repr
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Numeric,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import InstrumentedAttribute

from store.errors import FilterError
from store.tables import DocumentRow, among

MAX_DEPTH = 20
MAX_VALUES = 1000
"""Of one list, and of one `and` or `or`."""

Scalar = str | int | float | bool | None

COLUMNS: Mapping[str, InstrumentedAttribute[Any]] = {
    "source": DocumentRow.source,
    "document_id": DocumentRow.id,
    "title": DocumentRow.title,
    "media_type": DocumentRow.media_type,
    "origin": DocumentRow.origin,
}

COMPARISONS: Mapping[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}

ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]|$)"


def compile_filter(filter: Mapping[str, Any]) -> ColumnElement[bool]:
    """The condition on `DocumentRow` that `filter` states; an empty filter holds for every document.

    Raises:
        FilterError: `filter` has a shape that means nothing.
    """
    return _filter(filter, MAX_DEPTH)


def _filter(filter: Any, depth: int) -> ColumnElement[bool]:
    if not isinstance(filter, Mapping):
        raise FilterError(filter, 'a filter is a mapping of fields to conditions, as in {"language": "en"}')
    if depth == 0:
        raise FilterError(filter, f"it is nested more than {MAX_DEPTH} deep")
    parts = []
    for field, condition in filter.items():
        _check_storable(filter, field)
        if field in ("and", "or"):
            combine = and_ if field == "and" else or_
            parts.append(
                combine(*(_filter(part, depth - 1) for part in _listed({field: condition}, condition)))
            )
        else:
            parts.append(_condition(field, condition, depth - 1))
    return and_(true(), *parts)


def _condition(field: str, condition: Any, depth: int) -> ColumnElement[bool]:
    if depth == 0:
        raise FilterError({field: condition}, f"it is nested more than {MAX_DEPTH} deep")
    if not isinstance(condition, Mapping):
        return _equals_any(field, condition)
    if not condition:
        raise FilterError({field: condition}, 'the condition is empty; write for example {"exists": true}')
    parts = []
    for operator, operand in condition.items():
        if operator == "not":
            parts.append(not_(func.coalesce(_condition(field, operand, depth - 1), false())))
        elif operator == "exists":
            parts.append(_exists(field, operand))
        elif operator in COMPARISONS:
            parts.append(_compares(field, operator, operand))
        else:
            known = ", ".join(["not", "exists", *COMPARISONS])
            raise FilterError({field: condition}, f"{repr(operator)} is no operator; there are {known}")
    return and_(*parts)


def _equals_any(field: str, condition: Any) -> ColumnElement[bool]:
    where = {field: condition}
    values = _listed(where, condition) if isinstance(condition, list | tuple) else [condition]
    for value in values:
        if not isinstance(value, Scalar):
            raise FilterError(where, f"{repr(value)} is not a string, number, true, false or null")
        _check_storable(where, value)
    if field in COLUMNS:
        return among(COLUMNS[field], [_column_value(field, value) for value in values])
    # Containment is what the GIN index answers; a list in the metadata contains a value as a list of one.
    wanted = [{field: form} for value in values for form in (value, [value])]
    return DocumentRow.document_metadata.op("@>", is_comparison=True)(any_(literal(wanted, ARRAY(JSONB()))))


def _column_value(field: str, value: Scalar) -> str | UUID:
    if not isinstance(value, str):
        raise FilterError({field: value}, f"{field} is a string")
    if field != "document_id":
        return value
    try:
        return UUID(value)
    except ValueError:
        raise FilterError({field: value}, f"{repr(value)} is not a document's id") from None


def _exists(field: str, operand: Any) -> ColumnElement[bool]:
    if not isinstance(operand, bool):
        raise FilterError({field: {"exists": operand}}, '"exists" is either true or false')
    has = true() if field in COLUMNS else DocumentRow.document_metadata.has_key(field)
    return has if operand else not_(has)


def _compares(field: str, operator: str, operand: Any) -> ColumnElement[bool]:
    where = {field: {operator: operand}}
    if field in COLUMNS:
        raise FilterError(where, f"{field} has no order; compare it with a value, a list or not")
    value = DocumentRow.document_metadata[field]
    compare = COMPARISONS[operator]
    # CASE, because PostgreSQL may evaluate the sides of AND in any order, and a cast of other text would
    # fail.
    if isinstance(operand, int | float) and not isinstance(operand, bool):
        _check_storable(where, operand)
        is_number = func.jsonb_typeof(value) == "number"
        return case((is_number, compare(cast(value, Numeric), literal(operand, Numeric))), else_=false())
    text = value.as_string()
    is_date = and_(
        func.jsonb_typeof(value) == "string",
        text.regexp_match(ISO_DATE),
        func.pg_input_is_valid(text, "timestamptz"),
    )
    moment = literal(_moment(where, operand), DateTime(timezone=True))
    return case((is_date, compare(cast(text, DateTime(timezone=True)), moment)), else_=false())


def _check_storable(where: Any, value: Scalar) -> None:
    """Refuse what PostgreSQL cannot hold, so that the error is about the filter, not the database."""
    if isinstance(value, float) and not isfinite(value):
        raise FilterError(where, f"{value} is not a number that a document can hold")
    if isinstance(value, str) and ("\0" in value or (not value.isascii() and _has_surrogate(value))):
        raise FilterError(where, f"{repr(value)} holds a NUL or half a surrogate pair, which no document can")


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _moment(where: Any, operand: Any) -> datetime:
    """A date is the midnight at its start; what has no zone is in UTC."""
    try:
        if isinstance(operand, date) and not isinstance(operand, datetime):
            operand = operand.isoformat()
        moment = operand if isinstance(operand, datetime) else datetime.fromisoformat(operand)
    except (TypeError, ValueError):
        raise FilterError(where, f"{repr(operand)} is neither a number nor a date like 2024-05-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _listed(where: Any, operand: Any) -> list[Any]:
    if not isinstance(operand, list | tuple) or not operand:
        raise FilterError(where, "a list with at least one element is needed")
    if len(operand) > MAX_VALUES:
        raise FilterError(where, f"the list has {len(operand)} elements; up to {MAX_VALUES} can be used")
    return list(operand)
