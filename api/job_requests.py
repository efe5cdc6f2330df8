"""Jobs as callers ask for them: files that are sent, or paths in folders that the settings open."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from starlette.datastructures import UploadFile

from api.audit import by_key
from api.auth import Caller, check_level
from api.build import Application
from api.encoders import CorpusEncoder
from api.reading import with_settings
from api.refusals import BodyError, FolderError
from api.schemas.jobs import JobBody, JobForm
from api.uploads import checked_readers
from ingest.inputs import find_inputs
from ingest.jobs import SentContent, create_for_files, create_for_paths
from ingest.options import IngestOptions, JobRequest
from ingest.readers import ReadOptions
from store import corpora
from store.types import Corpus, Level

BATCH_CHARACTERS = 20_000
"""Jobs of a server take turns by batches, so theirs are shorter than those of the command line."""


def queue_paths(parts: Application, body: JobBody, key: Caller) -> UUID:
    """Make a job for paths of the server; returns its id.

    Raises:
        FolderError: A path is in no folder that the settings open.
        MissingPathError: A path does not exist.
        UnknownCorpusError: There is no such corpus.
        AccessError: The caller may not write to it.
        EncoderMismatchError: The corpus was embedded by another encoder than the server's.
    """
    for path in body.paths:
        _check_open(parts, path)
    corpus = _corpus(parts, body.corpus, key)
    options = replace(_options(parts, corpus, body, key), metadata=body.metadata, prune=body.prune)
    request = JobRequest(tuple(body.paths), options=options)
    find_inputs(request.paths)  # says at once when one does not exist
    with parts.database.transaction() as session:
        job_id = create_for_paths(session, corpus, request, key.user)
        by_key(session, key, "job.start", str(job_id), {"corpus": corpus.name, "paths": body.paths})
    return job_id


def queue_files(parts: Application, form: JobForm, files: list[UploadFile], key: Caller) -> UUID:
    """Make a job for files that were sent; returns its id.

    Raises:
        BodyError: There are no files, or two of one name.
        UnknownCorpusError: There is no such corpus.
        AccessError: The caller may not write to it.
        EncoderMismatchError: The corpus was embedded by another encoder than the server's.
    """
    names = [Path(file.filename or "upload").name.replace("\0", "") for file in files]
    if not files:
        raise BodyError("The form has no files: send each as a field `file`.")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise BodyError(f"Two of the files are called {doubled!r}. Give each a name of its own.")
    corpus = _corpus(parts, form.corpus, key)
    options = replace(_options(parts, corpus, form, key), metadata=form.metadata or {})
    sent = [
        SentContent(name, "upload://" + quote(name), file.file)
        for name, file in zip(names, files, strict=True)
    ]
    with parts.database.transaction() as session:
        job_id = create_for_files(session, corpus, options, sent, key.user)
        by_key(session, key, "job.start", str(job_id), {"corpus": corpus.name, "files": len(sent)})
    return job_id


def _corpus(parts: Application, name: str, key: Caller) -> Corpus:
    with parts.database.transaction() as session:
        corpus = corpora.get(session, name, key.reader)  # a misspelt name must not make a corpus
        check_level(session, corpus.id, key, Level.WRITE)
        return parts.corpus_to_fill(session, name)


def _options(parts: Application, corpus: Corpus, given: JobBody | JobForm, key: Caller) -> IngestOptions:
    read = ReadOptions(
        text_field=given.text_field,
        id_field=given.id_field,
        title_field=given.title_field,
        encoding=given.encoding,
    )
    size = CorpusEncoder(parts, corpus).chunk_size()
    read = with_settings(read, parts.settings)
    with parts.database.transaction() as session:
        readers = None if given.readers is None else given.readers.named()
        readers = checked_readers(session, readers, key)
    return IngestOptions(
        read=read, chunk_size=size, batch_characters=BATCH_CHARACTERS, readers=readers, sender=key.reader
    )


def _check_open(parts: Application, path: str) -> None:
    """See to it that a path, wherever its links lead, is in a folder that the settings open.

    Raises:
        FolderError: It is not.
    """
    given = Path(path)
    folders = [folder.resolve() for folder in parts.settings.job_folders]
    if not given.is_absolute() or not any(given.resolve().is_relative_to(folder) for folder in folders):
        raise FolderError(path)
