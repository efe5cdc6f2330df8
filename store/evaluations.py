"""Scores by our own evaluators: their definitions, made when they are needed, and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, literal_column, select
from sqlalchemy.orm import Session

from store import score_definitions, scores
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.tables import ScoreDefinitionRow, among

EVALUATOR = "groundwork"
TAKES = "kind = 'numeric' AND archived_at IS NULL AND minimum = 0 AND maximum = 1"
"""In SQL: whether a definition takes our scores, which one that was archived or means another does not."""


@dataclass(frozen=True)
class Evaluation:
    """A value between 0 and 1 that an evaluator of ours gives, with its version and what explains it.

    `value` None: there is none, and `unknown` says why.
    """

    name: str
    value: float | None
    version: str
    description: str = ""
    """What it means: said where its definition is made."""
    details: Mapping[str, Any] | None = None
    unknown: str | None = None


def ensure_definitions(session: Session, evaluations: Sequence[Evaluation]) -> None:
    """Make the definitions of such scores that are not there yet."""
    _definitions(session, evaluations)


def record_again(session: Session, response_id: UUID, evaluations: Sequence[Evaluation]) -> None:
    """Store new scores of a response; those that our evaluators gave before become history.

    So does one from before of a score whose value is not known any more.

    Raises:
        UnknownResponseError: There is no such response.
    """
    known = with_values(evaluations)
    ids = _definitions(session, known)
    new = [_score(e, value) for e in known if e.name in ids and (value := e.value) is not None]
    scores.record(session, response_id, new)
    unknown = [e.name for e in evaluations if e.value is None]
    if unknown:
        scores.withdraw(session, response_id, EVALUATOR, unknown)


def with_values(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Those whose value is known."""
    return [e for e in evaluations if e.value is not None]


def _score(evaluation: Evaluation, value: float) -> NewScore:
    return NewScore(
        evaluation.name,
        value,
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
    columns = select(
        ScoreDefinitionRow.id, ScoreDefinitionRow.name, literal_column(TAKES, Boolean).label("takes")
    )
    return {row.name: row for row in session.execute(columns.where(among(ScoreDefinitionRow.name, names)))}
