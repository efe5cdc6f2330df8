"""Scores by our own evaluators: their definitions, made when they are needed, and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from store import score_definitions, scores
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource, row_of
from store.tables import ScoreDefinitionRow, ScoreRow, among

EVALUATOR = "groundwork"


@dataclass(frozen=True)
class Evaluation:
    """A value between 0 and 1 that an evaluator of ours gives, with its version and what explains it."""

    name: str
    value: float
    version: str
    description: str = ""
    """What it means: said where its definition is made."""
    details: Mapping[str, Any] | None = None


def record_first(session: Session, response_id: UUID, evaluations: Sequence[Evaluation]) -> None:
    """Store the scores of a response that was just logged, so that there are none to take the place of."""
    ids = _definitions(session, evaluations)
    rows = [row_of(session, response_id, ids[e.name], None, _score(e)) for e in evaluations if e.name in ids]
    if rows:
        session.execute(insert(ScoreRow), rows)


def record_again(session: Session, response_id: UUID, evaluations: Sequence[Evaluation]) -> None:
    """Store new scores of a response; those that our evaluators gave before become history.

    Raises:
        UnknownResponseError: There is no such response.
    """
    ids = _definitions(session, evaluations)
    scores.record(session, response_id, [_score(e) for e in evaluations if e.name in ids])


def _score(evaluation: Evaluation) -> NewScore:
    return NewScore(
        evaluation.name,
        evaluation.value,
        ScoreSource.EVALUATOR,
        evaluator=EVALUATOR,
        evaluator_version=evaluation.version,
        details=evaluation.details,
    )


def _definitions(session: Session, evaluations: Sequence[Evaluation]) -> dict[str, UUID]:
    """The ids of the definitions that take such scores: not one that was archived or means another."""
    names = [e.name for e in evaluations]
    found = _find(session, names)
    missing = [name for name in names if name not in found]
    for evaluation in evaluations:
        if evaluation.name in missing:
            shape = ScoreShape(ScoreKind.NUMERIC, evaluation.description, 0.0, 1.0)
            score_definitions.ensure(session, evaluation.name, shape)
    found |= _find(session, missing) if missing else {}
    return {name: row.id for name, row in found.items() if row.takes}


def _find(session: Session, names: Sequence[str]) -> dict[str, Any]:
    takes = (
        (ScoreDefinitionRow.kind == ScoreKind.NUMERIC)
        & ScoreDefinitionRow.archived_at.is_(None)
        & (ScoreDefinitionRow.minimum == 0)
        & (ScoreDefinitionRow.maximum == 1)
    )
    columns = select(ScoreDefinitionRow.id, ScoreDefinitionRow.name, takes.label("takes"))
    return {row.name: row for row in session.execute(columns.where(among(ScoreDefinitionRow.name, names)))}
