"""The repository of documents, their versions and their chunks: all functions in one place."""

from store.chunk_reads import matching_chunks
from store.document_reads import (
    by_ids,
    by_sha256,
    chunks_by_id,
    chunks_of,
    current_versions,
    embedded_chunks,
    excerpt,
    export,
    export_page,
    get,
    known,
    page,
    page_of_all,
    sources_under,
    text,
    unlisted_chunks_by_id,
)
from store.document_writes import lock_source, put, put_duplicate, put_many, remove, update_metadata

__all__ = [
    "by_ids",
    "by_sha256",
    "chunks_by_id",
    "chunks_of",
    "current_versions",
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
    "unlisted_chunks_by_id",
    "update_metadata",
]
