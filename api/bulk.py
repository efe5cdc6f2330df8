"""Jobs put together: a stored request with the corpus, the encoder and the limits of the settings."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from api.anonymizer import anonymizer_of
from api.build import Application
from api.encoders import CorpusEncoder
from api.settings import Settings
from ingest.errors import RequestError
from ingest.ingest import Journey
from ingest.inputs import Input, Inputs, find_inputs
from ingest.job_run import LOCK_S, JobRun
from ingest.jobs import open_run, request_of, this_host
from ingest.limits import Limits
from ingest.options import JobRequest
from ingest.readers import SUFFIXES
from store import corpora, job_uploads, jobs
from store.job_types import RESUMABLE, JobStatus


def limits_of(settings: Settings) -> Limits:
    """What a single document may take."""
    return Limits(
        document_s=settings.document_timeout_s,
        memory_bytes=settings.reader_memory_bytes,
        input_characters=settings.max_input_characters,
    )


def open_job(
    application: Application,
    job_id: UUID,
    *,
    lock_s: float = LOCK_S,
    allowed: Sequence[JobStatus] = RESUMABLE,
) -> JobRun:
    """Take hold of a stored job in an allowed state, which may take `lock_s`, to go on where it was.

    Raises:
        UnknownJobError: There is none.
        JobTakenError: Another process works on it.
        JobStateError: It is in another state, such as done.
        RequestError: Its corpus is gone, or what it is to read cannot be told or is on another machine.
        MissingPathError: A path that it is to read does not exist any more.
        EncoderMismatchError: The corpus was embedded by another encoder.
        VaultKeyError: The corpus is anonymised, and the vault's key is missing or wrong.
    """
    with application.database.transaction() as session:
        job = jobs.get(session, job_id)
        if job.corpus is None:
            raise RequestError("its corpus was deleted")
        if job.host not in (None, this_host()):
            raise RequestError(f"its files are on {job.host!r}")
        corpora.get(session, job.corpus)
        corpus = application.corpus_to_fill(session, job.corpus)
    request = request_of(job)
    encoder = CorpusEncoder(application, corpus)
    journey = Journey(
        corpus,
        application.database,
        embed=encoder.encode,
        tokens=encoder.token_offsets,
        options=request.options,
        anonymizer=anonymizer_of(application, corpus),
    )
    folder = TemporaryDirectory(prefix="groundwork-job-")
    try:
        inputs = _inputs(application, job_id, request, Path(folder.name))
        return open_run(
            application.database,
            job_id,
            inputs,
            journey=journey,
            request=request,
            limits=limits_of(application.settings),
            cleanup=folder.cleanup,
            lock_s=lock_s,
            allowed=allowed,
        )
    except BaseException:
        folder.cleanup()
        raise


def _inputs(application: Application, job_id: UUID, request: JobRequest, folder: Path) -> Inputs:
    """What the paths stand for, and the files that were sent, unpacked from the database."""
    found = find_inputs(request.paths, request.options.read.query)
    sent = []
    for file in request.files:
        path = folder / f"{file.number}{known_suffixes(file.name)}"
        with application.database.transaction() as session, path.open("wb") as target:
            job_uploads.fetch(session, job_id, file.number, target)
        title = file.name.partition(".")[0] or None
        sent.append(Input(path, file.size_bytes, None, name=file.source, title=title))
    return Inputs([*found.found, *sent], found.scopes)


def known_suffixes(file_name: str) -> str:
    """The end of a file name as far as readers go by it; a name from outside is no name for a file here."""
    known = (*SUFFIXES, ".gz")
    return "".join(s for s in Path(file_name.replace("\0", "")).suffixes[-2:] if s.lower() in known)
