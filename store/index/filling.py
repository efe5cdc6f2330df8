"""What goes from a corpus's chunks into its two indexes, and what the indexes are then of."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from store.index import snapshots
from store.index.analysis import ANALYSIS_VERSION, ENGLISH, LANGUAGES
from store.index.keywords import KeywordIndex
from store.index.search_text import search_text
from store.index.vectors import VectorIndex
from store.types import Corpus, IndexedChunk

CHUNKS_PER_BATCH = 2000
SUBJECT = "keywords"
"""The key of what was chosen for keyword search among a corpus's settings."""


def contents_of(corpus: Corpus, engine: type[KeywordIndex]) -> snapshots.Contents:
    """Return what a snapshot of the corpus's indexes has to be of to be used."""
    return snapshots.Contents(
        format_version=snapshots.FORMAT_VERSION,
        analysis_version=ANALYSIS_VERSION,
        language=language_of(corpus.settings),
        engine=engine.engine,
        corpus_id=corpus.id,
        # Tells it from a corpus of the same number in another database.
        corpus_created_at=corpus.created_at.isoformat(),
        encoder=corpus.encoder,
        encoder_revision=corpus.encoder_revision,
        dimension=corpus.dimension,
    )


def language_of(settings: Mapping[str, Any]) -> str:
    """Return the language that a corpus's words are reduced to their stems in."""
    chosen = settings.get(SUBJECT)
    language = chosen.get("language") if isinstance(chosen, Mapping) else None
    return language if language in LANGUAGES else ENGLISH


def add_chunks(keywords: KeywordIndex, vectors: VectorIndex, chunks: list[IndexedChunk]) -> None:
    """Put chunks into both indexes."""
    if chunks:
        ids = np.array([chunk.id for chunk in chunks], dtype=np.int64)
        keywords.add(ids, [search_text(chunk.heading_path, chunk.text) for chunk in chunks])
        vectors.add(ids, np.stack([chunk.embedding for chunk in chunks]).astype(np.float32))


def batches(chunks: Iterable[IndexedChunk]) -> Iterator[list[IndexedChunk]]:
    """Yield the chunks in lists that are worth one change of the indexes."""
    remaining = iter(chunks)
    while batch := list(islice(remaining, CHUNKS_PER_BATCH)):
        yield batch
