"""What responses can be scored for."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from api.audit import by_key
from api.auth import Parts, ReaderKey, ReviewerKey
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.scores import (
    ScoreDefinitionBody,
    ScoreDefinitionChangeBody,
    ScoreDefinitionsView,
    ScoreDefinitionView,
)
from store import score_definitions
from store.errors import InvalidCursorError
from store.positions import Batch
from store.review_errors import (
    ScoreDefinitionExistsError,
    ScoreDefinitionShapeError,
    ScoreDefinitionUsedError,
    UnknownScoreDefinitionError,
)
from store.score_definitions import ScoreShape

router = APIRouter(prefix="/v1/score-definitions", tags=["review"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List score definitions",
    response_model=ScoreDefinitionsView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_score_definitions(
    parts: Parts,
    key: ReaderKey,
    paging: Paged,
    archived: Annotated[bool | None, Query(description="whether they are archived")] = None,
) -> Any:
    """What responses can be scored for, by name."""

    def fetch(after: str | None, limit: int) -> Batch[ScoreDefinitionView]:
        with parts.database.transaction() as session:
            found = score_definitions.page(session, after=after, limit=limit + 1, archived=archived)
        views = [ScoreDefinitionView.of(definition) for definition in found[:limit]]
        return Batch(views, views[-1].name if len(found) > limit else None)

    return paging.give(
        "score-definitions",
        {"archived": archived},
        fetch,
        lambda views, cursor: ScoreDefinitionsView(definitions=views, next=cursor),
    )


@router.post(
    "",
    summary="Make a score definition",
    status_code=status.HTTP_201_CREATED,
    responses=problems(ScoreDefinitionExistsError, ScoreDefinitionShapeError),
)
def create_score_definition(body: ScoreDefinitionBody, parts: Parts, key: ReviewerKey) -> ScoreDefinitionView:
    """Says what responses can be scored for from now on: numbers in a range, one of some categories, yes or
    no, or a text. What it means is fixed once a score uses it.
    """
    shape = ScoreShape(
        kind=body.kind,
        description=body.description,
        minimum=body.minimum,
        maximum=body.maximum,
        categories=None if body.categories is None else tuple(body.categories),
    )
    with parts.database.transaction() as session:
        made = score_definitions.create(session, body.name, shape)
        by_key(session, key, "score_definition.create", made.name, {"kind": shape.kind.value})
    return ScoreDefinitionView.of(made)


@router.get("/{name}", summary="Show a score definition", responses=problems(UnknownScoreDefinitionError))
def show_score_definition(name: str, parts: Parts, key: ReaderKey) -> ScoreDefinitionView:
    """One score definition, archived ones too."""
    with parts.database.transaction() as session:
        return ScoreDefinitionView.of(score_definitions.get(session, name))


@router.patch(
    "/{name}",
    summary="Change or archive a score definition",
    responses=problems(UnknownScoreDefinitionError, ScoreDefinitionUsedError, ScoreDefinitionShapeError),
)
def change_score_definition(
    name: str, body: ScoreDefinitionChangeBody, parts: Parts, key: ReviewerKey
) -> ScoreDefinitionView:
    """Changes what a definition says while no score uses it. `archived` can change at any time: an archived
    definition takes no new scores and keeps those that it has.
    """
    changed = {field: getattr(body, field) for field in body.model_fields_set - {"archived"}}
    if changed.get("categories") is not None:
        changed["categories"] = tuple(changed["categories"])
    with parts.database.transaction() as session:
        definition = score_definitions.change(session, name, **changed)
        if body.archived is not None:
            definition = score_definitions.archive(session, name, archived=body.archived)
        fields = {"changed": sorted(changed), "archived": body.archived}
        by_key(session, key, "score_definition.change", name, fields)
    return ScoreDefinitionView.of(definition)
