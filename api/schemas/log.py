"""The shapes in which the log of responses is shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from api.schemas.fields import View
from store.responses import Response, ResponseSummary
from store.scores import Value


class ResponseSummaryView(View):
    """A logged response as lists show it; `corpus` is null when the corpus was deleted since."""

    id: UUID
    session_id: UUID
    user: str
    corpus: str | None
    question: str
    answer: str
    abstained: bool
    abstain_reason: str | None
    answerable_probability: float | None
    model: str
    created_at: datetime
    parent_id: UUID | None
    """The response that the question followed; null at the beginning of a conversation."""
    total_ms: float | None
    """How long the answer took."""


class ListedResponseView(ResponseSummaryView):
    """A logged response with the newest value of each score that it has."""

    scores: dict[str, float | bool | str]

    @classmethod
    def of(cls, summary: ResponseSummary, scores: Mapping[str, Value]) -> Self:
        """The view of a response and its scores."""
        return cls(**vars(summary), scores=dict(scores))


class ResponsesView(View):
    """A page of logged responses in their order; `next` is the cursor of the page after."""

    responses: list[ListedResponseView]
    next: str | None


class LoggedHitView(View):
    """A chunk that was retrieved, with its scores."""

    chunk_id: int
    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None


class LoggedCitationView(View):
    """A citation as it was logged."""

    document_id: UUID
    document_version: int
    chunk_id: int
    start: int
    end: int
    quote: str
    answer_start: int
    answer_end: int


class ResponseView(ResponseSummaryView):
    """A logged response, whole: `body` is the answer as it was given, `parameters` what was asked for."""

    index_position: int
    parameters: dict[str, Any]
    timings_ms: dict[str, float]
    hits: list[LoggedHitView]
    citations: list[LoggedCitationView]
    body: dict[str, Any]

    @classmethod
    def of(cls, response: Response) -> Self:
        """The view of a logged response."""
        return cls(
            **ResponseSummaryView.model_validate(response.summary).model_dump(),
            index_position=response.index_position,
            parameters=dict(response.parameters),
            timings_ms=dict(response.timings_ms),
            hits=[LoggedHitView.model_validate(hit) for hit in response.hits],
            citations=[LoggedCitationView.model_validate(citation) for citation in response.citations],
            body=dict(response.body),
        )
