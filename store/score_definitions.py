"""The repository of score definitions: what responses can be scored for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.review_errors import (
    ScoreDefinitionExistsError,
    ScoreDefinitionShapeError,
    ScoreDefinitionUsedError,
    UnknownScoreDefinitionError,
)
from store.tables import ScoreDefinitionRow, ScoreRow, among


class ScoreKind(StrEnum):
    """What the values of a score are."""

    NUMERIC = "numeric"
    """Numbers, between `minimum` and `maximum` where these are given."""
    CATEGORICAL = "categorical"
    """One of `categories`."""
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True)
class ScoreShape:
    """What a score definition says; `minimum`, `maximum` and `categories` belong to their kinds alone."""

    kind: ScoreKind
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ScoreDefinition:
    """A score definition; `used` once there is a score by it, which fixes its shape."""

    id: UUID
    name: str
    shape: ScoreShape
    used: bool
    created_at: datetime
    archived_at: datetime | None


def create(session: Session, name: str, shape: ScoreShape) -> ScoreDefinition:
    """Make a score definition.

    Raises:
        ScoreDefinitionExistsError: The name is taken.
        ScoreDefinitionShapeError: It contradicts itself.
    """
    _check(name, shape)
    made = session.scalar(
        insert(ScoreDefinitionRow)
        .values(id=uuid4(), name=name, **_values(shape))
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(ScoreDefinitionRow.id)
    )
    if made is None:
        raise ScoreDefinitionExistsError(name)
    return get(session, name)


def ensure(session: Session, name: str, shape: ScoreShape) -> ScoreDefinition:
    """The definition of this name, made now if there is none; two callers at once get the same."""
    session.execute(
        insert(ScoreDefinitionRow)
        .values(id=uuid4(), name=name, **_values(shape))
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return get(session, name)


def get(session: Session, name: str) -> ScoreDefinition:
    """The definition of this name, archived ones too.

    Raises:
        UnknownScoreDefinitionError: There is none.
    """
    row = session.execute(_definitions().where(ScoreDefinitionRow.name == name)).one_or_none()
    if row is None:
        raise UnknownScoreDefinitionError(name)
    return _to_definition(row)


def find(session: Session, names: Sequence[str]) -> list[ScoreDefinition]:
    """The definitions of these names, in their order.

    Raises:
        UnknownScoreDefinitionError: There is none of one of the names.
    """
    rows = session.execute(_definitions().where(among(ScoreDefinitionRow.name, names)))
    found = {row.name: _to_definition(row) for row in rows}
    for name in names:
        if name not in found:
            raise UnknownScoreDefinitionError(name)
    return [found[name] for name in names]


def page(
    session: Session, *, after: str | None, limit: int, archived: bool | None = None
) -> list[ScoreDefinition]:
    """The next `limit` definitions by name; `after` is the last name before, `archived` None takes all."""
    statement = _definitions()
    if archived is not None:
        statement = statement.where(ScoreDefinitionRow.archived_at.is_not(None) == archived)
    if after is not None:
        statement = statement.where(ScoreDefinitionRow.name > after)
    rows = session.execute(statement.order_by(ScoreDefinitionRow.name).limit(limit))
    return [_to_definition(row) for row in rows]


def change(session: Session, name: str, **changed: Any) -> ScoreDefinition:
    """Change what a definition says, which is possible until a score uses it.

    Args:
        session: the transaction.
        name: which one.
        changed: fields of its shape with their new values.

    Raises:
        UnknownScoreDefinitionError: There is none.
        ScoreDefinitionUsedError: A score uses it.
        ScoreDefinitionShapeError: It would contradict itself.
    """
    # Whoever stores a score holds a key-share lock on the definition, so none comes between.
    locked = select(ScoreDefinitionRow.id).where(ScoreDefinitionRow.name == name).with_for_update()
    if session.scalar(locked) is None:
        raise UnknownScoreDefinitionError(name)
    definition = get(session, name)
    shape = replace(definition.shape, **changed)
    if shape == definition.shape:
        return definition
    if definition.used:
        raise ScoreDefinitionUsedError(name)
    _check(name, shape)
    session.execute(
        update(ScoreDefinitionRow).where(ScoreDefinitionRow.name == name).values(**_values(shape)),
        execution_options={"synchronize_session": False},
    )
    return get(session, name)


def archive(session: Session, name: str, *, archived: bool) -> ScoreDefinition:
    """Put a definition into the archive, where it takes no new scores, or take it out again.

    Raises:
        UnknownScoreDefinitionError: There is none.
    """
    moment = func.coalesce(ScoreDefinitionRow.archived_at, func.now()) if archived else None
    session.execute(
        update(ScoreDefinitionRow).where(ScoreDefinitionRow.name == name).values(archived_at=moment),
        execution_options={"synchronize_session": False},
    )
    return get(session, name)


def _check(name: str, shape: ScoreShape) -> None:
    reason = None
    if shape.kind is ScoreKind.CATEGORICAL:
        given = shape.categories or ()
        if len(set(given)) < 2 or len(set(given)) < len(given):
            reason = "a categorical score needs two or more different categories"
    elif shape.categories is not None:
        reason = f"a {shape.kind} score has no categories"
    if shape.kind is not ScoreKind.NUMERIC and (shape.minimum, shape.maximum) != (None, None):
        reason = f"a {shape.kind} score has no range"
    if shape.minimum is not None and shape.maximum is not None and shape.minimum >= shape.maximum:
        reason = f"its minimum, {shape.minimum:g}, is not below its maximum, {shape.maximum:g}"
    if reason is not None:
        raise ScoreDefinitionShapeError(name, reason)


def _values(shape: ScoreShape) -> dict[str, Any]:
    return {
        "kind": shape.kind,
        "description": shape.description,
        "minimum": shape.minimum,
        "maximum": shape.maximum,
        "categories": None if shape.categories is None else list(shape.categories),
    }


def _definitions() -> Select[*tuple[Any, ...]]:
    used = exists().where(ScoreRow.definition_id == ScoreDefinitionRow.id)
    return select(
        ScoreDefinitionRow.id,
        ScoreDefinitionRow.name,
        ScoreDefinitionRow.kind,
        ScoreDefinitionRow.description,
        ScoreDefinitionRow.minimum,
        ScoreDefinitionRow.maximum,
        ScoreDefinitionRow.categories,
        used.label("used"),
        ScoreDefinitionRow.created_at,
        ScoreDefinitionRow.archived_at,
    )


def _to_definition(row: Row[*tuple[Any, ...]]) -> ScoreDefinition:
    categories = None if row.categories is None else tuple(row.categories)
    shape = ScoreShape(ScoreKind(row.kind), row.description, row.minimum, row.maximum, categories)
    return ScoreDefinition(row.id, row.name, shape, row.used, row.created_at, row.archived_at)
