"""One function for each route, under its name: what to send, and the shape of what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel

from api.routes.health import HealthView, ReadyView
from api.schemas.access import KeyBody, KeyView, NewKeyView, RotateBody
from api.schemas.answers import AnswerView, AskBody, SearchBody, SearchView
from api.schemas.documents import (
    CorpusBody,
    CorpusView,
    DocumentBody,
    DocumentTextView,
    DocumentView,
    DocumentWithChunksView,
    ExportedDocumentView,
    UploadView,
)
from api.schemas.jobs import JobBody, JobDocumentView, JobView, RetryBody
from api.schemas.log import ResponseSummaryView, ResponseView
from api.schemas.sessions import (
    FeedbackBody,
    FeedbackView,
    LineView,
    SessionBody,
    SessionChangeBody,
    SessionView,
)
from store.feedback import Thumb
from store.job_documents import DocumentOutcome

V = TypeVar("V", bound=BaseModel)


class Nothing(BaseModel):
    """The answer of a route that gives none."""


class PlainText(BaseModel):
    """The answer of a route that gives text."""

    text: str


@dataclass(frozen=True)
class Upload:
    """Files to send, each with its name, and what the form says of them."""

    files: tuple[tuple[str, bytes], ...]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Call(Generic[V]):
    """A request and the shape of its answer."""

    method: str
    path: str
    view: type[V]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: BaseModel | None = None
    upload: Upload | None = None


@dataclass(frozen=True)
class Listing(Generic[V]):
    """A list of the server's; `name` is what its pages call the items, None where it has no pages."""

    path: str
    item: type[V]
    name: str | None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Download:
    """A file that the server makes while it is read."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)


def ask(body: AskBody) -> Call[AnswerView]:
    """Ask a question; for an answer piece by piece see `Client.stream`."""
    return Call("POST", "/v1/ask", AnswerView, body=body)


def search(body: SearchBody) -> Call[SearchView]:
    """Find chunks."""
    return Call("POST", "/v1/search", SearchView, body=body)


def list_corpora() -> Listing[CorpusView]:
    """List corpora, by name."""
    return Listing("/v1/corpora", CorpusView, "corpora")


def create_corpus(body: CorpusBody) -> Call[CorpusView]:
    """Make a corpus."""
    return Call("POST", "/v1/corpora", CorpusView, body=body)


def show_corpus(name: str) -> Call[CorpusView]:
    """Show a corpus."""
    return Call("GET", f"/v1/corpora/{quote(name, safe='')}", CorpusView)


def export_corpus(name: str) -> Listing[ExportedDocumentView]:
    """Export the newest texts of a corpus."""
    return Listing(f"/v1/corpora/{quote(name, safe='')}/export", ExportedDocumentView, None)


def delete_corpus(name: str) -> Call[Nothing]:
    """Delete a corpus for good."""
    return Call("DELETE", f"/v1/corpora/{quote(name, safe='')}", Nothing)


def send_document(body: DocumentBody) -> Call[UploadView]:
    """Send a document as text."""
    return Call("POST", "/v1/documents", UploadView, body=body)


def send_file(path: Path, corpus: str, **fields: str) -> Call[UploadView]:
    """Send a file; `fields` are those of the form: `source`, `title`, `metadata` (JSON), `encoding`.

    Raises:
        OSError: It cannot be read.
    """
    upload = Upload(((path.name, path.read_bytes()),), {"corpus": corpus, **fields})
    return Call("POST", "/v1/documents", UploadView, upload=upload)


def list_documents(corpus: str, filters: str | None = None) -> Listing[DocumentView]:
    """List a corpus's documents; `filters` is a JSON object of conditions on their metadata."""
    return Listing("/v1/documents", DocumentView, "documents", {"corpus": corpus, "filters": filters})


def show_document(document_id: UUID, version: int | None = None) -> Call[DocumentWithChunksView]:
    """Show a document with the chunks of one of its versions; None is the newest."""
    return Call("GET", f"/v1/documents/{document_id}", DocumentWithChunksView, {"version": version})


def read_document(document_id: UUID, version: int | None = None) -> Call[DocumentTextView]:
    """Read one version of a document; None is the newest."""
    return Call("GET", f"/v1/documents/{document_id}/text", DocumentTextView, {"version": version})


def delete_document(document_id: UUID) -> Call[Nothing]:
    """Take a document out of search."""
    return Call("DELETE", f"/v1/documents/{document_id}", Nothing)


def start_job(body: JobBody) -> Call[JobView]:
    """Ingest paths of the server."""
    return Call("POST", "/v1/jobs", JobView, body=body)


def send_files(paths: Sequence[Path], corpus: str, **fields: str) -> Call[JobView]:
    """Send files to be ingested by a job; `fields` are those of the form of `POST /v1/jobs`.

    Raises:
        OSError: One cannot be read.
    """
    files = tuple((path.name, path.read_bytes()) for path in paths)
    return Call("POST", "/v1/jobs", JobView, upload=Upload(files, {"corpus": corpus, **fields}))


def list_jobs() -> Listing[JobView]:
    """List jobs, the newest first."""
    return Listing("/v1/jobs", JobView, "jobs")


def show_job(job_id: UUID) -> Call[JobView]:
    """Show how far a job is."""
    return Call("GET", f"/v1/jobs/{job_id}", JobView)


def list_job_documents(job_id: UUID, status: DocumentOutcome | None = None) -> Listing[JobDocumentView]:
    """List what became of each source of a job."""
    return Listing(f"/v1/jobs/{job_id}/documents", JobDocumentView, "documents", {"status": status})


def pause_job(job_id: UUID) -> Call[JobView]:
    """Pause a job."""
    return Call("POST", f"/v1/jobs/{job_id}/pause", JobView)


def resume_job(job_id: UUID) -> Call[JobView]:
    """Go on with a job."""
    return Call("POST", f"/v1/jobs/{job_id}/resume", JobView)


def cancel_job(job_id: UUID) -> Call[JobView]:
    """Cancel a job."""
    return Call("POST", f"/v1/jobs/{job_id}/cancel", JobView)


def retry_job(job_id: UUID, body: RetryBody) -> Call[JobView]:
    """Try again what failed."""
    return Call("POST", f"/v1/jobs/{job_id}/retry", JobView, body=body)


def list_sessions(
    *,
    user: str | None = None,
    corpus: str | None = None,
    title: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Listing[SessionView]:
    """List conversations, those opened last first."""
    wanted = {"user": user, "corpus": corpus, "title": title, "since": since, "until": until}
    return Listing("/v1/sessions", SessionView, "sessions", wanted)


def open_session(body: SessionBody) -> Call[SessionView]:
    """Open a conversation."""
    return Call("POST", "/v1/sessions", SessionView, body=body)


def show_session(session_id: UUID) -> Call[SessionView]:
    """Show a conversation."""
    return Call("GET", f"/v1/sessions/{session_id}", SessionView)


def rename_session(session_id: UUID, body: SessionChangeBody) -> Call[SessionView]:
    """Rename a conversation."""
    return Call("PATCH", f"/v1/sessions/{session_id}", SessionView, body=body)


def delete_session(session_id: UUID) -> Call[Nothing]:
    """Delete a conversation for good."""
    return Call("DELETE", f"/v1/sessions/{session_id}", Nothing)


def list_turns(session_id: UUID) -> Listing[ResponseSummaryView]:
    """List the responses of all lines of a conversation."""
    return Listing(f"/v1/sessions/{session_id}/responses", ResponseSummaryView, "responses")


def follow_line(session_id: UUID, response_id: UUID | None = None, limit: int = 20) -> Call[LineView]:
    """Follow the line of a conversation that ends with a response; None is the newest."""
    wanted = {"response_id": response_id, "limit": limit}
    return Call("GET", f"/v1/sessions/{session_id}/line", LineView, wanted)


def export_session(session_id: UUID) -> Listing[ResponseView]:
    """Export a conversation whole."""
    return Listing(f"/v1/sessions/{session_id}/export", ResponseView, None)


def list_responses(**wanted: Any) -> Listing[ResponseSummaryView]:
    """List responses, the newest first; `wanted` are the filters of the route."""
    return Listing("/v1/responses", ResponseSummaryView, "responses", wanted)


def export_responses(**wanted: Any) -> Listing[ResponseView]:
    """Export responses whole; `wanted` are the filters of the route."""
    return Listing("/v1/responses/export", ResponseView, None, wanted)


def show_response(response_id: UUID) -> Call[ResponseView]:
    """Show a response whole."""
    return Call("GET", f"/v1/responses/{response_id}", ResponseView)


def list_feedback(
    *,
    user: str | None = None,
    response_id: UUID | None = None,
    thumb: Thumb | None = None,
    corrected: bool | None = None,
) -> Listing[FeedbackView]:
    """List feedback, the newest first."""
    wanted = {"user": user, "response_id": response_id, "thumb": thumb, "corrected": corrected}
    return Listing("/v1/feedback", FeedbackView, "feedback", wanted)


def give_feedback(body: FeedbackBody) -> Call[FeedbackView]:
    """Say what you think of a response."""
    return Call("POST", "/v1/feedback", FeedbackView, body=body)


def show_feedback(feedback_id: UUID) -> Call[FeedbackView]:
    """Show one user's feedback on a response."""
    return Call("GET", f"/v1/feedback/{feedback_id}", FeedbackView)


def delete_feedback(feedback_id: UUID) -> Call[Nothing]:
    """Take feedback back."""
    return Call("DELETE", f"/v1/feedback/{feedback_id}", Nothing)


def list_keys(user: str | None = None) -> Listing[KeyView]:
    """List keys, oldest first."""
    return Listing("/v1/keys", KeyView, "keys", {"user": user})


def create_key(body: KeyBody) -> Call[NewKeyView]:
    """Make a key; its secret is shown only now."""
    return Call("POST", "/v1/keys", NewKeyView, body=body)


def rotate_key(key_id: UUID, body: RotateBody) -> Call[NewKeyView]:
    """Give a key another secret; it is shown only now."""
    return Call("POST", f"/v1/keys/{key_id}/rotate", NewKeyView, body=body)


def revoke_key(key_id: UUID) -> Call[KeyView]:
    """Revoke a key."""
    return Call("DELETE", f"/v1/keys/{key_id}", KeyView)


def health() -> Call[HealthView]:
    """Ask whether the process is up."""
    return Call("GET", "/health", HealthView)


def ready() -> Call[ReadyView]:
    """Ask whether questions can be answered."""
    return Call("GET", "/ready", ReadyView)
