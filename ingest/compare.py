"""Tells what is new or changed from what is stored already, by its hash."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from ingest.clean import sha256
from ingest.corpus_settings import CorpusSettings
from ingest.labels import LANGUAGE, language_of
from ingest.options import IngestOptions
from ingest.readers import ProblemKind, RawDocument
from ingest.stages import Compared, Fresh, Outcome
from store import documents, visibility
from store.document_looks import Look, differing
from store.job_documents import DocumentOutcome
from store.postgres import Database
from store.types import Corpus, Document, DocumentWithChunks, NewDocument

NOT_YOURS = "another document has this source, and you may not change it; send yours under another source"
"""Why a document is refused that would replace a hidden one."""


class Comparer:
    """Compares documents that come to a corpus with what it has."""

    def __init__(
        self, corpus: Corpus, database: Database, options: IngestOptions, settings: CorpusSettings
    ) -> None:
        self._corpus = corpus
        self._database = database
        self._options = options
        self._settings = settings

    def compare(self, batch: Sequence[RawDocument]) -> Compared:
        """Sorts documents by what there is to do with them."""
        compared = Compared()
        if not batch:
            return compared
        with self._database.transaction() as session:
            batch = self._permitted(session, batch, compared)
            hashes = [sha256(document.text) for document in batch]
            if self._options.readers is None:
                batch, hashes = self._differing(session, batch, hashes, compared)
            if not batch:
                return compared
            known = documents.known(session, self._corpus.id, [document.source for document in batch])
            changed = [
                digest
                for document, digest in zip(batch, hashes, strict=True)
                if not is_unchanged(document, digest, known.get(document.source))
            ]
            originals = documents.by_sha256(session, self._corpus.id, changed) if changed else {}
        twins: set[str] = set()
        for document, digest in zip(batch, hashes, strict=True):
            old = known.get(document.source)
            listed = self._options.readers is not None or (old is not None and old.restricted)
            if old is not None and is_unchanged(document, digest, old):
                compared.unchanged.append(document)
                if self._options.readers is not None:
                    compared.relisted.append(old.id)
                new = self._in_its_language(document, old)
                if _label(new) != _label(old) or self._options.origin != old.origin:
                    compared.relabelled.append((old, new))
            elif listed:
                compared.fresh.append(Fresh(self._in_its_language(document), digest, old, listed=True))
            elif digest in twins or is_copy(originals.get(digest), old):
                copy = new_document(self._in_its_language(document), digest, self._options)
                compared.copies.append(DocumentWithChunks(copy, (), originals.get(digest)))
            else:
                twins.add(digest)
                compared.fresh.append(Fresh(self._in_its_language(document), digest, old))
        return compared

    def _differing(
        self, session: Session, batch: Sequence[RawDocument], hashes: Sequence[str], compared: Compared
    ) -> tuple[list[RawDocument], list[str]]:
        """Returns the documents, with their hashes, that are not stored just as they come.

        The others are noted. Most of what is ingested again is among these, so PostgreSQL compares it and
        sends nothing.
        """
        looks = [
            Look(document.source, digest, document.title, document.media_type, document.metadata)
            for document, digest in zip(batch, hashes, strict=True)
        ]
        language = LANGUAGE if self._settings.labels.language else None
        numbers = differing(session, self._corpus.id, looks, self._options.origin, besides=language)
        differ = set(numbers)
        compared.unchanged.extend(one for number, one in enumerate(batch) if number not in differ)
        return [batch[number] for number in numbers], [hashes[number] for number in numbers]

    def _permitted(
        self, session: Session, batch: Sequence[RawDocument], compared: Compared
    ) -> list[RawDocument]:
        """Returns the documents that replace nothing hidden from their sender, and notes the others."""
        sources = [document.source for document in batch]
        hidden = visibility.hidden_sources(session, self._corpus.id, sources, self._options.sender)
        compared.forbidden.extend(
            Outcome(source, DocumentOutcome.SKIPPED, kind=ProblemKind.REFUSED, reason=NOT_YOURS)
            for source in sources
            if source in hidden
        )
        return [document for document in batch if document.source not in hidden]

    def _in_its_language(self, document: RawDocument, old: Document | None = None) -> RawDocument:
        """Returns the document with its language; an unchanged one has what it had."""
        if not self._settings.labels.language or LANGUAGE in document.metadata:
            return document
        code = language_of(document.text) if old is None else old.metadata.get(LANGUAGE)
        return document if code is None else replace(document, metadata={**document.metadata, LANGUAGE: code})


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


def new_document(document: RawDocument, digest: str, options: IngestOptions) -> NewDocument:
    """Returns a document as it is stored; `digest` is the hash of its text."""
    return NewDocument(
        document.source,
        document.title,
        document.text,
        digest,
        document.media_type,
        document.metadata,
        options.origin,
        options.readers,
    )


def _label(document: RawDocument | Document) -> tuple[str, str, Mapping[str, Any]]:
    return document.title, document.media_type, dict(document.metadata)
