"""Queries over the log, explained; and responses that were made again."""

from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.answers import AnswerView, GenerationBody
from api.schemas.fields import Body, Text, View


class TermView(View):
    """A term of a query, with the characters `start` to `end` where it stands."""

    field: str
    operator: str
    values: list[str]
    negated: bool
    start: int
    end: int


class FieldView(View):
    """A field that queries know; its `kind` is `name`, `id`, `flag`, `figure`, `time` or `text`."""

    name: str
    kind: str
    means: str
    example: str


class FaultView(View):
    """What is wrong with the characters `start` to `end` of a query."""

    reason: str
    start: int
    end: int


class QueryView(View):
    """What a query says; `fault` is why it cannot be used, null where it can."""

    terms: list[TermView]
    fault: FaultView | None
    fields: list[FieldView]


class ReplayBody(Body):
    """How to ask the question of a response again; what is null stays as it was."""

    model_config = ConfigDict(json_schema_extra={"example": {"top_k": 20}})

    top_k: int | None = None
    generation: GenerationBody | None = None
    model: Text | None = None
    """One of `GET /v1/responses/models`; null: the one that answers."""


class OtherModelsView(View):
    """The names of the models that a question can be asked again of, besides the one that answers."""

    models: list[str]


class ReplayView(View):
    """A response and what its question is answered with today; `same` is whether the answers are."""

    replayed: UUID
    same: bool
    before: str
    model_before: str
    answer: AnswerView
    asked: str = Field(description="the question that stands alone, as it was sent again")
