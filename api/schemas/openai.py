"""The shapes of the routes that clients of OpenAI's API speak.

A field that is not listed is ignored, as these clients expect; what would change the answer is refused.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field

from api.schemas.answers import AnswerView
from api.schemas.fields import Text, View

MAX_INPUTS = 2048
MAX_MESSAGES = 1000


class LenientBody(BaseModel):
    """What a client sends; fields that nobody knows are ignored."""

    model_config = ConfigDict(extra="ignore")


class ContentPart(LenientBody):
    """A piece of a message; only text can be read."""

    type: str
    text: Text | None = None


class Message(LenientBody):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[ContentPart] | None = None


class StreamOptions(LenientBody):
    """What a stream tells besides the answer."""

    include_usage: bool = False


class ChatBody(LenientBody):
    """A conversation whose last message is a question to a corpus."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "model": "groundwork/handbook",
                "messages": [{"role": "user", "content": "How many days of leave do I have?"}],
            }
        },
    )

    model: Text
    """`groundwork/` and the name of a corpus; `groundwork` alone where there is but one, or with `corpus`."""
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    n: Literal[1] | None = None
    """One answer at a time."""
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    """The model calls no tools."""
    corpus: Text | None = None
    """Ours: which corpus to ask, whatever `model` says."""
    top_k: int = 10
    """Ours: how many chunks to read before answering."""
    filters: dict[str, Any] | None = None
    """Ours: conditions on the metadata of the documents that may be read."""
    session_id: UUID | None = None
    """Ours: the conversation to go on with; null opens one."""


class UrlCitation(View):
    """The characters of the answer that a page on the web bears out."""

    start_index: int
    end_index: int
    url: str
    title: str


class FileCitation(View):
    """The characters of the answer that a document bears out; `quote` stands in it from `start` to `end`."""

    start_index: int
    end_index: int
    file_id: str
    filename: str
    quote: str
    start: int
    end: int


class UrlAnnotation(View):
    """A citation of a page on the web."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class FileAnnotation(View):
    """A citation of a document that is no page on the web."""

    type: Literal["file_citation"] = "file_citation"
    file_citation: FileCitation


Annotation = UrlAnnotation | FileAnnotation


class AnswerMessage(View):
    """The answer, with its citations."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation]


class Choice(View):
    """The one answer."""

    index: Literal[0] = 0
    message: AnswerMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class Usage(View):
    """How much was read and written, in tokens of the encoder."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(View):
    """An answer as clients of OpenAI's API read it; `groundwork` is the answer as `/v1/ask` gives it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    groundwork: AnswerView


class ModelView(View):
    """Something that can be named as `model`."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "groundwork"


class ModelsView(View):
    """All that can be named as `model`."""

    object: Literal["list"] = "list"
    data: list[ModelView]


class EmbeddingsBody(LenientBody):
    """Texts to embed."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"example": {"model": "all-MiniLM-L6-v2", "input": ["leave", "travel"]}},
    )

    model: Text
    """The name of the server's encoder."""
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None
    """As many as the encoder's vectors have, if given."""


class EmbeddingView(View):
    """A vector of unit length; as base64 it is float32, little endian."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(View):
    """How much was read, in tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsView(View):
    """A vector for each text, in their order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingView]
    model: str
    usage: EmbeddingUsage


class FileForm(LenientBody):
    """A file, and what is said of it."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"example": {"file": "leave.md", "purpose": "assistants", "corpus": "handbook"}},
    )

    file: UploadFile
    purpose: Text
    """Any."""
    corpus: Text | None = None
    """Ours: the corpus that the file becomes a document of; needed where there are several."""


class FileView(View):
    """A document as a file; `bytes` counts the characters of its text."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: Literal["assistants"] = "assistants"
    status: Literal["processed"] = "processed"


class FilesView(View):
    """A page of files; the page after it begins `after` the last one's id."""

    object: Literal["list"] = "list"
    data: list[FileView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeletedView(View):
    """A file that was deleted."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class FileCounts(View):
    """How many documents a corpus has."""

    in_progress: Literal[0] = 0
    completed: int
    cancelled: Literal[0] = 0
    failed: Literal[0] = 0
    total: int


class VectorStoreView(View):
    """A corpus."""

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    status: Literal["completed"] = "completed"
    usage_bytes: Literal[0] = 0
    file_counts: FileCounts
    metadata: dict[str, str] = Field(default_factory=dict)


class VectorStoresView(View):
    """A page of corpora; the page after it begins `after` the last one's id."""

    object: Literal["list"] = "list"
    data: list[VectorStoreView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class RankingOptions(LenientBody):
    """Which results are good enough."""

    score_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None


class StoreSearchBody(LenientBody):
    """A query to a corpus."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "query": "parental leave",
                "max_num_results": 5,
                "filters": {"type": "eq", "key": "language", "value": "en"},
            }
        },
    )

    query: Text | Annotated[list[Text], Field(min_length=1, max_length=16)]
    max_num_results: Annotated[int, Field(ge=1, le=50)] = 10
    filters: dict[str, Any] | None = None
    """A comparison `{type, key, value}`, or `{type: "and" | "or", filters: [...]}` of several."""
    ranking_options: RankingOptions | None = None


class ResultContent(View):
    """A chunk's text."""

    type: Literal["text"] = "text"
    text: str


class ResultView(View):
    """A chunk that was found; `start` and `end` are its place in its document."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | float | bool]
    content: list[ResultContent]
    start: int
    end: int
    document_version: int


class StoreSearchView(View):
    """Chunks, the best first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[ResultView]
    has_more: Literal[False] = False
    next_page: None = None
