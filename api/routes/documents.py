"""Documents: send, list, show, delete."""

import base64
import binascii
import io
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response, status
from starlette.datastructures import UploadFile

from api.auth import ContributorKey, Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, BodyError, DocumentError, TooLargeError, problems
from api.forms import FORM, JSON, content_type_of, valid
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
from api.schemas.fields import MAX_PAGE, Text
from api.uploads import Upload, store_upload, upload_of_file, upload_of_text
from ingest.errors import UnknownMediaTypeError
from store import corpora, documents
from store.errors import (
    EncoderMismatchError,
    InvalidCursorError,
    UnknownCorpusError,
    UnknownDocumentError,
)
from store.types import DocumentStatus

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
)

Version = Annotated[int | None, Query(ge=1, lt=2**31, description="which version; the newest if left out")]


@router.post(
    "",
    summary="Send a document",
    status_code=status.HTTP_201_CREATED,
    openapi_extra=UPLOAD_BODY,
    responses=UPLOAD_FAILURES,
)
async def send_document(
    request: Request, response: Response, parts: Parts, key: ContributorKey
) -> UploadView:
    """Brings a document into a corpus, as text in JSON or as a file in a form.

    The same source with another text makes a new version; with the same text nothing changes (200). A JSONL
    or CSV file holds many documents: then `documents` counts them and `document_id` is null. What could not
    be read is in `problems`; when nothing could, the response is a problem and nothing was stored.
    """
    content_type = content_type_of(request)
    if content_type == JSON:
        body = valid(DocumentBody, await request.body())
        upload = upload_of_text(body, io.BytesIO(body.text.encode()))
        view = await to_thread.run_sync(store_upload, parts, upload, key.user)
    elif content_type == FORM:
        async with request.form(max_files=1) as form:
            upload = _form_upload(dict(form))
            view = await to_thread.run_sync(store_upload, parts, upload, key.user)
    else:
        raise UnknownMediaTypeError(content_type or "no Content-Type", [JSON, FORM])
    if not view.documents["done"] + view.documents["duplicate"]:
        response.status_code = status.HTTP_200_OK
    return view


@router.get("", summary="List documents", responses=problems(UnknownCorpusError, InvalidCursorError))
def list_documents(
    parts: Parts,
    key: ReaderKey,
    corpus: Annotated[Text, Query(description="which corpus", examples=["handbook"])],
    cursor: Annotated[Text | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> DocumentsView:
    """A corpus's documents in the order of their sources, without those that were deleted."""
    after = None if cursor is None else _parse_cursor(cursor)
    with parts.database.transaction() as session:
        corpus_id = corpora.get(session, corpus).id
        found = documents.page(session, corpus_id, after=after, limit=limit + 1)
    views = [DocumentView.model_validate(document) for document in found[:limit]]
    return DocumentsView(documents=views, next=_cursor(views[-1].source) if len(found) > limit else None)


@router.get("/{document_id}", summary="Show a document", responses=problems(UnknownDocumentError))
def show_document(
    document_id: UUID, parts: Parts, key: ReaderKey, version: Version = None
) -> DocumentWithChunksView:
    """What is known of a document, with the chunks of one of its versions."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id)
        shown = documents.text(session, document_id, version).version
        chunks = documents.chunks_of(session, document_id, shown)
    return DocumentWithChunksView(
        **DocumentView.model_validate(document).model_dump(),
        shown_version=shown,
        chunks=[ChunkView.model_validate(chunk) for chunk in chunks],
    )


@router.get("/{document_id}/text", summary="Read a document", responses=problems(UnknownDocumentError))
def read_document(
    document_id: UUID, parts: Parts, key: ReaderKey, version: Version = None
) -> DocumentTextView:
    """The text of one version of a document; the offsets of citations and hits count its characters."""
    with parts.database.transaction() as session:
        return DocumentTextView.model_validate(documents.text(session, document_id, version))


@router.delete(
    "/{document_id}",
    summary="Delete a document",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(UnknownDocumentError),
)
def delete_document(document_id: UUID, parts: Parts, key: ContributorKey) -> None:
    """Takes a document out of search. Its versions stay readable for the citations that point at them."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id)
        if document.status == DocumentStatus.REMOVED:
            raise UnknownDocumentError(document_id)
        documents.remove(session, document.corpus_id, [document_id])


def _form_upload(fields: dict[str, Any]) -> Upload:
    file = fields.pop("file", None)
    if not isinstance(file, UploadFile):
        raise BodyError("The form has no file: send the document as the form's field `file`.")
    return upload_of_file(valid(UploadForm, fields), file.file, file.filename, file.content_type)


def _cursor(source: str) -> str:
    return base64.urlsafe_b64encode(source.encode()).decode()


def _parse_cursor(cursor: str) -> str:
    try:
        source = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidCursorError(cursor) from None
    if "\0" in source:
        raise InvalidCursorError(cursor)
    return source
