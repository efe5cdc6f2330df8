"""The repository of scores: what persons, evaluators and programs think of responses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from store import users
from store.errors import UnknownResponseError
from store.review_errors import ScoreDefinitionArchivedError, ScoreValueError
from store.score_definitions import ScoreDefinition, ScoreKind, find
from store.sealed_log import open_score, score_columns
from store.tables import ResponseRow, ScoreDefinitionRow, ScoreRow, UserRow, among

Value = float | bool | str
"""A number, a verdict, or a category or text, as the definition has it."""

_VALUED = (
    ScoreRow.id,
    ScoreRow.response_id,
    ScoreDefinitionRow.name,
    ScoreDefinitionRow.kind,
    ScoreRow.number,
    ScoreRow.label,
)
"""What a score is worth, and of what."""

WANTED = {
    ScoreKind.BOOLEAN: "true or false",
    ScoreKind.TEXT: "a text that is not empty",
}


class ScoreSource(StrEnum):
    """Who scored."""

    PERSON = "person"
    EVALUATOR = "evaluator"
    """A model or a rule, known by its name and version."""
    API = "api"
    """A program of a user's."""


@dataclass(frozen=True)
class NewScore:
    """A score on its way into the store; `user` None is for evaluators of our own.

    An evaluator has a name and a version; others have neither.
    """

    definition: str
    value: Value
    source: ScoreSource
    user: str | None = None
    evaluator: str | None = None
    evaluator_version: str | None = None
    comment: str | None = None
    details: Mapping[str, Any] | None = None
    """What explains it, such as a figure for each sentence."""


@dataclass(frozen=True)
class Score:
    """A score as it stands; `superseded_at` is when another one of the same author took its place."""

    id: UUID
    response_id: UUID
    definition: str
    kind: ScoreKind
    value: Value
    source: ScoreSource
    user: str | None
    evaluator: str | None
    evaluator_version: str | None
    comment: str | None
    details: Mapping[str, Any] | None
    created_at: datetime
    superseded_at: datetime | None


def record(session: Session, response_id: UUID, new: Sequence[NewScore]) -> list[Score]:
    """Store scores of a response; each takes the place of the one that its author gave before.

    Raises:
        UnknownResponseError: There is no such response.
        UnknownScoreDefinitionError: There is no such definition.
        ScoreDefinitionArchivedError: A definition takes no new scores.
        ScoreValueError: A definition does not allow the value.
    """
    # One writer at a time for each response: of two by the same author, the later takes the earlier's place.
    locked = select(ResponseRow.id).where(ResponseRow.id == response_id).with_for_update(key_share=True)
    if session.scalar(locked) is None:
        raise UnknownResponseError(response_id)
    definitions = find(session, [score.definition for score in new])
    rows = []
    for definition, score in zip(definitions, new, strict=True):
        check_value(definition, score.value)
        user_id = None if score.user is None else users.ensure(session, score.user)
        row = row_of(session, response_id, definition.id, user_id, score)
        if definition.shape.kind is ScoreKind.TEXT:
            row |= score_columns(session, row["id"], {"label": row["label"]})
        rows.append(row)
    _supersede(session, response_id, rows)
    if rows:
        session.execute(insert(ScoreRow), rows)
    ids = [row["id"] for row in rows]
    written = session.execute(_scores().where(among(ScoreRow.id, ids)))
    found = {row.id: _to_score(session, row) for row in written}
    return [found[score_id] for score_id in ids]


def withdraw(session: Session, response_id: UUID, evaluator: str, definitions: Sequence[str]) -> None:
    """Let an evaluator's current scores of a response by these definitions be of the past; none follows."""
    ids = select(ScoreDefinitionRow.id).where(among(ScoreDefinitionRow.name, definitions))
    session.execute(
        update(ScoreRow)
        .where(ScoreRow.response_id == response_id, ScoreRow.superseded_at.is_(None))
        .where(ScoreRow.evaluator == evaluator, ScoreRow.definition_id.in_(ids))
        .values(superseded_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )


def of_response(session: Session, response_id: UUID, *, history: bool = False) -> list[Score]:
    """The scores of a response by definition and author; with `history` also those that were superseded."""
    return of_responses(session, [response_id], history=history)[response_id]


def of_responses(
    session: Session, response_ids: Sequence[UUID], *, history: bool = False
) -> dict[UUID, list[Score]]:
    """The scores of each of the responses."""
    statement = _scores().where(among(ScoreRow.response_id, response_ids))
    if not history:
        statement = statement.where(ScoreRow.superseded_at.is_(None))
    found: dict[UUID, list[Score]] = {response_id: [] for response_id in response_ids}
    ordered = statement.order_by(
        ScoreDefinitionRow.name, ScoreRow.source, UserRow.name, ScoreRow.created_at, ScoreRow.id
    )
    for row in session.execute(ordered):
        found[row.response_id].append(_to_score(session, row))
    return found


def values_of(
    session: Session, response_ids: Sequence[UUID], *, evaluator: str | None = None
) -> dict[UUID, dict[str, Value]]:
    """What each of the responses is scored with, by definition: the newest value, whoever gave it.

    With `evaluator`, only what that one gave.
    """
    statement = (
        select(*_VALUED)
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .where(among(ScoreRow.response_id, response_ids), ScoreRow.superseded_at.is_(None))
        .order_by(ScoreRow.created_at, ScoreRow.id)
    )
    if evaluator is not None:
        statement = statement.where(ScoreRow.evaluator == evaluator)
    found: dict[UUID, dict[str, Value]] = {response_id: {} for response_id in response_ids}
    for id, response_id, name, kind, number, label in session.execute(statement):
        text = None if label is None else open_score(session, id, {"comment": None, "label": label})["label"]
        found[response_id][name] = _value(kind, number, text)
    return found


def check_value(definition: ScoreDefinition, value: Value) -> None:
    """See to it that a value is one that the definition allows.

    Raises:
        ScoreDefinitionArchivedError: It takes no new scores.
        ScoreValueError: It does not allow the value.
    """
    if definition.archived_at is not None:
        raise ScoreDefinitionArchivedError(definition.name)
    shape = definition.shape
    match shape.kind:
        case ScoreKind.NUMERIC:
            low = -math.inf if shape.minimum is None else shape.minimum
            high = math.inf if shape.maximum is None else shape.maximum
            number = math.nan if isinstance(value, bool | str) else float(value)
            if not math.isfinite(number) or not low <= number <= high:
                raise ScoreValueError(definition.name, value, f"a number{_range(low, high)}")
        case ScoreKind.CATEGORICAL:
            if value not in (shape.categories or ()):
                raise ScoreValueError(
                    definition.name, value, "one of " + ", ".join(map(repr, shape.categories or ()))
                )
        case ScoreKind.BOOLEAN:
            if not isinstance(value, bool):
                raise ScoreValueError(definition.name, value, WANTED[shape.kind])
        case ScoreKind.TEXT:
            if not isinstance(value, str) or not value.strip():
                raise ScoreValueError(definition.name, value, WANTED[shape.kind])


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return ""
    return f" from {low:g} on" if math.isinf(high) else f" from {low:g} to {high:g}"


def row_of(
    session: Session, response_id: UUID, definition_id: UUID, user_id: UUID | None, score: NewScore
) -> dict[str, Any]:
    """A new row of the table; its comment is sealed where the database has a key."""
    is_text = isinstance(score.value, str)
    score_id = uuid4()
    return {
        "id": score_id,
        "response_id": response_id,
        "definition_id": definition_id,
        "source": score.source,
        "user_id": user_id,
        "evaluator": score.evaluator,
        "evaluator_version": score.evaluator_version,
        "number": None if is_text else float(score.value),
        "label": score.value if is_text else None,
        "details": None if score.details is None else dict(score.details),
        **score_columns(session, score_id, {"comment": score.comment}),
    }


def _supersede(session: Session, response_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let the current scores of the same authors be of the past."""
    if not rows:
        return
    same_author = [
        and_(
            ScoreRow.definition_id == row["definition_id"],
            ScoreRow.evaluator == row["evaluator"]
            if row["evaluator"] is not None
            else and_(ScoreRow.user_id == row["user_id"], ScoreRow.source == row["source"]),
        )
        for row in rows
    ]
    session.execute(
        update(ScoreRow)
        .where(ScoreRow.response_id == response_id, ScoreRow.superseded_at.is_(None), or_(*same_author))
        .values(superseded_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )


def _scores() -> Select[*tuple[Any, ...]]:
    return (
        select(
            *_VALUED,
            ScoreRow.source,
            UserRow.name.label("user"),
            ScoreRow.evaluator,
            ScoreRow.evaluator_version,
            ScoreRow.comment,
            ScoreRow.details,
            ScoreRow.created_at,
            ScoreRow.superseded_at,
        )
        .join(ScoreDefinitionRow, ScoreDefinitionRow.id == ScoreRow.definition_id)
        .outerjoin(UserRow, UserRow.id == ScoreRow.user_id)
    )


def _to_score(session: Session, row: Row[*tuple[Any, ...]]) -> Score:
    opened = open_score(session, row.id, {"comment": row.comment, "label": row.label})
    return Score(
        id=row.id,
        response_id=row.response_id,
        definition=row.name,
        kind=ScoreKind(row.kind),
        value=_value(row.kind, row.number, opened["label"]),
        source=ScoreSource(row.source),
        user=row.user,
        evaluator=row.evaluator,
        evaluator_version=row.evaluator_version,
        comment=opened["comment"],
        details=row.details,
        created_at=row.created_at,
        superseded_at=row.superseded_at,
    )


def _value(kind: str, number: float | None, label: str | None) -> Value:
    if number is None:
        return label or ""
    return bool(number) if kind == ScoreKind.BOOLEAN else number
