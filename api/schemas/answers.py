"""Questions, answers and hits.

`start` and `end` count Unicode characters, half-open: of the document's text in citations and hits, of
`answer` in sentences and in `answer_start` and `answer_end`.
"""

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.fields import Body, Text, View
from rag.generator.settings import MAX_BEAMS, Style

ANSWER_EXAMPLE: dict[str, Any] = {
    "response_id": "5f0c8a4e-0e4b-4bd1-9b0c-5b2f6a3f7f10",
    "session_id": "0d2b6a0c-93a3-4c57-8f0e-61b6a2d3b1aa",
    "answer": "Thirty days.",
    "abstained": False,
    "abstain_reason": None,
    "answerable_probability": 0.93,
    "sentences": [
        {
            "text": "Thirty days.",
            "start": 0,
            "end": 12,
            "supported": True,
            "citation_ids": [1],
            "unsupported_words": [],
        }
    ],
    "citations": [
        {
            "id": 1,
            "document_id": "8a6f7b0e-7c53-4f43-8d0a-2a9c3c1f0d11",
            "document_version": 1,
            "chunk_id": 17,
            "source": "file:///srv/handbook/leave.pdf",
            "start": 1042,
            "end": 1053,
            "quote": "Thirty days",
            "answer_start": 0,
            "answer_end": 11,
            "place": {"page": 4},
        }
    ],
    "hits": [
        {
            "chunk_id": 17,
            "document_id": "8a6f7b0e-7c53-4f43-8d0a-2a9c3c1f0d11",
            "document_version": 1,
            "source": "file:///srv/handbook/leave.pdf",
            "title": "Leave",
            "text": "Thirty days of leave are granted to everyone.",
            "start": 1042,
            "end": 1087,
            "scores": {
                "keyword": 7.1,
                "vector": 0.62,
                "fused": 1.0,
                "rerank": 0.97,
                "final": None,
                "nearness": None,
            },
            "folded": [],
            "context": None,
            "place": {"page": 4},
        }
    ],
    "scores": {"answerability": 0.93},
    "timings_ms": {"retrieve": 21.4, "generate": 260.8, "cite": 1.9, "total": 284.5},
    "model": "groundwork-1c9ad0e4b2",
    "index_position": 4211,
    "query": "How many days of leave do I have?",
    "query_changes": [],
    "not_scored": {},
}


Expansion = Literal["none", "neighbours", "section"]
"""How far a hit is widened: not, by the chunks before and after it, or to its section."""


class GenerationBody(Body):
    """How the answer is chosen."""

    temperature: float = Field(0.0, ge=0, le=2, allow_inf_nan=False)
    """0 takes the most probable words each time."""
    seed: int = Field(0, ge=0, lt=2**63)
    """With a temperature above 0: the same seed gives the same answer."""
    style: Style = Style.AUTO
    """`span`: the few words that answer; `sentence`: a full sentence; `auto`: as the question asks for."""
    beams: int = Field(1, ge=1, le=MAX_BEAMS)
    """Answers that are followed side by side; more find more probable ones, and take longer."""
    length_penalty: float = Field(1.0, ge=0, le=2, allow_inf_nan=False)
    """With beams: how much longer answers are preferred; 0 not at all."""
    top_k: int | None = Field(None, ge=1, le=100_000)
    """With a temperature: draw from the so many most probable next steps only; null from all."""
    top_p: float = Field(1.0, gt=0, le=1, allow_inf_nan=False)
    """With a temperature: draw from the most probable steps that have this probability together."""
    min_p: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    """With a temperature: draw from steps with at least this share of the best one's probability."""
    repetition_penalty: float = Field(1.0, ge=1, le=10, allow_inf_nan=False)
    """How much less probable a word gets each time that the answer has it; 1 not at all."""
    max_tokens: int | None = Field(None, ge=1, le=4096)
    """The most word pieces of an answer; null for as many as the generator can say."""


class AskBody(Body):
    """A question to a corpus."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "question": "How many days of leave do I have?",
                "corpus": "handbook",
                "top_k": 10,
                "filters": {"language": "en"},
            }
        }
    )

    question: str
    corpus: Text
    top_k: int = 10
    """How many chunks to read before answering."""
    filters: dict[str, Any] = Field(default_factory=dict)
    """Conditions on the metadata of the documents that may be read."""
    session_id: UUID | None = None
    """The conversation to go on with, after its newest response; null opens one."""
    parent_id: UUID | None = None
    """The response that the question follows, to go on from an older one; what followed it stays."""
    replaces: UUID | None = None
    """The response whose question this is an edited form of; the old line of the conversation stays."""
    stream: bool = False
    """Whether to send the answer as server-sent events."""
    generation: GenerationBody = GenerationBody()
    expand: Expansion = "none"
    """What is read of each chunk that was found: it alone, with its neighbours, or its section."""


class SentenceView(View):
    """A sentence of an answer; `supported` says whether its citations bear it.

    `unsupported_words` are content words that the generator wrote itself and that none of its quotes has.
    """

    text: str
    start: int
    end: int
    supported: bool
    citation_ids: list[int]
    unsupported_words: list[str] = Field(default_factory=list)


class CitationView(View):
    """The characters `start` to `end` of a document version, `quote`, behind a part of an answer."""

    id: int
    document_id: UUID
    document_version: int
    chunk_id: int
    source: str
    start: int
    end: int
    quote: str
    answer_start: int
    answer_end: int
    place: dict[str, str | int] = Field(default_factory=dict)
    """Where the quote stands in its file: page, sheet and row, slide or time; empty where it has none."""


class ScoresView(View):
    """Why a chunk was found; null where that part did not find it.

    The order comes from `fused`; of hits that were reranked from `final`, which mixes it with `rerank` and
    `nearness`, how near the chunk is to the best ones.
    """

    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None
    final: float | None
    nearness: float | None = None


class ContextView(View):
    """The text around a hit: the characters `start` to `end` of its document."""

    text: str
    start: int
    end: int


class HitView(View):
    """A chunk that was found, and its place in its document.

    `folded` are the ids of chunks that say the same and were left out.
    """

    chunk_id: int
    document_id: UUID
    document_version: int
    source: str
    title: str
    text: str
    start: int
    end: int
    scores: ScoresView
    folded: list[int]
    context: ContextView | None
    place: dict[str, str | int] = Field(default_factory=dict)
    """Where it stands in its file: page, sheet and row, slide or time; where it ends: `last_page` etc."""


class QueryChangeView(View):
    """What was changed of a question before it was sent to the indexes, and by which rule.

    `reference`, `ellipsis` and `context` made a follow-up stand alone; `spelling` changed a word that the
    corpus does not have.
    """

    rule: str
    before: str
    after: str


class AnswerView(View):
    """An answer with everything that made it."""

    model_config = ConfigDict(json_schema_extra={"example": ANSWER_EXAMPLE})

    response_id: UUID
    session_id: UUID
    answer: str
    abstained: bool
    abstain_reason: str | None
    answerable_probability: float
    sentences: list[SentenceView]
    citations: list[CitationView]
    hits: list[HitView]
    scores: dict[str, float]
    timings_ms: dict[str, float]
    model: str
    index_position: int
    query: str
    """What was really sent to the indexes."""
    query_changes: list[QueryChangeView]
    not_scored: dict[str, str] = Field(default_factory=dict)
    """Why scores that an answer usually has are not there, by their names."""


class SearchBody(Body):
    """A query to a corpus."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"query": "parental leave", "corpus": "handbook", "mode": "hybrid"}}
    )

    query: str
    corpus: Text
    top_k: int = 10
    filters: dict[str, Any] = Field(default_factory=dict)
    mode: Literal["hybrid", "keyword", "vector"] = "hybrid"
    rerank: bool = False
    """Whether a model that reads query and chunk together orders the best hits again."""
    rerank_budget_ms: int | None = Field(None, ge=1, le=60_000)
    """How long that may take; null is as the server's settings say."""
    diversity: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    """Above 0 hits that say the same are folded; the higher it is, the more the others differ."""
    expand: Expansion = "none"
    spelling: bool = True
    """Whether words that the corpus does not have may be spelt as it spells the nearest."""


class SearchView(View):
    """Chunks, the best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "hits": ANSWER_EXAMPLE["hits"],
                "query": "parental leave",
                "query_changes": [],
                "reranked": 0,
                "reason": None,
                "index_position": 4211,
            }
        }
    )

    hits: list[HitView]
    query: str
    """What was really sent to the indexes."""
    query_changes: list[QueryChangeView]
    reranked: int
    """How many of the hits the reranker read in its time."""
    reason: str | None
    """Why there is no hit, where that is known."""
    index_position: int
