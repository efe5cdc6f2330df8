"""Jobs: bulk ingestions, made and followed over HTTP."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import anyio
from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response, status
from fastapi.encoders import jsonable_encoder
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from api.audit import by_key
from api.auth import Caller, ContributorKey, Parts, ReaderKey, check_level
from api.build import Application
from api.errors import OF_EVERY_ROUTE, problems
from api.events import LastEventId
from api.forms import FORM, JSON, content_type_of, valid
from api.job_requests import queue_files, queue_paths
from api.paging import AS_JSONL, Paged
from api.refusals import BodyError, FolderError, TooLargeError
from api.schemas.jobs import (
    JobBody,
    JobDocumentsView,
    JobDocumentView,
    JobForm,
    JobsView,
    JobView,
    RetryBody,
)
from ingest.errors import UnknownMediaTypeError
from ingest.jobs import retry as retry_documents
from ingest.readers import ProblemKind
from store import job_documents, jobs
from store.errors import (
    EncoderMismatchError,
    InvalidCursorError,
    JobStateError,
    UnknownCorpusError,
    UnknownJobError,
)
from store.job_documents import DocumentOutcome
from store.job_types import FINISHED, Wanted
from store.positions import Batch, parse_position, position
from store.types import Level

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=OF_EVERY_ROUTE)

EVENTS_INTERVAL_S = 0.5
KEEP_ALIVE_S = 15.0
MAX_FILES = 1_000

EVENT_EXAMPLE = 'event: progress\nid: 9f2c81d04c77e3ab\ndata: {"status": "running"}\n\n'

JOB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file", "corpus"],
                    "example": {"file": ["leave.md", "travel.md"], "corpus": "handbook"},
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        **JobForm.model_json_schema()["properties"],
                    },
                }
            },
            JSON: {"schema": JobBody.model_json_schema()},
        },
    }
}


@router.post(
    "",
    summary="Start a job",
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=JOB_BODY,
    responses=problems(
        UnknownCorpusError, EncoderMismatchError, FolderError, TooLargeError, UnknownMediaTypeError, BodyError
    ),
)
async def start_job(request: Request, parts: Parts, key: ContributorKey) -> JobView:
    """Queues files for ingestion: those of a form, any number of them, archives too; or paths of the server.

    Paths have to lie in the folders that RAG_JOB_FOLDERS opens; by default there are none. The response
    comes before anything is read: follow the job by its id.
    """
    content_type = content_type_of(request)
    if content_type == FORM:
        async with request.form(max_files=MAX_FILES) as form:
            files = [file for file in form.getlist("file") if isinstance(file, UploadFile)]
            fields = {name: value for name, value in form.items() if name != "file"}
            job_id = await to_thread.run_sync(queue_files, parts, valid(JobForm, fields), files, key)
    elif content_type == JSON:
        body = valid(JobBody, await request.body())
        job_id = await to_thread.run_sync(queue_paths, parts, body, key)
    else:
        raise UnknownMediaTypeError(content_type or "no Content-Type", [FORM, JSON])
    request.app.state.runner.call()
    return await to_thread.run_sync(_view, parts, job_id, key)


@router.get(
    "",
    summary="List jobs",
    response_model=JobsView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_jobs(parts: Parts, key: ReaderKey, paging: Paged) -> Any:
    """All jobs, the newest first."""

    def fetch(after: str | None, limit: int) -> Batch[JobView]:
        place = None if after is None else parse_position(after)
        with parts.database.transaction() as session:
            found = jobs.page(session, after=place, limit=limit + 1, reader=key.reader)
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else position(last.started_at, last.id)
        return Batch([JobView.of(job) for job in found[:limit]], following)

    return paging.give("jobs", {}, fetch, lambda views, cursor: JobsView(jobs=views, next=cursor))


@router.get("/{job_id}", summary="Show a job", responses=problems(UnknownJobError))
def show_job(job_id: UUID, parts: Parts, key: ReaderKey) -> JobView:
    """How far a job is: counts, rate, time left."""
    return _view(parts, job_id, key)


@router.get(
    "/{job_id}/documents",
    summary="List a job's documents",
    response_model=JobDocumentsView,
    responses={**AS_JSONL, **problems(UnknownJobError, InvalidCursorError)},
)
def list_job_documents(
    *,
    job_id: UUID,
    parts: Parts,
    key: ReaderKey,
    paging: Paged,
    status: Annotated[DocumentOutcome | None, Query(description="only these")] = None,
    kind: Annotated[ProblemKind | None, Query(description="only those with such a problem or remark")] = None,
) -> Any:
    """What became of each source of a job, in the order of the sources; failures say why.

    A document that was read but for some pages is no failure: its kind is `scanned`, its reason says which.
    """
    with parts.database.transaction() as session:
        jobs.get(session, job_id, key.reader)

    def fetch(after: str | None, limit: int) -> Batch[JobDocumentView]:
        place = None if after is None else _document_place(after)
        with parts.database.transaction() as session:
            found = job_documents.page(
                session, job_id, after=place, limit=limit + 1, outcome=status, kind=kind
            )
        last = found[limit - 1] if len(found) > limit else None
        views = [JobDocumentView.model_validate(document) for document in found[:limit]]
        return Batch(views, None if last is None else f"{last.line} {last.source}")

    return paging.give(
        f"jobs/{job_id}/documents",
        {"status": status, "kind": kind},
        fetch,
        lambda views, cursor: JobDocumentsView(documents=views, next=cursor),
    )


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_model=None,
    responses={
        200: {"content": {"text/event-stream": {"example": EVENT_EXAMPLE}}},
        204: {"description": "Nothing more: the job has come to its end, as you know."},
        **problems(UnknownJobError),
    },
)
async def follow_job(job_id: UUID, parts: Parts, key: ReaderKey, last_event_id: LastEventId = None) -> Any:
    """Server-sent events: `progress` with the job whenever it changes, `end` when it has come to its end.

    An event's id names the state of the job that it told of. Whoever sends it as `Last-Event-ID` is told only
    of what is different by now; 204: nothing is, and the job has come to its end.
    """
    first = await to_thread.run_sync(_view, parts, job_id, key)
    if last_event_id is not None and last_event_id == _state(first) and first.status in FINISHED:
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return EventSourceResponse(_events(parts, key, first, last_event_id))


@router.post("/{job_id}/pause", summary="Pause a job", responses=problems(UnknownJobError, JobStateError))
def pause_job(job_id: UUID, parts: Parts, key: ContributorKey) -> JobView:
    """Lets a job rest when the batch that is being worked on is stored."""
    return _ask(parts, job_id, Wanted.PAUSE, key)


@router.post("/{job_id}/resume", summary="Resume a job", responses=problems(UnknownJobError, JobStateError))
def resume_job(job_id: UUID, request: Request, parts: Parts, key: ContributorKey) -> JobView:
    """Queues a job that was paused, interrupted or failed; it goes on where it was."""
    view = _ask(parts, job_id, Wanted.RUN, key)
    request.app.state.runner.call()
    return view


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problems(UnknownJobError, JobStateError))
def cancel_job(job_id: UUID, parts: Parts, key: ContributorKey) -> JobView:
    """Ends a job for good; what it stored stays."""
    return _ask(parts, job_id, Wanted.CANCEL, key)


@router.post("/{job_id}/retry", summary="Retry a job", responses=problems(UnknownJobError, JobStateError))
def retry_job(job_id: UUID, body: RetryBody, request: Request, parts: Parts, key: ContributorKey) -> JobView:
    """Queues again what failed in a job, and nothing else."""
    with parts.database.transaction() as session:
        _check_writable(session, job_id, key)
    retry_documents(parts.database, job_id, quarantined=body.quarantined)
    with parts.database.transaction() as session:
        by_key(session, key, "job.retry", str(job_id), {"quarantined": body.quarantined})
    request.app.state.runner.call()
    return _view(parts, job_id, key)


async def _events(parts: Application, key: Caller, view: JobView, known: str | None) -> AsyncIterator[bytes]:
    if known != _state(view):
        yield _event("progress", view)
    told_at = time.monotonic()
    while view.status not in FINISHED:
        await anyio.sleep(EVENTS_INTERVAL_S)
        try:
            before, view = view, await to_thread.run_sync(_view, parts, view.id, key)
        except UnknownJobError:  # it is hidden from now on
            return
        if view != before:
            yield _event("progress", view)
            told_at = time.monotonic()
        elif time.monotonic() - told_at >= KEEP_ALIVE_S:
            yield b": still here\n\n"
            told_at = time.monotonic()
    yield _event("end", view)


def _event(name: str, view: JobView) -> bytes:
    data = json.dumps(jsonable_encoder(view), ensure_ascii=False)
    return format_sse_event(event=name, data_str=data, id=_state(view))


def _state(view: JobView) -> str:
    """A short name of what is told of a job; it is another one when anything of it is another."""
    return hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:16]


def _view(parts: Application, job_id: UUID, key: Caller) -> JobView:
    with parts.database.transaction() as session:
        return JobView.of(jobs.get(session, job_id, key.reader))


def _ask(parts: Application, job_id: UUID, wanted: Wanted, key: Caller) -> JobView:
    with parts.database.transaction() as session:
        _check_writable(session, job_id, key)
        jobs.ask(session, job_id, wanted)
        by_key(session, key, f"job.{wanted}", str(job_id))
    return _view(parts, job_id, key)


def _check_writable(session: Session, job_id: UUID, key: Caller) -> None:
    """See to it that a caller may write to the corpus of a job.

    Raises:
        UnknownJobError: There is no such job that it may see.
        AccessError: It may not.
    """
    job = jobs.get(session, job_id, key.reader)
    if job.corpus_id is not None:
        check_level(session, job.corpus_id, key, Level.WRITE)


def _document_place(position: str) -> tuple[str, int]:
    line, _, source = position.partition(" ")
    return source, int(line)
