"""A document's journey: read, clean, deduplicate, split, embed, store.

Documents travel in batches, each stored in one transaction together with what its job notes of it. Reading
is `ingest.reader_process`'s, and what becomes of a job as a whole is told in `ingest.job_run`.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from ingest.anonymize import Anonymizer
from ingest.boilerplate import Pages, find_boilerplate, leave_out
from ingest.boilerplate import paragraphs as find_paragraphs
from ingest.compare import Comparer, new_document
from ingest.corpus_settings import CorpusSettings
from ingest.deduplicate import Text, deduplicate
from ingest.errors import AnonymizerError, EmbeddingError
from ingest.labels import PathPattern, front_matter, path_labels
from ingest.options import IngestOptions
from ingest.quality import reason_to_refuse
from ingest.readers import ProblemKind, RawDocument
from ingest.split import Outline, Tokens, split_all
from ingest.stages import Chunked, Counted, Embedding, Fresh, Outcome, Prepared
from store import access_lists, documents, near_duplicates, paragraphs, vault
from store.index.search_text import search_text
from store.job_documents import DocumentOutcome
from store.near_duplicates import Candidate
from store.places import places_between
from store.postgres import Database
from store.types import (
    Corpus,
    DocumentStatus,
    DocumentWithChunks,
    Float16Vector,
    NewChunk,
)
from store.vault import NewEntry

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Gives the unit vectors of texts: shape `(n, dimension)`."""


_MARKDOWN = "text/markdown"
_SLICE = 64  # chunks that are embedded without a look at anything else: about a second

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
        anonymizer: Anonymizer | None = None,
    ) -> None:
        """Prepares for documents.

        Raises:
            CorpusSettingsError: A setting of the corpus cannot be used.
            AnonymizerError: The corpus is to be anonymous, and nothing is there that makes it so.
        """
        self._corpus = corpus
        self._database = database
        self._embed = embed
        self._tokens = tokens
        self._options = options
        self._settings = CorpusSettings.of(corpus.settings)
        if self._settings.anonymize.kinds and anonymizer is None:
            raise AnonymizerError(corpus.name)
        self._patterns = [PathPattern(pattern) for pattern in self._settings.labels.paths]
        self._anonymizer = anonymizer if self._settings.anonymize.kinds else None
        self._comparer = Comparer(corpus, database, options, self._settings)
        self.stage = "begin"

    def compare(self, batch: Sequence[RawDocument]) -> Prepared:
        """Makes documents ready to be stored, and tells what there is to do with them.

        Raises:
            DatabaseUnavailableError: PostgreSQL went away.
        """
        # What changes a text, or refuses a document, has its place before the comparison: hashes are of what
        # is stored. What looks for likenesses comes after it, and what leaves out chunks after the splitting.
        self.stage = "label"
        labelled = [self._labelled(document) for document in batch]
        self.stage = "quality"
        good, refused = self._sifted(labelled)
        self.stage = "anonymize"
        anonymous, entries = self._anonymized(good)
        self.stage = "compare"
        return Prepared(self._comparer.compare(anonymous), refused, entries)

    def take(self, prepared: Prepared, note: Note) -> Generator[Embedding]:
        """Takes documents to their end: only what is new or changed is split and embedded.

        Gives how far the embedding is, now and then; whoever goes no further leaves the batch as it was.

        Raises:
            EmbeddingError: `embed` gave something else than finite vectors of the corpus's dimension.
            DatabaseUnavailableError: PostgreSQL went away; nothing of the batch is stored.
        """
        self.stage = "deduplicate"
        fresh = self._deduplicate(prepared.compared.fresh)
        self.stage = "split"
        chunked, counted = self._without_boilerplate(self._split(fresh))
        self.stage = "embed"
        embedded = yield from self._embed_chunks(chunked)
        self.stage = "store"
        self._store(prepared, embedded, counted, note)

    def check_encoder(self) -> None:
        """Embeds a word; raises what the encoder raises when it fails on any text."""
        self._tokens(["word"])
        self._embed(["word"])

    def _labelled(self, document: RawDocument) -> RawDocument:
        """Returns the document with all that is known of it: the more particular, the stronger."""
        of_path = path_labels(document.source, self._patterns)
        of_front = front_matter(document.text) if document.media_type == _MARKDOWN else {}
        found = {**of_path, **of_front, **document.metadata, **self._options.metadata}
        return document if found == document.metadata else replace(document, metadata=found)

    def _sifted(self, batch: Sequence[RawDocument]) -> tuple[list[RawDocument], list[Outcome]]:
        """Returns the documents that are good enough for the corpus, and what became of the others."""
        good, refused = [], []
        for document in batch:
            reason = reason_to_refuse(document.text, self._settings.quality)
            if reason is None:
                good.append(document)
            else:
                outcome = DocumentOutcome.SKIPPED
                refused.append(Outcome(document.source, outcome, kind=ProblemKind.REFUSED, reason=reason))
        return good, refused

    def _anonymized(self, batch: Sequence[RawDocument]) -> tuple[list[RawDocument], list[NewEntry]]:
        """Returns the documents with pseudonyms for personal data, and what these stand for."""
        if self._anonymizer is None:
            return list(batch), []
        done = [self._anonymizer.document(document) for document in batch]
        return [one.document for one in done], [entry for one in done for entry in one.entries]

    def _deduplicate(self, fresh: Sequence[Fresh]) -> list[Fresh]:
        """Finds out what is nearly the same as something stored, or as something else of the batch.

        Documents with lists of their own are not compared: not everybody could see what stood for them.
        """
        chosen = self._settings.near_duplicates
        if not chosen.enabled:
            return list(fresh)
        apart = [one for one in fresh if one.listed]
        fresh = [one for one in fresh if not one.listed]
        texts = [
            Text(
                one.document.source,
                one.document.text,
                one.sha256,
                kept_apart=one.old is not None and one.old.kept_apart,
            )
            for one in fresh
        ]
        findings = deduplicate(texts, self._find_candidates, chosen.threshold, self._corpus.id)
        return [replace(one, finding=found) for one, found in zip(fresh, findings, strict=True)] + apart

    def _find_candidates(self, bands: Sequence[Sequence[int]]) -> list[Candidate]:
        with self._database.transaction() as session:
            return near_duplicates.find(session, self._corpus.id, bands)

    def _split(self, fresh: Sequence[Fresh]) -> list[Chunked]:
        """Cuts documents into chunks."""
        outlines = [Outline(one.document.text, one.document.headings) for one in fresh]
        spans = split_all(outlines, self._tokens, self._options.chunk_size)
        return [Chunked(one, tuple(its_spans)) for one, its_spans in zip(fresh, spans, strict=True)]

    def _without_boilerplate(self, chunked: Sequence[Chunked]) -> tuple[list[Chunked], Counted | None]:
        """Leaves paragraphs that many documents share out of the chunks of all but one."""
        chosen = self._settings.boilerplate
        if not chosen.enabled:
            return list(chunked), None
        apart = [one for one in chunked if one.fresh.listed]
        chunked = [one for one in chunked if not one.fresh.listed]
        batch = [
            Pages(
                one.fresh.document.source,
                find_paragraphs(one.fresh.document.text, one.fresh.document.headings),
                is_new=one.fresh.old is None,
                is_indexed=one.fresh.near_sha256 is None,
            )
            for one in chunked
        ]
        keys = sorted({key for pages in batch for key in pages.keys})
        with self._database.transaction() as session:
            stored = paragraphs.known(session, self._corpus.id, keys)
            documents_before = paragraphs.count_documents(session, self._corpus.id)
        found = find_boilerplate(batch, stored, documents_before, chosen)
        left = [
            replace(one, spans=tuple(leave_out(one.fresh.document.text, one.spans, ranges)))
            for one, ranges in zip(chunked, found.ranges, strict=True)
        ]
        return left + apart, Counted([pages.keys for pages in batch if pages.is_new], found.holders)

    def _embed_chunks(
        self, chunked: Sequence[Chunked]
    ) -> Generator[Embedding, None, list[DocumentWithChunks]]:
        """Embeds all chunks together; those whose search texts the old version had keep their vectors."""
        vectors = self._kept_vectors(chunked)
        missing = list(dict.fromkeys(text for one in chunked for text in one.texts if text not in vectors))
        found = yield from self._embedded(missing)
        vectors.update(zip(missing, found, strict=True))
        return [
            DocumentWithChunks(
                new_document(one.fresh.document, one.fresh.sha256, self._options),
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
                near_duplicate_of=None if one.fresh.finding is None else one.fresh.finding.near_duplicate_of,
                bands=None if one.fresh.finding is None else one.fresh.finding.bands,
            )
            for one in chunked
        ]

    def _kept_vectors(self, chunked: Sequence[Chunked]) -> dict[str, Float16Vector]:
        """Returns the vectors that stored versions of the documents, or of what they are near to, have."""
        stored = {one.fresh.old.id: one.fresh.old.version for one in chunked if one.fresh.old is not None}
        near = [one.fresh.near_sha256 for one in chunked if one.fresh.near_sha256 is not None]
        if not stored and not near:
            return {}
        with self._database.transaction() as session:
            originals = documents.by_sha256(session, self._corpus.id, near)
            stored |= documents.current_versions(session, list(originals.values()))
            return {
                search_text(chunk.heading_path, chunk.text): chunk.embedding
                for chunk in documents.embedded_chunks(session, stored)
            }

    def _embedded(self, texts: Sequence[str]) -> Generator[Embedding, None, NDArray[np.float16]]:
        """Embeds texts of similar length side by side, which wastes the least padding."""
        vectors = np.empty((len(texts), self._corpus.dimension), np.float16)
        order = np.argsort([len(text) for text in texts], kind="stable")
        for start in range(0, len(texts), _SLICE):
            if start:
                yield Embedding(start, len(texts))
            part = order[start : start + _SLICE]
            found = self._embed([texts[index] for index in part])
            if found.shape != (len(part), self._corpus.dimension):
                expected = f"{len(part)} vectors of {self._corpus.dimension}"
                raise EmbeddingError(f"{expected} were expected, an array of {found.shape} came")
            if not np.isfinite(found).all():
                raise EmbeddingError("some of their numbers are not finite")
            vectors[part] = found
        return vectors

    def _store(
        self,
        prepared: Prepared,
        embedded: Sequence[DocumentWithChunks],
        counted: Counted | None,
        note: Note,
    ) -> None:
        """Stores a batch, what is kept beside it, and what is noted of it, in one transaction."""
        compared, refused = prepared.compared, prepared.refused
        items = [*embedded, *compared.copies]
        with self._database.transaction() as session:
            written = documents.put_many(session, self._corpus.id, items) if items else []
            if self._anonymizer is not None:
                vault.put(session, self._corpus.id, prepared.entries, self._anonymizer.key)
            if counted is not None:
                paragraphs.count(session, self._corpus.id, counted.keys, counted.holders)
            if refused:
                known = documents.known(session, self._corpus.id, [one.source for one in refused])
                documents.remove(session, self._corpus.id, [document.id for document in known.values()])
            for old, new in compared.relabelled:
                documents.update_metadata(
                    session, old.id, new.title, new.media_type, new.metadata, origin=self._options.origin
                )
            for document_id in compared.relisted:
                access_lists.set_document_readers(session, document_id, self._options.readers)
            outcomes = prepared.unchanged
            for item, document in zip(items, written, strict=True):
                outcome = _OUTCOMES[document.status]
                is_indexed = document.status == DocumentStatus.CURRENT
                outcomes.append(Outcome(document.source, outcome, len(item.chunks) if is_indexed else 0))
            note(session, [*outcomes, *refused, *compared.forbidden])


_OUTCOMES = {
    DocumentStatus.CURRENT: DocumentOutcome.DONE,
    DocumentStatus.DUPLICATE: DocumentOutcome.DUPLICATE,
    DocumentStatus.NEAR_DUPLICATE: DocumentOutcome.NEAR_DUPLICATE,
}
