"""The files of vector stores, in the shapes of OpenAI's API."""

from typing import Literal

from pydantic import ConfigDict

from api.schemas.fields import Text, View
from api.schemas.openai import LenientBody


class StoreFileBody(LenientBody):
    """A file to be in a corpus."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"example": {"file_id": "file-8a6f7b0e7c534f438d0a2a9c3c1f0d11"}}
    )

    file_id: Text
    attributes: dict[str, str | float | bool] | None = None


class StoreFileView(View):
    """A document of a corpus; `usage_bytes` counts its characters."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    last_error: None = None
    status: Literal["completed"] = "completed"
    usage_bytes: int
    vector_store_id: str
    attributes: dict[str, str | float | bool]


class StoreFilesView(View):
    """A page of a corpus's documents; the page after it begins `after` the last one's id."""

    object: Literal["list"] = "list"
    data: list[StoreFileView]
    first_id: str | None
    last_id: str | None
    has_more: bool


class StoreFileDeletedView(View):
    """A file that is in no vector store any more."""

    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: Literal[True] = True


class TextContent(View):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class StoreFileContentView(View):
    """The text of a file."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextContent]
    has_more: Literal[False] = False
    next_page: None = None
