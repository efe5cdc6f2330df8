"""One function for each of the routes that clients of OpenAI's API use, under its name."""

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from api.client.calls import Call, PlainText, Upload
from api.schemas.openai import (
    ChatBody,
    ChatCompletion,
    EmbeddingsBody,
    EmbeddingsView,
    FileDeletedView,
    FilesView,
    FileView,
    ModelsView,
    ModelView,
    StoreSearchBody,
    StoreSearchView,
    VectorStoresView,
    VectorStoreView,
)
from api.schemas.openai_files import (
    StoreFileBody,
    StoreFileContentView,
    StoreFileDeletedView,
    StoreFilesView,
    StoreFileView,
)

Order = Literal["asc", "desc"]


def complete_chat(body: ChatBody) -> Call[ChatCompletion]:
    """Complete a chat; not as a stream."""
    return Call("POST", "/v1/chat/completions", ChatCompletion, body=body)


def list_models() -> Call[ModelsView]:
    """List models."""
    return Call("GET", "/v1/models", ModelsView)


def show_model(model: str) -> Call[ModelView]:
    """Show a model."""
    return Call("GET", f"/v1/models/{quote(model)}", ModelView)


def embed(body: EmbeddingsBody) -> Call[EmbeddingsView]:
    """Embed texts."""
    return Call("POST", "/v1/embeddings", EmbeddingsView, body=body)


def list_files(
    corpus: str | None = None, after: str | None = None, limit: int = 100, order: Order = "asc"
) -> Call[FilesView]:
    """List one page of files; the page after it begins `after` the last one's id."""
    wanted = {"corpus": corpus, "after": after, "limit": limit, "order": order}
    return Call("GET", "/v1/files", FilesView, wanted)


def upload_file(path: Path, corpus: str | None = None) -> Call[FileView]:
    """Upload a file; None: into the only corpus.

    Raises:
        OSError: It cannot be read.
    """
    fields = {"purpose": "assistants"} | ({} if corpus is None else {"corpus": corpus})
    return Call("POST", "/v1/files", FileView, upload=Upload(((path.name, path.read_bytes()),), fields))


def show_file(file: str) -> Call[FileView]:
    """Show a file."""
    return Call("GET", f"/v1/files/{_part(file)}", FileView)


def read_file(file: str) -> Call[PlainText]:
    """Read a file's text."""
    return Call("GET", f"/v1/files/{_part(file)}/content", PlainText)


def delete_file(file: str) -> Call[FileDeletedView]:
    """Delete a file."""
    return Call("DELETE", f"/v1/files/{_part(file)}", FileDeletedView)


def list_stores(after: str | None = None, limit: int = 20) -> Call[VectorStoresView]:
    """List one page of vector stores."""
    return Call("GET", "/v1/vector_stores", VectorStoresView, {"after": after, "limit": limit})


def show_store(store: str) -> Call[VectorStoreView]:
    """Show a vector store."""
    return Call("GET", _store(store), VectorStoreView)


def search_store(store: str, body: StoreSearchBody) -> Call[StoreSearchView]:
    """Search a vector store."""
    return Call("POST", f"{_store(store)}/search", StoreSearchView, body=body)


def list_store_files(
    store: str, after: str | None = None, limit: int = 20, order: Order = "asc"
) -> Call[StoreFilesView]:
    """List one page of a vector store's files."""
    wanted = {"after": after, "limit": limit, "order": order}
    return Call("GET", f"{_store(store)}/files", StoreFilesView, wanted)


def add_store_file(store: str, body: StoreFileBody) -> Call[StoreFileView]:
    """Confirm that a file is in a vector store."""
    return Call("POST", f"{_store(store)}/files", StoreFileView, body=body)


def show_store_file(store: str, file: str) -> Call[StoreFileView]:
    """Show a vector store's file."""
    return Call("GET", f"{_store(store)}/files/{_part(file)}", StoreFileView)


def read_store_file(store: str, file: str) -> Call[StoreFileContentView]:
    """Read a vector store's file."""
    return Call("GET", f"{_store(store)}/files/{_part(file)}/content", StoreFileContentView)


def remove_store_file(store: str, file: str) -> Call[StoreFileDeletedView]:
    """Take a file out of a vector store."""
    return Call("DELETE", f"{_store(store)}/files/{_part(file)}", StoreFileDeletedView)


def _store(name: str) -> str:
    return f"/v1/vector_stores/{_part(name)}"


def _part(value: str) -> str:
    return quote(value, safe="")
