"""The records of the log of responses: what conversations.py writes and reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from store.response_query import Term
from store.visibility import Reader


@dataclass(frozen=True)
class ResponseHit:
    """A chunk that was retrieved for a response, with each stage's score (None: the stage did not see it)."""

    chunk_id: int
    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None


@dataclass(frozen=True)
class ResponseCitation:
    """The characters `start` to `end` of a document version, in `quote`, support a span of the answer."""

    document_id: UUID
    document_version: int
    chunk_id: int
    start: int
    end: int
    quote: str
    answer_start: int
    answer_end: int


@dataclass(frozen=True)
class NewResponse:
    """A response on its way into the log.

    `body` is the answer as the caller got it, `parameters` what was asked for beside the question (top_k,
    filters, generation, seed), `timings_ms` the time that each stage took. Hits come best first.
    """

    session_id: UUID
    user: str
    corpus_id: int
    question: str
    answer: str
    abstained: bool
    abstain_reason: str | None
    answerable_probability: float | None
    model: str
    index_position: int
    body: Mapping[str, Any]
    parameters: Mapping[str, Any]
    timings_ms: Mapping[str, float]
    hits: tuple[ResponseHit, ...]
    citations: tuple[ResponseCitation, ...]
    id: UUID = field(default_factory=uuid4)
    parent_id: UUID | None = None
    """The response that the question follows; None begins a line."""
    opens_session: bool = False
    """Whether its session is made with it."""


@dataclass(frozen=True)
class ResponseSummary:
    """A logged response as lists show it; `corpus` is None when the corpus was deleted since."""

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
    """The response that the question follows; None at the beginning of a conversation."""
    total_ms: float | None
    """How long the answer took; None of those that were logged without it."""


@dataclass(frozen=True)
class Response:
    """A logged response, whole."""

    summary: ResponseSummary
    index_position: int
    body: Mapping[str, Any]
    parameters: Mapping[str, Any]
    timings_ms: Mapping[str, float]
    hits: tuple[ResponseHit, ...]
    citations: tuple[ResponseCitation, ...]


@dataclass(frozen=True)
class Turn:
    """A turn of a conversation: what was asked, the query that was sent for it, and the answer.

    `answer` is None where it was withheld.
    """

    question: str
    query: str
    answer: str | None


@dataclass(frozen=True)
class ResponseFilter:
    """Which responses to list; None leaves a field open.

    `since` is inclusive, `until` exclusive; `text` is looked for, in any case, in question and answer.
    `reader` gets only what it may see.
    """

    user: str | None = None
    corpus: str | None = None
    session_id: UUID | None = None
    model: str | None = None
    abstained: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    terms: tuple[Term, ...] = ()
    """Further conditions, as `store.response_query` reads them."""
    reader: Reader | None = None


@dataclass(frozen=True)
class ResponsePage:
    """Some responses in their order; `next` is the cursor of the page after, None on the last."""

    responses: tuple[ResponseSummary, ...]
    next: str | None
