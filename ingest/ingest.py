"""A document's journey: read, clean, deduplicate, split, embed, store.

Documents travel in batches, each stored in one transaction. Whatever stops an ingestion, the batches before
stay, and running it again does the rest: what is stored already costs a comparison of hashes.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ingest.clean import sha256
from ingest.cuts import ChunkSize
from ingest.errors import EmbeddingError, IngestError
from ingest.inputs import InputReader, Scope, find_inputs
from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions
from ingest.report import Progress, Report, Tally
from ingest.split import Outline, Tokens, split_all
from store import documents, jobs
from store.errors import StoreError
from store.index.search_text import search_text
from store.jobs import JobStatus
from store.postgres import Database
from store.types import Corpus, Document, DocumentStatus, DocumentWithChunks, NewChunk, NewDocument

logger = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Gives the unit vectors of texts: shape `(n, dimension)`."""

_BATCH_DOCUMENTS = 500
_REMOVED_AT_ONCE = 1_000
_MAX_SOURCE_BYTES = 2_000  # PostgreSQL indexes nothing longer than 2,704


@dataclass(frozen=True)
class IngestOptions:
    """How to ingest.

    `prune` removes documents that earlier ingestions found under the paths and this one did not. A batch has
    about `batch_characters` of text, by default enough for some 256 chunks. `metadata` is given to every
    document and goes before what the document says itself.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    chunk_size: ChunkSize = field(default_factory=ChunkSize)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    prune: bool = False
    batch_characters: int = 200_000


def ingest(
    paths: Sequence[str],
    corpus: Corpus,
    *,
    database: Database,
    embed: Embed,
    tokens: Tokens,
    options: IngestOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    user: str | None = None,
) -> Report:
    """Brings files, folders and `pydoc:` modules into a corpus; what fails is counted in the report.

    Args:
        paths: what to read; see `ingest.inputs.find_inputs`.
        corpus: where to; `embed` has to be its encoder.
        database: holds the corpus.
        embed: gives the unit vectors of chunks with their heading paths, `(n, corpus.dimension)`.
        tokens: gives the token offsets of the same encoder.
        options: None takes the defaults.
        progress: is called at the start and after every batch.
        user: whom the job is noted for; None is nobody in particular.

    Raises:
        MissingPathError: a path does not exist; nothing was done.
        UnknownModuleError: a `pydoc:` name is no module; nothing was done.
        EmbeddingError: `embed` gave something else than finite vectors of the corpus's dimension.
        DatabaseUnavailableError: PostgreSQL went away; what was stored before stays.
    """
    options = options or IngestOptions()
    inputs = find_inputs(paths)
    reader = InputReader(inputs, options.read)
    journey = _Journey(corpus, database, embed, tokens, options)

    def tell(state: Tally, seconds: float) -> None:
        if progress is not None:
            progress(state.progress(reader.bytes_read, inputs.size_bytes, seconds))

    return journey.run(reader, inputs.scopes if options.prune else (), tell, user)


def ingest_readings(
    readings: Iterable[RawDocument | Problem],
    corpus: Corpus,
    *,
    database: Database,
    embed: Embed,
    tokens: Tokens,
    options: IngestOptions | None = None,
    user: str | None = None,
) -> Report:
    """Brings what a reader gives into a corpus (an upload, for one); like `ingest` in all else."""
    journey = _Journey(corpus, database, embed, tokens, options or IngestOptions())
    return journey.run(readings, (), lambda _tally, _seconds: None, user)


class _Journey:
    """One ingestion, from top to bottom."""

    def __init__(
        self, corpus: Corpus, database: Database, embed: Embed, tokens: Tokens, options: IngestOptions
    ) -> None:
        self._corpus = corpus
        self._database = database
        self._embed = embed
        self._tokens = tokens
        self._options = options
        self._tally = Tally()
        self._seen: set[int] = set()  # hashes of sources: some 70 bytes a document, the texts being streamed
        self._repeated: dict[str, int] = {}

    def run(
        self,
        readings: Iterable[RawDocument | Problem],
        pruned: Sequence[Scope],
        tell: Callable[[Tally, float], None],
        user: str | None,
    ) -> Report:
        started = time.monotonic()
        with self._database.transaction() as session:
            job_id = jobs.start(session, self._corpus.id, user, "ingest")
            started_at = jobs.get(session, job_id).started_at  # by the database's clock
        try:
            tell(self._tally, 0.0)
            for batch in self._batches(readings):
                self._store(batch)
                tell(self._tally, time.monotonic() - started)
            for scope in pruned:
                self._prune(scope, started_at)
        except BaseException as error:
            self._note_failure(job_id, error, time.monotonic() - started)
            raise
        report = self._tally.report(job_id, time.monotonic() - started)
        with self._database.transaction() as session:
            jobs.finish(session, job_id, JobStatus.DONE, report.to_json())
        logger.info(
            "Job %s: %s, %d chunks in %.1f s", job_id, report.documents, report.chunks, report.seconds
        )
        return report

    def _batches(self, readings: Iterable[RawDocument | Problem]) -> Iterator[list[RawDocument]]:
        """Gathers documents into batches and counts problems."""
        batch: list[RawDocument] = []
        characters = 0
        for item in readings:
            if isinstance(item, Problem):
                self._tally.add_problem(item)
            elif len(item.source.encode()) > _MAX_SOURCE_BYTES:
                reason = f"the source is longer than {_MAX_SOURCE_BYTES} bytes; shorten the path or the id"
                self._tally.add_problem(Problem(item.source, None, ProblemKind.MALFORMED, reason))
            else:
                batch.append(self._labelled(self._distinct(item)))
                characters += len(item.text)
            if characters >= self._options.batch_characters or len(batch) >= _BATCH_DOCUMENTS:
                yield batch
                batch, characters = [], 0
        yield batch

    def _labelled(self, document: RawDocument) -> RawDocument:
        """Returns the document with the metadata that the whole ingestion gives."""
        if not self._options.metadata:
            return document
        return replace(document, metadata={**document.metadata, **self._options.metadata})

    def _distinct(self, document: RawDocument) -> RawDocument:
        """Returns the document under a source of its own: the second of the same id becomes `…~2`."""
        source = document.source
        while (key := hash(source)) in self._seen:
            times = self._repeated[document.source] = self._repeated.get(document.source, 1) + 1
            source = f"{document.source}~{times}"
        self._seen.add(key)
        if source == document.source:
            return document
        reason = f"an earlier record has the same id, so this one is {source!r}; use --id-field for another"
        self._tally.add_problem(Problem(document.source, None, ProblemKind.REPEATED, reason))
        return replace(document, source=source)

    def _store(self, batch: Sequence[RawDocument]) -> None:
        """Takes a batch to its end: only what is new or changed is split and embedded."""
        if not batch:
            return
        hashes = [sha256(document.text) for document in batch]
        with self._database.transaction() as session:
            known = documents.known(session, self._corpus.id, [document.source for document in batch])
            originals = documents.by_sha256(session, self._corpus.id, hashes)
        twins: set[str] = set()
        fresh: list[RawDocument] = []
        copies: list[DocumentWithChunks] = []
        relabelled: list[tuple[Document, RawDocument]] = []
        for document, digest in zip(batch, hashes, strict=True):
            old = known.get(document.source)
            if old is not None and old.sha256 == digest and not _moves_title(document, old):
                self._tally.count("unchanged")
                if _label(document) != _label(old):
                    relabelled.append((old, document))
            elif digest in twins or _differs(originals.get(digest), old):
                copies.append(DocumentWithChunks(_new(document, digest), (), originals.get(digest)))
            else:
                twins.add(digest)
                fresh.append(document)
        self._write([*self._with_chunks(fresh), *copies], relabelled)

    def _with_chunks(self, fresh: Sequence[RawDocument]) -> list[DocumentWithChunks]:
        """Splits documents and embeds all their chunks together."""
        outlines = [Outline(document.text, document.headings) for document in fresh]
        spans = split_all(outlines, self._tokens, self._options.chunk_size)
        texts = [
            search_text(span.heading_path, document.text[span.start : span.end])
            for document, its_spans in zip(fresh, spans, strict=True)
            for span in its_spans
        ]
        vectors = iter(self._embedded(texts))
        return [
            DocumentWithChunks(
                _new(document, sha256(document.text)),
                [
                    NewChunk(
                        span.start,
                        span.end,
                        document.text[span.start : span.end],
                        span.heading_path,
                        next(vectors),
                    )
                    for span in its_spans
                ],
            )
            for document, its_spans in zip(fresh, spans, strict=True)
        ]

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

    def _write(
        self, items: Sequence[DocumentWithChunks], relabelled: Sequence[tuple[Document, RawDocument]]
    ) -> None:
        """Stores a batch in one transaction, and counts only once it is committed."""
        if not items and not relabelled:
            return
        with self._database.transaction() as session:
            written = documents.put_many(session, self._corpus.id, items) if items else []
            for old, new in relabelled:
                documents.update_metadata(session, old.id, new.title, new.media_type, new.metadata)
        for item, document in zip(items, written, strict=True):
            if document.status == DocumentStatus.DUPLICATE:
                self._tally.count("duplicate")
            else:
                self._tally.count("done")
                self._tally.chunks += len(item.chunks)

    def _prune(self, scope: Scope, started_at: datetime) -> None:
        """Removes what lies under a path and was not seen, but nothing of what could not be read whole.

        What others stored or changed since the job started stays: they saw the files later than we did.
        So does a duplicate that took its original's place meanwhile; the next run removes it.
        """
        with self._database.snapshot() as session:
            gone = [
                found.id
                for found in documents.sources_under(
                    session, self._corpus.id, [scope.prefix], updated_before=started_at
                )
                if hash(found.source) not in self._seen
                and scope.covers(found.source)
                and not self._tally.is_damaged(found.source)
            ]
        for start in range(0, len(gone), _REMOVED_AT_ONCE):
            with self._database.transaction() as session:
                ids = gone[start : start + _REMOVED_AT_ONCE]
                removed = documents.remove(session, self._corpus.id, ids, updated_before=started_at)
            self._tally.count("removed", removed)

    def _note_failure(self, job_id: UUID, error: BaseException, seconds: float) -> None:
        """Notes that the job failed, if the database answers; messages of foreign errors may quote texts."""
        ours = isinstance(error, IngestError | StoreError)
        reason = str(error) if ours else type(error).__name__
        counts = self._tally.report(job_id, seconds).to_json()
        with suppress(StoreError), self._database.transaction() as session:
            jobs.finish(session, job_id, JobStatus.FAILED, counts, reason)


def _differs(original: UUID | None, old: Document | None) -> bool:
    """Whether another document than the old one at this source is current with the text."""
    return original is not None and (old is None or original != old.id)


def _moves_title(document: RawDocument, old: Document) -> bool:
    """Whether a title that is embedded with the chunks, or was, has changed.

    Only records have such titles. One whose title field is gone is titled by its file's name instead.
    """
    in_path = bool(document.headings) and document.headings[0].start == document.headings[0].end
    return (in_path or "#" in document.source) and document.title != old.title


def _label(document: RawDocument | Document) -> tuple[str, str, dict[str, object]]:
    return document.title, document.media_type, dict(document.metadata)


def _new(document: RawDocument, digest: str) -> NewDocument:
    return NewDocument(
        document.source, document.title, document.text, digest, document.media_type, document.metadata
    )
