"""Scores with their definitions, and corrections."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, FiniteFloat, StrictBool, StrictFloat, StrictInt, model_validator

from api.schemas.fields import Body, FreeText, Metadata, Text, View
from store.score_definitions import ScoreDefinition, ScoreKind
from store.scores import ScoreSource

ScoreName = Annotated[Text, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""The name of a score: small letters, digits, `_`, `-` and `.`, so that it can stand in a query."""

Category = Annotated[Text, Field(min_length=1, max_length=100)]
ShortText = Annotated[Text, Field(max_length=2_000)]
Given = Annotated[
    StrictBool | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | FreeText,
    Field(description="a number, true or false, or a text, as the definition has it"),
]
MOST_SPANS = 50


class ScoreDefinitionBody(Body):
    """Something that responses can be scored for."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "tone",
                "kind": "categorical",
                "categories": ["friendly", "neutral", "rude"],
                "description": "How the answer sounds to the one who asked.",
            }
        }
    )

    name: ScoreName
    kind: ScoreKind
    description: ShortText = ""
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    categories: list[Category] | None = Field(default=None, max_length=50)


class ScoreDefinitionChangeBody(Body):
    """What to change of a definition; only `archived` once a score uses it."""

    model_config = ConfigDict(json_schema_extra={"example": {"archived": True}})

    kind: ScoreKind | None = None
    description: ShortText | None = None
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None
    categories: list[Category] | None = Field(default=None, max_length=50)
    archived: bool | None = None

    @model_validator(mode="after")
    def _kind_is_given(self) -> Self:
        for name in ("kind", "description", "archived"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null; leave it out to keep what it is")
        return self


class ScoreDefinitionView(View):
    """A score definition; `used` once there is a score by it: from then on it can only be archived."""

    name: str
    kind: ScoreKind
    description: str
    minimum: float | None
    maximum: float | None
    categories: list[str] | None
    used: bool
    created_at: datetime
    archived_at: datetime | None

    @classmethod
    def of(cls, definition: ScoreDefinition) -> Self:
        """The view of a definition."""
        shape = definition.shape
        return cls(
            name=definition.name,
            kind=shape.kind,
            description=shape.description,
            minimum=shape.minimum,
            maximum=shape.maximum,
            categories=None if shape.categories is None else list(shape.categories),
            used=definition.used,
            created_at=definition.created_at,
            archived_at=definition.archived_at,
        )


class ScoreDefinitionsView(View):
    """A page of score definitions, by name; `next` is the cursor of the page after."""

    definitions: list[ScoreDefinitionView]
    next: str | None


class ScoreBody(Body):
    """A score of a response.

    `source` is `person` for a person's own verdict, `api` for what a program of theirs says, and `evaluator`
    for a model or a rule, which has a name and a version.
    """

    model_config = ConfigDict(
        json_schema_extra={"example": {"definition": "tone", "value": "friendly", "source": "person"}}
    )

    definition: ScoreName
    value: Given
    source: ScoreSource = ScoreSource.API
    evaluator: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    evaluator_version: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    comment: FreeText | None = None
    details: Metadata | None = None
    """What explains it, as a JSON object."""

    @model_validator(mode="after")
    def _evaluator_is_named(self) -> Self:
        named = self.evaluator is not None and self.evaluator_version is not None
        if self.source is ScoreSource.EVALUATOR and not named:
            raise ValueError("an evaluator's score needs evaluator and evaluator_version")
        if self.source is not ScoreSource.EVALUATOR and (self.evaluator or self.evaluator_version):
            raise ValueError("evaluator and evaluator_version belong to the source 'evaluator'")
        return self


class ResponseScoresBody(Body):
    """Scores of one response, stored together or not at all."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "scores": [
                    {"definition": "tone", "value": "friendly", "source": "person"},
                    {"definition": "complete", "value": True, "source": "person", "comment": "All parts."},
                ]
            }
        }
    )

    scores: list[ScoreBody] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        given = [(s.definition, s.source, s.evaluator) for s in self.scores]
        if len(set(given)) < len(given):
            raise ValueError("a definition is scored twice by the same author; leave one out")
        return self


class ScoreView(View):
    """A score; `superseded_at` is when a later one of the same author took its place."""

    id: UUID
    response_id: UUID
    definition: str
    kind: ScoreKind
    value: bool | float | str
    source: ScoreSource
    user: str | None
    evaluator: str | None
    evaluator_version: str | None
    comment: str | None
    details: dict[str, Any] | None
    created_at: datetime
    superseded_at: datetime | None


class ResponseScoresView(View):
    """The scores of a response."""

    scores: list[ScoreView]


class SpanBody(Body):
    """Characters of a document version: `start` is the first, `end` the one after the last."""

    document_id: UUID
    document_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    start: Annotated[int, Field(ge=0, le=2**31 - 2)]
    end: Annotated[int, Field(ge=1, le=2**31 - 1)]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"the span from {self.start} to {self.end} is empty")
        return self


class CorrectionBody(Body):
    """The answer as it should have been, and what bears it out."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "answer": "Thirty-two days.",
                "spans": [
                    {
                        "document_id": "8a1c2d34-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
                        "document_version": 2,
                        "start": 120,
                        "end": 161,
                    }
                ],
                "comment": "That was last year's rule.",
            }
        }
    )

    answer: FreeText
    spans: list[SpanBody] = Field(default=[], max_length=MOST_SPANS)
    comment: FreeText | None = None


class CorrectionSpanView(View):
    """A span with the text that stands there."""

    document_id: UUID
    document_version: int
    start: int
    end: int
    quote: str


class ChangeView(View):
    """Where the corrected answer differs: `removed` was in the one given, `added` stands in its place."""

    start: int
    end: int
    corrected_start: int
    corrected_end: int
    removed: str
    added: str


class CorrectionView(View):
    """A corrected answer beside the one that was given."""

    id: UUID
    response_id: UUID
    user: str
    original: str
    answer: str
    changes: list[ChangeView]
    spans: list[CorrectionSpanView]
    comment: str | None
    created_at: datetime
    superseded_at: datetime | None


class CorrectionsView(View):
    """The corrections of a response."""

    corrections: list[CorrectionView]


class CorrectionsPageView(View):
    """A page of corrections, the newest first; `next` is the cursor of the page after."""

    corrections: list[CorrectionView]
    next: str | None
