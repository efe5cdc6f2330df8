"""Documents: send, list, show, delete."""

import io
import json
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response, status
from starlette.datastructures import Headers, UploadFile

from api.audit import by_key
from api.auth import Caller, ContributorKey, Parts, ReaderKey, check_level
from api.build import Application
from api.errors import OF_EVERY_ROUTE, problems
from api.etags import check_unchanged, conditional, etag_of, seen_already
from api.forms import FORM, JSON, content_type_of, valid
from api.paging import AS_JSONL, Paged
from api.refusals import BodyError, ChangedError, DocumentError, TooLargeError
from api.schemas.documents import (
    ChunkView,
    DocumentBody,
    DocumentsView,
    DocumentTextView,
    DocumentView,
    DocumentWithChunksView,
    UploadForm,
    UploadView,
)
from api.schemas.fields import Text
from api.uploads import Upload, store_upload, upload_of_file, upload_of_text
from ingest.errors import UnknownMediaTypeError
from store import corpora, documents
from store.errors import (
    EncoderMismatchError,
    FilterError,
    InvalidCursorError,
    UnknownCorpusError,
    UnknownDocumentError,
)
from store.places import place_between
from store.positions import Batch
from store.types import Chunk, DocumentStatus, Level
from store.visibility import hidden_sources

router = APIRouter(prefix="/v1/documents", tags=["documents"], responses=OF_EVERY_ROUTE)

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": DocumentBody.model_json_schema()},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file", "corpus"],
                    "example": {"file": "leave.md", "corpus": "handbook", "metadata": '{"language": "en"}'},
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        **UploadForm.model_json_schema()["properties"],
                    },
                }
            },
        },
    }
}
UPLOAD_FAILURES = problems(
    UnknownCorpusError,
    EncoderMismatchError,
    TooLargeError,
    UnknownMediaTypeError,
    BodyError,
    DocumentError,
    ChangedError,
)
IF_MATCH: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "do it only if the document's ETag is this one",
        }
    ]
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names is still so"}
}

Version = Annotated[int | None, Query(ge=1, lt=2**31, description="which version; the newest if left out")]


@router.post(
    "",
    summary="Send a document",
    status_code=status.HTTP_201_CREATED,
    openapi_extra={**UPLOAD_BODY, **IF_MATCH},
    responses=UPLOAD_FAILURES,
)
async def send_document(
    request: Request, response: Response, parts: Parts, key: ContributorKey
) -> UploadView:
    """Brings a document into a corpus, as text in JSON or as a file in a form.

    The same source with another text makes a new version; with the same text nothing changes (200). A JSONL
    or CSV file holds many documents: then `documents` counts them and `document_id` is null. What could not
    be read is in `problems`; when nothing could, the response is a problem and nothing was stored.
    With `If-Match` the document is replaced only if it has that ETag still, with `If-None-Match: *` it is
    stored only if there is none of its source.
    """
    content_type = content_type_of(request)
    if content_type == JSON:
        body = valid(DocumentBody, await request.body())
        upload = upload_of_text(body, io.BytesIO(body.text.encode()))
        view = await to_thread.run_sync(_store, parts, upload, key, request.headers)
    elif content_type == FORM:
        async with request.form(max_files=1) as form:
            upload = _form_upload(dict(form))
            view = await to_thread.run_sync(_store, parts, upload, key, request.headers)
    else:
        raise UnknownMediaTypeError(content_type or "no Content-Type", [JSON, FORM])
    if not sum(view.documents[outcome] for outcome in ("done", "duplicate", "near_duplicate")):
        response.status_code = status.HTTP_200_OK
    if view.document_id is not None:
        response.headers["Location"] = f"/v1/documents/{view.document_id}"
    return view


@router.get(
    "",
    summary="List documents",
    response_model=DocumentsView,
    responses={**AS_JSONL, **problems(UnknownCorpusError, InvalidCursorError, FilterError)},
)
def list_documents(
    *,
    parts: Parts,
    key: ReaderKey,
    paging: Paged,
    corpus: Annotated[Text, Query(description="which corpus", examples=["handbook"])],
    filters: Annotated[
        Text | None,
        Query(description="conditions on the metadata, as a JSON object", examples=['{"language": "en"}']),
    ] = None,
) -> Any:
    """A corpus's documents in the order of their sources, without those that were deleted."""
    conditions = _conditions(filters)
    with parts.database.transaction() as session:
        corpus_id = corpora.get(session, corpus, key.reader).id

    def fetch(after: str | None, limit: int) -> Batch[DocumentView]:
        with parts.database.transaction() as session:
            found = documents.page(
                session, corpus_id, after=after, limit=limit + 1, filter=conditions, reader=key.reader
            )
        views = [DocumentView.model_validate(document) for document in found[:limit]]
        return Batch(views, views[-1].source if len(found) > limit else None)

    return paging.give(
        "documents",
        {"corpus": corpus_id, "filters": filters},
        fetch,
        lambda views, cursor: DocumentsView(documents=views, next=cursor),
    )


@router.get(
    "/{document_id}",
    summary="Show a document",
    response_model=DocumentWithChunksView,
    responses={**NOT_MODIFIED, **problems(UnknownDocumentError)},
)
def show_document(
    *,
    document_id: UUID,
    parts: Parts,
    key: ReaderKey,
    request: Request,
    response: Response,
    version: Version = None,
) -> Any:
    """What is known of a document, with the chunks of one of its versions.

    Its ETag stands for the document as it is now: send it as `If-Match` to change only what you have seen.
    """
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        shown = documents.text(session, document_id, version).version
        chunks = documents.chunks_of(session, document_id, shown)
    response.headers["ETag"] = etag_of(document, shown)
    if seen_already(request.headers, response.headers["ETag"]):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=dict(response.headers))
    return DocumentWithChunksView(
        **DocumentView.model_validate(document).model_dump(),
        shown_version=shown,
        chunks=[_chunk_view(chunk) for chunk in chunks],
    )


@router.get(
    "/{document_id}/text",
    summary="Read a document",
    response_model=DocumentTextView,
    responses={**NOT_MODIFIED, **problems(UnknownDocumentError)},
)
def read_document(
    *,
    document_id: UUID,
    parts: Parts,
    key: ReaderKey,
    request: Request,
    response: Response,
    version: Version = None,
) -> Any:
    """The text of one version of a document; the offsets of citations and hits count its characters."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        response.headers["ETag"] = etag_of(document, version)
        if version in (None, document.version) and seen_already(request.headers, response.headers["ETag"]):
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=dict(response.headers))
        return DocumentTextView.model_validate(documents.text(session, document_id, version, key.reader))


@router.delete(
    "/{document_id}",
    summary="Delete a document",
    status_code=status.HTTP_204_NO_CONTENT,
    openapi_extra=IF_MATCH,
    responses=problems(UnknownDocumentError, ChangedError),
)
def delete_document(document_id: UUID, parts: Parts, key: ContributorKey, request: Request) -> Response:
    """Takes a document out of search. Its versions stay readable for the citations that point at them.

    With `If-Match` only if the document has that ETag still.
    """
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        check_level(session, document.corpus_id, key, Level.WRITE)
        documents.lock_source(session, document.corpus_id, document.source)
        document = documents.get(session, document_id)
        if document.status == DocumentStatus.REMOVED:
            raise UnknownDocumentError(document_id)
        check_unchanged(request.headers, document)
        documents.remove(session, document.corpus_id, [document_id])
        by_key(session, key, "document.delete", str(document_id))
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _store(parts: Application, upload: Upload, key: Caller, headers: Headers) -> UploadView:
    """Store an upload, if what its sender has seen of the document is still so."""
    if not conditional(headers):
        return store_upload(parts, upload, key)
    with parts.database.transaction() as session:
        corpus = corpora.get(session, upload.corpus, key.reader)
        documents.lock_source(session, corpus.id, upload.source)
        if not hidden_sources(session, corpus.id, [upload.source], key.reader):
            there = documents.known(session, corpus.id, [upload.source]).get(upload.source)
            check_unchanged(headers, there)
        return store_upload(parts, upload, key)


def _conditions(filters: str | None) -> dict[str, Any]:
    try:
        conditions = json.loads(filters or "{}")
    except (ValueError, RecursionError):
        raise FilterError(filters, "it is not JSON") from None
    if not isinstance(conditions, dict):
        raise FilterError(filters, "it is not an object")
    return conditions


def _chunk_view(chunk: Chunk) -> ChunkView:
    place = place_between(chunk.places, chunk.start, chunk.end)
    return ChunkView(
        id=chunk.id, start=chunk.start, end=chunk.end, heading_path=list(chunk.heading_path), place=place
    )


def _form_upload(fields: dict[str, Any]) -> Upload:
    file = fields.pop("file", None)
    if not isinstance(file, UploadFile):
        raise BodyError("The form has no file: send the document as the form's field `file`.")
    return upload_of_file(valid(UploadForm, fields), file.file, file.filename, file.content_type)
