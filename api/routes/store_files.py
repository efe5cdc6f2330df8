"""The files of a vector store: the documents of a corpus, as clients of OpenAI's API ask for them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.audit import by_key
from api.auth import Caller, ContributorKey, Parts, ReaderKey, check_level
from api.build import Application
from api.compatible import attributes_of, document_id, file_id
from api.errors import OF_EVERY_ROUTE, problems
from api.refusals import UnknownFileError, UnsupportedError
from api.routes.stores import After, FileId, Limit
from api.schemas.fields import MAX_PAGE, Text
from api.schemas.openai_files import (
    StoreFileBody,
    StoreFileContentView,
    StoreFileDeletedView,
    StoreFilesView,
    StoreFileView,
    TextContent,
)
from store import corpora, documents
from store.errors import UnknownCorpusError
from store.types import Document, DocumentStatus, Level

router = APIRouter(
    prefix="/v1/vector_stores/{store}/files", tags=["OpenAI-compatible"], responses=OF_EVERY_ROUTE
)

FAILURES = problems(UnknownCorpusError, UnknownFileError)
Status = Literal["in_progress", "completed", "failed", "cancelled"]


@router.get("", summary="List a vector store's files", responses=FAILURES)
def list_store_files(
    *,
    store: Text,
    parts: Parts,
    key: ReaderKey,
    after: After = None,
    limit: Limit = 20,
    order: Annotated[Literal["asc", "desc"], Query(description="of the sources")] = "asc",
    filter: Annotated[Status | None, Query(description="all files are `completed`")] = None,
) -> StoreFilesView:
    """The documents of a corpus, in the order of their sources."""
    size = min(limit, MAX_PAGE)
    last = None if after is None else _file_in(parts, store, after, key)
    with parts.database.transaction() as session:
        corpus = corpora.get(session, store, key.reader)
        found = documents.page_of_all(
            session, corpus.id, after=last, limit=size + 1, backwards=order == "desc", reader=key.reader
        )
    files = [_view(store, document) for document in found[:size]] if filter in (None, "completed") else []
    return StoreFilesView(
        data=files,
        first_id=files[0].id if files else None,
        last_id=files[-1].id if files else None,
        has_more=bool(files) and len(found) > size,
    )


@router.post("", summary="Add a file to a vector store", responses={**FAILURES, **problems(UnsupportedError)})
def add_store_file(store: Text, body: StoreFileBody, parts: Parts, key: ContributorKey) -> StoreFileView:
    """Confirms that a file is in a corpus: it is from its upload on, in the one that it was uploaded to.

    A file of another corpus, and attributes, are refused: upload the file there, or send the document with
    its metadata to `/v1/documents`.
    """
    document = _file(parts, body.file_id, key)
    with parts.database.transaction() as session:
        corpus = corpora.get(session, store, key.reader)
    if document.corpus_id != corpus.id:
        raise UnsupportedError(
            f"The file {body.file_id!r} is in another corpus than {store!r}, and a file is in one only. "
            "Upload it with the form's field `corpus`."
        )
    if body.attributes:
        raise UnsupportedError("Attributes come with a document's `metadata`: send it to /v1/documents.")
    return _view(store, document)


@router.get("/{file}", summary="Show a vector store's file", responses=FAILURES)
def show_store_file(store: Text, file: FileId, parts: Parts, key: ReaderKey) -> StoreFileView:
    """One document of a corpus."""
    return _view(store, _file_in(parts, store, file, key))


@router.get("/{file}/content", summary="Read a vector store's file", responses=FAILURES)
def read_store_file(store: Text, file: FileId, parts: Parts, key: ReaderKey) -> StoreFileContentView:
    """The text of a document."""
    document = _file_in(parts, store, file, key)
    with parts.database.transaction() as session:
        text = documents.text(session, document.id, None, key.reader).text
    return StoreFileContentView(data=[TextContent(text=text)])


@router.delete("/{file}", summary="Take a file out of a vector store", responses=FAILURES)
def remove_store_file(store: Text, file: FileId, parts: Parts, key: ContributorKey) -> StoreFileDeletedView:
    """Takes a document out of search, and with it the file, which is in no other corpus."""
    document = _file_in(parts, store, file, key)
    with parts.database.transaction() as session:
        check_level(session, document.corpus_id, key, Level.WRITE)
        documents.remove(session, document.corpus_id, [document.id])
        by_key(session, key, "document.delete", str(document.id))
    return StoreFileDeletedView(id=file_id(document.id))


def _file(parts: Application, file: str, key: Caller) -> Document:
    wanted = document_id(file)
    with parts.database.transaction() as session:
        document = documents.by_ids(session, [wanted], key.reader).get(wanted)
    if document is None or document.status == DocumentStatus.REMOVED:
        raise UnknownFileError(file)
    return document


def _file_in(parts: Application, store: str, file: str, key: Caller) -> Document:
    with parts.database.transaction() as session:
        corpus = corpora.get(session, store, key.reader)
    document = _file(parts, file, key)
    if document.corpus_id != corpus.id:
        raise UnknownFileError(file)
    return document


def _view(store: str, document: Document) -> StoreFileView:
    return StoreFileView(
        id=file_id(document.id),
        created_at=int(document.created_at.timestamp()),
        usage_bytes=document.characters,
        vector_store_id=store,
        attributes=attributes_of(document.metadata),
    )
