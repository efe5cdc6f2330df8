"""Errors as HTTP shows them: problem+json of RFC 9457. The only place that knows error status codes."""

import json
import logging
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from api.build import PendingMigrationsError
from api.kinds import REVIEW_KINDS, Kind
from api.refusals import (
    SHOWN_CHARACTERS,
    AccessError,
    ApiError,
    BodyError,
    ChangedError,
    CorpusChoiceError,
    CsrfError,
    DocumentError,
    FolderError,
    IdempotencyKeyError,
    MissingKeyError,
    NoRoleError,
    NotReadyError,
    RoleError,
    TooLargeError,
    TooManyFailuresError,
    UnknownFileError,
    UnknownModelError,
    UnknownStreamError,
    UnsupportedBodyError,
    UnsupportedError,
)
from ingest.errors import (
    AnonymizerError,
    CorpusSettingsError,
    ForgetError,
    IngestError,
    JobStoppedError,
    NamesModelError,
    UnknownEncodingError,
    UnknownMediaTypeError,
)
from rag.errors import (
    AbandonedError,
    BusyError,
    CheckpointError,
    EncoderFilesError,
    GenerationError,
    GeneratorServiceError,
    QuestionError,
    RagError,
    RerankerError,
    RetrievalSettingsError,
)
from store.errors import (
    CorpusExistsError,
    DatabaseFullError,
    DatabaseUnavailableError,
    EncoderMismatchError,
    EncryptionKeyError,
    FilterError,
    InvalidCursorError,
    InvalidKeyError,
    InvalidLoginError,
    JobStateError,
    JobTakenError,
    KeyScopeError,
    LimitReachedError,
    LockedOutError,
    NameTakenError,
    NewerTablesError,
    NotNearDuplicateError,
    RequestReusedError,
    RequestRunningError,
    StoppingError,
    StoreError,
    TurnError,
    UnknownCorpusError,
    UnknownDocumentError,
    UnknownFeedbackError,
    UnknownGroupError,
    UnknownJobError,
    UnknownKeyError,
    UnknownPseudonymError,
    UnknownResponseError,
    UnknownSessionError,
    UnknownUserError,
    VaultKeyError,
    WeakPasswordError,
    WrongPasswordError,
)
from store.response_query import QueryError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
READ_BY_OPENAI = ("/v1/chat/", "/v1/models", "/v1/embeddings", "/v1/files", "/v1/vector_stores")


INTERNAL = Kind(500, "Internal error", "Something went wrong in the server; its log has more.")
UNLOADED = "The server's models cannot be loaded; its log has more."

KINDS: Mapping[type[Exception], Kind] = {
    MissingKeyError: Kind(401, "No API key"),
    InvalidKeyError: Kind(401, "Wrong API key"),
    InvalidLoginError: Kind(401, "Not logged in"),
    WrongPasswordError: Kind(401, "Wrong password"),
    LockedOutError: Kind(429, "Locked out"),
    LimitReachedError: Kind(429, "Limit reached"),
    TooManyFailuresError: Kind(429, "Too many failures"),
    WeakPasswordError: Kind(422, "Weak password"),
    NoRoleError: Kind(403, "No role"),
    CsrfError: Kind(403, "No CSRF token"),
    RoleError: Kind(403, "Role not sufficient"),
    AccessError: Kind(403, "Not allowed"),
    FolderError: Kind(403, "Folder not open"),
    UnknownCorpusError: Kind(404, "Unknown corpus"),
    UnknownDocumentError: Kind(404, "Unknown document"),
    UnknownPseudonymError: Kind(404, "Unknown pseudonym"),
    UnknownResponseError: Kind(404, "Unknown response"),
    UnknownSessionError: Kind(404, "Unknown session"),
    UnknownKeyError: Kind(404, "Unknown key"),
    UnknownUserError: Kind(404, "Unknown user"),
    UnknownGroupError: Kind(404, "Unknown group"),
    NameTakenError: Kind(409, "Name taken"),
    KeyScopeError: Kind(422, "Key beyond its user's role"),
    UnknownJobError: Kind(404, "Unknown job"),
    JobStoppedError: Kind(409, "Job stopped"),
    JobStateError: Kind(409, "Job in another state"),
    JobTakenError: Kind(409, "Job in another process"),
    CorpusExistsError: Kind(409, "Corpus exists"),
    EncoderMismatchError: Kind(409, "Wrong encoder for the corpus"),
    RetrievalSettingsError: Kind(409, "Unusable retrieval settings"),
    NotNearDuplicateError: Kind(409, "No near-duplicate"),
    TooLargeError: Kind(413, "Request too large"),
    UnknownMediaTypeError: Kind(415, "Unknown media type"),
    BodyError: Kind(422, "Invalid request"),
    CorpusSettingsError: Kind(422, "Unusable corpus settings"),
    DocumentError: Kind(422, "Unusable document"),
    ForgetError: Kind(422, "Unusable name of a person"),
    FilterError: Kind(422, "Invalid filter"),
    QueryError: Kind(422, "Unusable query"),
    InvalidCursorError: Kind(400, "Invalid cursor"),
    QuestionError: Kind(422, "Unusable question"),
    GenerationError: Kind(422, "Unusable generation settings"),
    UnknownEncodingError: Kind(422, "Unknown encoding"),
    GeneratorServiceError: Kind(502, "Generator service failed"),
    AbandonedError: Kind(499, "Given up"),
    BusyError: Kind(503, "Busy"),
    NotReadyError: Kind(503, "Not ready"),
    UnsupportedBodyError: Kind(415, "Unknown media type"),
    IdempotencyKeyError: Kind(400, "Invalid idempotency key"),
    RequestReusedError: Kind(409, "Idempotency key used before"),
    RequestRunningError: Kind(409, "Request still worked on"),
    ChangedError: Kind(412, "Document changed"),
    TurnError: Kind(422, "Invalid place in the conversation"),
    UnknownFeedbackError: Kind(404, "Unknown feedback"),
    UnknownModelError: Kind(404, "Unknown model"),
    UnknownFileError: Kind(404, "Unknown file"),
    UnknownStreamError: Kind(404, "Unknown stream"),
    CorpusChoiceError: Kind(422, "Which corpus?"),
    UnsupportedError: Kind(422, "Not supported"),
    PendingMigrationsError: Kind(503, "Tables not up to date"),
    NewerTablesError: Kind(503, "Tables of a newer version"),
    StoppingError: Kind(503, "Stopping"),
    DatabaseUnavailableError: Kind(
        503, "Database unavailable", "The server's database cannot be reached. Try again later."
    ),
    DatabaseFullError: Kind(507, "Database full", "The server has no room left; its log has more."),
    AnonymizerError: Kind(409, "Vault closed"),
    NamesModelError: Kind(503, "Names model not available", UNLOADED),
    VaultKeyError: Kind(409, "Vault closed"),
    EncryptionKeyError: Kind(503, "Log closed", "The log cannot be opened; the server's log has more."),
    CheckpointError: Kind(503, "Generator not available", UNLOADED),
    EncoderFilesError: Kind(503, "Encoder not available", UNLOADED),
    RerankerError: Kind(503, "Reranker not available", UNLOADED),
    **REVIEW_KINDS,
    StoreError: INTERNAL,
    IngestError: INTERNAL,
    RagError: INTERNAL,
}


class Problem(BaseModel):
    """What went wrong, as RFC 9457 puts it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:groundwork:unknown-corpus",
                "title": "Unknown corpus",
                "status": 404,
                "detail": "There is no corpus 'handbok'. Known corpora: 'handbook'.",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str


def problems(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can fail in these ways, for the OpenAPI documentation."""
    titles: dict[int, list[str]] = {}
    for error in errors:
        titles.setdefault(KINDS[error].status, []).append(KINDS[error].title)
    return {
        status: {
            "description": "; ".join(names),
            "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
        }
        for status, names in titles.items()
    }


OF_EVERY_ROUTE = problems(MissingKeyError, RoleError, AccessError, BodyError)


def problem_response(error: Exception) -> JSONResponse:
    """The response that tells a caller of an error; what it must not tell is logged."""
    kind = next((KINDS[base] for base in type(error).__mro__ if base in KINDS), INTERNAL)
    if kind.detail is not None:
        logger.error("%s: %s", type(error).__name__, error)
    headers = {"WWW-Authenticate": "Bearer"} if kind.status == 401 else {}
    if isinstance(error, BusyError | DatabaseUnavailableError | RequestRunningError | StoppingError):
        headers["Retry-After"] = "5"
    if isinstance(error, LockedOutError | LimitReachedError | TooManyFailuresError):
        headers["Retry-After"] = str(error.wait_s)
    slug = "internal" if kind is INTERNAL else _slug(type(error))
    return _response(slug, kind.title, kind.status, kind.detail or str(error), headers)


def internal_problem() -> JSONResponse:
    """The response to a request that ran into a mistake of ours."""
    return _response("internal", INTERNAL.title, INTERNAL.status, INTERNAL.detail or "")


def http_problem(method: str, path: str, error: HTTPException) -> JSONResponse:
    """The response to an error of the framework."""
    detail = f"{error.detail}: {method} {path}. See /docs for the routes."
    headers = dict(error.headers or {})
    return _response("http", str(error.detail), error.status_code, detail, headers)


def add_error_responses(app: FastAPI) -> None:
    """Make every error of ours, and those of the framework, a problem+json response."""

    def show(request: Request, error: Exception) -> JSONResponse:
        return problem_response(error)

    for base in (ApiError, StoreError, IngestError, RagError):
        app.add_exception_handler(base, _for_its_readers(show))
    app.add_exception_handler(RequestValidationError, _for_its_readers(_show_invalid))
    app.add_exception_handler(HTTPException, _for_its_readers(_show_http))


def _for_its_readers(
    show: Callable[[Request, Exception], JSONResponse],
) -> Callable[[Request, Exception], JSONResponse]:
    """Shows a problem on the routes that OpenAI's clients use in their form as well."""

    def show_as_they_read(request: Request, error: Exception) -> JSONResponse:
        response = show(request, error)
        if not request.url.path.startswith(READ_BY_OPENAI):
            return response
        problem = json.loads(bytes(response.body))
        kind = "invalid_request_error" if response.status_code < 500 else "server_error"
        code = problem["type"].rpartition(":")[2].replace("-", "_")
        problem["error"] = {"message": problem["detail"], "type": kind, "param": None, "code": code}
        kept = {name: value for name, value in response.headers.items() if name != "content-length"}
        return JSONResponse(problem, response.status_code, kept, MEDIA_TYPE)

    return show_as_they_read


def _show_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and not _is_json(media_type) and any(found["loc"] == ("body",) for found in error.errors()):
        return problem_response(UnsupportedBodyError(media_type[:SHOWN_CHARACTERS]))
    complaints = [_complaint(found) for found in error.errors()]
    detail = "; ".join(complaints) + ". See /docs for what this route takes."
    return _response("invalid-request", KINDS[BodyError].title, KINDS[BodyError].status, detail)


def _show_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return http_problem(request.method, request.url.path, error)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _complaint(found: Any) -> str:
    where = ".".join(str(part) for part in found["loc"][1:]) or str(found["loc"][0])
    if found["type"] == "missing" or found.get("input") in ({}, b"", ""):
        return f"{where}: {found['msg']}"
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = SHOWN_CHARACTERS
    return f"{where}: {found['msg']} (given: {shortened.repr(found['input'])})"


def _slug(error: type[Exception]) -> str:
    name = error.__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _response(
    slug: str, title: str, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = {"type": f"urn:groundwork:{slug}", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, MEDIA_TYPE)
