"""One document sent over HTTP, from the request's body into a corpus."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from api.anonymizer import anonymizer_of
from api.auth import Caller, check_level
from api.build import Application
from api.bulk import known_suffixes, limits_of
from api.encoders import CorpusEncoder
from api.reading import with_settings
from api.refusals import DocumentError
from api.schemas.documents import DocumentBody, UploadForm, UploadView
from api.settings import Settings
from ingest.inputs import Input
from ingest.jobs import ingest_readings
from ingest.options import IngestOptions
from ingest.reader_process import read_apart
from ingest.readers import Problem, RawDocument, ReadOptions, media_type_of, read
from ingest.report import Report
from store import corpora, documents, groups, users
from store.types import Corpus, Level, Origin, Readers

PLAIN = "text/plain"
HARMLESS = (PLAIN, "text/markdown")
"""What is read without a process of its own."""
UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class Upload:
    """What was sent: the content, the name of the file that it is in (None: none), and what is said of it."""

    content: IO[bytes]
    file_name: str | None
    media_type: str | None
    corpus: str
    source: str
    title: str | None
    metadata: dict[str, Any]
    encoding: str | None
    origin: Origin
    readers: Readers | None = None


def upload_of_text(body: DocumentBody, content: IO[bytes]) -> Upload:
    """A document that was sent as JSON; `content` is its text in UTF-8."""
    return Upload(
        content=content,
        file_name=None,
        media_type=body.media_type or PLAIN,
        corpus=body.corpus,
        source=body.source,
        title=body.title or body.source,
        metadata=body.metadata,
        encoding="utf-8",
        origin=body.origin,
        readers=None if body.readers is None else body.readers.named(),
    )


def upload_of_file(
    form: UploadForm, content: IO[bytes], file_name: str | None, media_type: str | None
) -> Upload:
    """A document that was sent as a file; its name decides how it is read, else `media_type` does."""
    name = Path(file_name or "upload").name
    return Upload(
        content=content,
        file_name=name,
        media_type=None if media_type_of(Path(name)) else media_type or UNKNOWN,
        corpus=form.corpus,
        source=form.source or "upload://" + quote(name),
        title=form.title,
        metadata=form.metadata or {},
        encoding=form.encoding,
        origin=form.origin,
        readers=None if form.readers is None else form.readers.named(),
    )


def store_upload(parts: Application, upload: Upload, key: Caller) -> UploadView:
    """Bring an upload into its corpus the way `rag ingest` does, and tell what became of it.

    Who sends a document with a list of readers is on it.

    Raises:
        UnknownCorpusError: There is no such corpus that the caller may know of.
        AccessError: The caller may not write to it.
        UnknownUserError, UnknownGroupError: The list of readers names one that is not there.
        EncoderMismatchError: The corpus was embedded by another encoder than the server's.
        UnknownMediaTypeError: No reader is there for it.
        DocumentError: It cannot be a document; nothing was stored.
    """
    with parts.database.transaction() as session:
        corpus = corpora.get(session, upload.corpus, key.reader)  # a misspelt name must not make a corpus
        check_level(session, corpus.id, key, Level.WRITE)
        readers = checked_readers(session, upload.readers, key)
        corpus = parts.corpus_to_fill(session, upload.corpus)
    encoder = CorpusEncoder(parts, corpus)
    anonymizer = anonymizer_of(parts, corpus)
    with tempfile.TemporaryDirectory(prefix="groundwork-upload-") as folder:
        path = Path(folder) / ("upload" + known_suffixes(upload.file_name or ""))
        with path.open("wb") as file:
            shutil.copyfileobj(upload.content, file)
        report = ingest_readings(
            _readings(path, upload, parts.settings),
            corpus,
            database=parts.database,
            embed=encoder.encode,
            tokens=encoder.token_offsets,
            options=IngestOptions(
                chunk_size=encoder.chunk_size(), origin=upload.origin, readers=readers, sender=key.reader
            ),
            user=key.user,
            source=upload.source,
            anonymizer=anonymizer,
        )
    return _view(parts, corpus, upload, report)


def checked_readers(session: Session, readers: Readers | None, key: Caller) -> Readers | None:
    """A list that names its sender too; None stays None.

    Raises:
        UnknownUserError, UnknownGroupError: It names one that is not there.
    """
    if readers is None:
        return None
    users.ids_of(session, readers.users)
    groups.ids_of(session, readers.groups)
    return Readers(tuple(dict.fromkeys([*readers.users, key.user])), readers.groups)


def _readings(path: Path, upload: Upload, settings: Settings) -> Iterator[RawDocument | Problem]:
    given = ReadOptions(encoding=upload.encoding, max_document_bytes=settings.max_upload_bytes)
    options = with_settings(given, settings)
    title = upload.title or (upload.file_name or "").partition(".")[0] or None
    found = read(path, options, source=upload.source, media_type=upload.media_type, title=title)
    if upload.file_name is not None or upload.media_type not in HARMLESS:
        sent = Input(path, path.stat().st_size, None, upload.source, upload.media_type, title)
        found = read_apart(sent, options, limits_of(settings))
    for item in found:
        if isinstance(item, RawDocument):
            yield replace(
                item,
                title=upload.title if upload.title and item.source == upload.source else item.title,
                metadata={**item.metadata, **upload.metadata},
            )
        else:
            yield item


def _view(parts: Application, corpus: Corpus, upload: Upload, report: Report) -> UploadView:
    counts = report.documents
    if counts.done + counts.unchanged + counts.duplicate + counts.near_duplicate == 0:
        reasons = "; ".join(dict.fromkeys(problem.reason for problem in report.problems[:3]))
        raise DocumentError(f"{upload.source!r} cannot be a document: {reasons or 'it is empty'}.")
    with parts.database.transaction() as session:
        # A file of records is many documents, none of which has the upload's own source.
        document = documents.known(session, corpus.id, [upload.source]).get(upload.source)
    told = report.to_json()
    return UploadView(
        document_id=document.id if document else None,
        source=upload.source,
        status=document.status if document else None,
        version=document.version if document else None,
        chunks=report.chunks,
        job_id=report.job_id,
        documents=told["documents"],
        problems=told["problems"],
    )
