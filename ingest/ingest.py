"""A document's journey: read, clean, deduplicate, split, embed, store.

Documents travel in batches, each stored in one transaction together with what its job notes of it. Reading
is `ingest.reader_process`'s, and what becomes of a job as a whole is told in `ingest.job_run`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ingest.clean import sha256
from ingest.errors import EmbeddingError
from ingest.options import IngestOptions
from ingest.readers import RawDocument
from ingest.split import Outline, Span, Tokens, split_all
from store import documents
from store.index.search_text import search_text
from store.job_documents import DocumentOutcome
from store.places import places_between
from store.postgres import Database
from store.types import (
    Corpus,
    Document,
    DocumentStatus,
    DocumentWithChunks,
    Float16Vector,
    NewChunk,
    NewDocument,
)

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Gives the unit vectors of texts: shape `(n, dimension)`."""


@dataclass(frozen=True)
class Outcome:
    """What became of a document at its journey's end, and how many chunks it brought."""

    source: str
    status: DocumentOutcome
    chunks: int = 0


Note = Callable[[Session, Sequence[Outcome]], None]
"""Is called with the outcomes of documents, in the transaction that stores these."""


class Journey:
    """The way of documents into a corpus; `stage` names the step that it is at."""

    def __init__(
        self,
        corpus: Corpus,
        database: Database,
        *,
        embed: Embed,
        tokens: Tokens,
        options: IngestOptions,
    ) -> None:
        self._corpus = corpus
        self._database = database
        self._embed = embed
        self._tokens = tokens
        self._options = options
        self.stage = "begin"

    def take(self, batch: Sequence[RawDocument], note: Note) -> None:
        """Takes documents to their end: only what is new or changed is split and embedded.

        Raises:
            EmbeddingError: `embed` gave something else than finite vectors of the corpus's dimension.
            DatabaseUnavailableError: PostgreSQL went away; nothing of the batch is stored.
        """
        # What changes a text, or refuses a document, has its place before the comparison: hashes are of what
        # is stored. What looks for likenesses comes after it, and what leaves out chunks after the splitting.
        self.stage = "label"
        labelled = [self._labelled(document) for document in batch]
        self.stage = "compare"
        compared = self._compare(labelled)
        self.stage = "split"
        chunked = self._split(compared.fresh)
        self.stage = "embed"
        embedded = self._embed_chunks(chunked)
        self.stage = "store"
        self._store(compared, embedded, note)

    def check_encoder(self) -> None:
        """Embeds a word; raises what the encoder raises when it fails on any text."""
        self._tokens(["word"])
        self._embed(["word"])

    def _labelled(self, document: RawDocument) -> RawDocument:
        """Returns the document with the metadata that the whole ingestion gives."""
        if not self._options.metadata:
            return document
        return replace(document, metadata={**document.metadata, **self._options.metadata})

    def _compare(self, batch: Sequence[RawDocument]) -> "_Compared":
        """Tells what is new or changed from what is stored already, by its hash."""
        hashes = [sha256(document.text) for document in batch]
        with self._database.transaction() as session:
            known = documents.known(session, self._corpus.id, [document.source for document in batch])
            changed = [
                digest
                for document, digest in zip(batch, hashes, strict=True)
                if not is_unchanged(document, digest, known.get(document.source))
            ]
            originals = documents.by_sha256(session, self._corpus.id, changed) if changed else {}
        compared = _Compared()
        twins: set[str] = set()
        for document, digest in zip(batch, hashes, strict=True):
            old = known.get(document.source)
            if old is not None and is_unchanged(document, digest, old):
                compared.unchanged.append(document)
                if _label(document) != _label(old):
                    compared.relabelled.append((old, document))
            elif digest in twins or is_copy(originals.get(digest), old):
                copy = DocumentWithChunks(_new(document, digest), (), originals.get(digest))
                compared.copies.append(copy)
            else:
                twins.add(digest)
                compared.fresh.append(_Fresh(document, digest, old))
        return compared

    def _split(self, fresh: Sequence["_Fresh"]) -> list["_Chunked"]:
        """Cuts documents into chunks."""
        outlines = [Outline(one.document.text, one.document.headings) for one in fresh]
        spans = split_all(outlines, self._tokens, self._options.chunk_size)
        return [_Chunked(one, tuple(its_spans)) for one, its_spans in zip(fresh, spans, strict=True)]

    def _embed_chunks(self, chunked: Sequence["_Chunked"]) -> list[DocumentWithChunks]:
        """Embeds all chunks together; those whose search texts the old version had keep their vectors."""
        vectors = self._kept_vectors(chunked)
        missing = list(dict.fromkeys(text for one in chunked for text in one.texts if text not in vectors))
        vectors.update(zip(missing, self._embedded(missing), strict=True))
        return [
            DocumentWithChunks(
                _new(one.fresh.document, one.fresh.sha256),
                [
                    NewChunk(
                        span.start,
                        span.end,
                        one.text_of(span),
                        span.heading_path,
                        vectors[text],
                        places_between(one.fresh.document.places, span.start, span.end),
                    )
                    for span, text in zip(one.spans, one.texts, strict=True)
                ],
            )
            for one in chunked
        ]

    def _kept_vectors(self, chunked: Sequence["_Chunked"]) -> dict[str, Float16Vector]:
        """Returns the vectors that the documents' stored versions have, by search text."""
        stored = {one.fresh.old.id: one.fresh.old.version for one in chunked if one.fresh.old is not None}
        if not stored:
            return {}
        with self._database.transaction() as session:
            return {
                search_text(chunk.heading_path, chunk.text): chunk.embedding
                for chunk in documents.embedded_chunks(session, stored)
            }

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Embeds texts of similar length side by side, which wastes the least padding."""
        if not texts:
            return np.empty((0, self._corpus.dimension), np.float16)
        order = np.argsort([len(text) for text in texts], kind="stable")
        sorted_vectors = self._embed([texts[index] for index in order])
        if sorted_vectors.shape != (len(texts), self._corpus.dimension):
            expected = f"{len(texts)} vectors of {self._corpus.dimension}"
            raise EmbeddingError(f"{expected} were expected, an array of {sorted_vectors.shape} came")
        if not np.isfinite(sorted_vectors).all():
            raise EmbeddingError("some of their numbers are not finite")
        vectors = np.empty(sorted_vectors.shape, np.float16)
        vectors[order] = sorted_vectors
        return vectors

    def _store(self, compared: "_Compared", embedded: Sequence[DocumentWithChunks], note: Note) -> None:
        """Stores a batch, and what is noted of it, in one transaction."""
        items = [*embedded, *compared.copies]
        with self._database.transaction() as session:
            written = documents.put_many(session, self._corpus.id, items) if items else []
            for old, new in compared.relabelled:
                documents.update_metadata(session, old.id, new.title, new.media_type, new.metadata)
            outcomes = [Outcome(one.source, DocumentOutcome.UNCHANGED) for one in compared.unchanged]
            for item, document in zip(items, written, strict=True):
                if document.status == DocumentStatus.DUPLICATE:
                    outcomes.append(Outcome(document.source, DocumentOutcome.DUPLICATE))
                else:
                    outcomes.append(Outcome(document.source, DocumentOutcome.DONE, len(item.chunks)))
            note(session, outcomes)


@dataclass(frozen=True)
class _Fresh:
    """A document whose text has to be split and embedded; `old` is what its source has now."""

    document: RawDocument
    sha256: str
    old: Document | None


@dataclass(frozen=True)
class _Compared:
    """A batch, sorted by what there is to do."""

    unchanged: list[RawDocument] = field(default_factory=list)
    relabelled: list[tuple[Document, RawDocument]] = field(default_factory=list)
    copies: list[DocumentWithChunks] = field(default_factory=list)
    fresh: list[_Fresh] = field(default_factory=list)


@dataclass(frozen=True)
class _Chunked:
    """A document and where its chunks are."""

    fresh: _Fresh
    spans: tuple[Span, ...]

    @property
    def texts(self) -> list[str]:
        """What is embedded, and searched, of each chunk."""
        return [search_text(span.heading_path, self.text_of(span)) for span in self.spans]

    def text_of(self, span: Span) -> str:
        """Returns a chunk's own text."""
        return self.fresh.document.text[span.start : span.end]


def is_unchanged(document: RawDocument, digest: str, old: Document | None) -> bool:
    """Whether a document, whose text has this hash, has nothing new to be embedded."""
    return old is not None and old.sha256 == digest and not _moves_title(document, old)


def is_copy(original: UUID | None, old: Document | None) -> bool:
    """Whether another document than the old one at this source is current with the text."""
    return original is not None and (old is None or original != old.id)


def _moves_title(document: RawDocument, old: Document) -> bool:
    """Whether a title that is embedded with the chunks, or was, has changed.

    Only records have such titles. One whose title field is gone is titled by its file's name instead.
    """
    in_path = bool(document.headings) and document.headings[0].start == document.headings[0].end
    return (in_path or "#" in document.source) and document.title != old.title


def _label(document: RawDocument | Document) -> tuple[str, str, Mapping[str, Any]]:
    return document.title, document.media_type, dict(document.metadata)


def _new(document: RawDocument, digest: str) -> NewDocument:
    return NewDocument(
        document.source, document.title, document.text, digest, document.media_type, document.metadata
    )
