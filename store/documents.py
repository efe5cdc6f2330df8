"""The repository of documents, their versions and their chunks: all functions in one place."""

from store.document_reads import (
    by_ids,
    by_sha256,
    chunks_by_id,
    chunks_of,
    embedded_chunks,
    excerpt,
    export,
    export_page,
    get,
    known,
    matching_chunks,
    page,
    page_of_all,
    sources_under,
    text,
)
from store.document_writes import lock_source, put, put_duplicate, put_many, remove, update_metadata

__all__ = [
    "by_ids",
    "by_sha256",
    "chunks_by_id",
    "chunks_of",
    "embedded_chunks",
    "excerpt",
    "export",
    "export_page",
    "get",
    "known",
    "lock_source",
    "matching_chunks",
    "page",
    "page_of_all",
    "put",
    "put_duplicate",
    "put_many",
    "remove",
    "sources_under",
    "text",
    "update_metadata",
]
