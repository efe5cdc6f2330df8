"""Documents that tests of the store are made of."""

from hashlib import sha256
from typing import Any

import numpy as np

from store.types import DocumentWithChunks, NewChunk, NewDocument

DIMENSION = 4


def new_document(source: str, text: str, **metadata: Any) -> NewDocument:
    return NewDocument(
        source=source,
        title=f"Title of {source}",
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        media_type="text/plain",
        metadata=metadata,
    )


def chunks_of(text: str) -> list[NewChunk]:
    """A chunk per line; the embedding says how long it is."""
    chunks = []
    start = 0
    for line in text.splitlines():
        embedding = np.full(DIMENSION, len(line), dtype=np.float16)
        chunks.append(NewChunk(start, start + len(line), line, ("Heading",), embedding))
        start += len(line) + 1
    return chunks


def with_chunks(source: str, text: str, **metadata: Any) -> DocumentWithChunks:
    return DocumentWithChunks(new_document(source, text, **metadata), chunks_of(text))
