"""Embeddings, files and vector stores, as far as corpora can answer for them."""

import base64
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Form, Path, Query, UploadFile
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from api.audit import by_key
from api.auth import Caller, ContributorKey, Parts, ReaderKey, check_level
from api.build import Application
from api.compatible import (
    attributes_of,
    document_id,
    file_id,
    file_of,
    filters_of,
    only_corpus,
)
from api.errors import OF_EVERY_ROUTE, problems
from api.refusals import (
    CorpusChoiceError,
    DocumentError,
    UnknownFileError,
    UnknownModelError,
    UnsupportedError,
)
from api.schemas.documents import UploadForm
from api.schemas.fields import MAX_PAGE, Text
from api.schemas.openai import (
    EmbeddingsBody,
    EmbeddingsView,
    EmbeddingUsage,
    EmbeddingView,
    FileCounts,
    FileDeletedView,
    FileForm,
    FilesView,
    FileView,
    ResultContent,
    ResultView,
    StoreSearchBody,
    StoreSearchView,
    VectorStoresView,
    VectorStoreView,
)
from api.uploads import store_upload, upload_of_file
from ingest.errors import UnknownMediaTypeError
from rag.answer import AnswerHit
from rag.errors import QuestionError
from rag.search import SearchRequest
from store import corpora, documents
from store.errors import (
    EncoderMismatchError,
    FilterError,
    UnknownCorpusError,
)
from store.types import CorpusSummary, Document, DocumentStatus, Level

router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], responses=OF_EVERY_ROUTE)

FileId = Annotated[Text, Path(examples=["file-8a6f7b0e7c534f438d0a2a9c3c1f0d11"])]
After = Annotated[Text | None, Query(description="the id of the last one of the page before")]
Limit = Annotated[int, Query(ge=1, le=10_000, description=f"at most {MAX_PAGE} come at once")]
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.post("/embeddings", summary="Embed texts", responses=problems(UnknownModelError, UnsupportedError))
def embed(body: EmbeddingsBody, parts: Parts, key: ReaderKey) -> EmbeddingsView:
    """Vectors of unit length, made by the server's encoder.

    A text that is longer than what the encoder reads is refused: its end would be lost.
    """
    encoder = parts.encoder
    if body.model != encoder.name:
        raise UnknownModelError(body.model)
    if body.dimensions not in (None, encoder.dimension):
        raise UnsupportedError(f"The encoder's vectors have {encoder.dimension} dimensions; leave it out.")
    texts = [body.input] if isinstance(body.input, str) else body.input
    counts = [len(tokens) for tokens in encoder.token_offsets(texts)]
    for number, count in enumerate(counts):
        if count + 2 > encoder.window:  # two tokens mark the beginning and the end
            raise UnsupportedError(
                f"Text {number} has {count} tokens, of which the encoder reads {encoder.window - 2}: cut it."
            )
    vectors = encoder.encode(texts).astype("<f4")
    data = [
        EmbeddingView(
            index=number,
            embedding=base64.b64encode(vector.tobytes()).decode()
            if body.encoding_format == "base64"
            else vector.tolist(),
        )
        for number, vector in enumerate(vectors)
    ]
    usage = EmbeddingUsage(prompt_tokens=sum(counts), total_tokens=sum(counts))
    return EmbeddingsView(data=data, model=encoder.name, usage=usage)


@router.get("/files", summary="List files", responses=problems(UnknownCorpusError, UnknownFileError))
def list_files(
    *,
    parts: Parts,
    key: ReaderKey,
    corpus: Annotated[Text | None, Query(description="only those of this corpus")] = None,
    after: After = None,
    limit: Limit = 100,
    order: Annotated[Literal["asc", "desc"], Query(description="of corpora and sources")] = "asc",
    purpose: Annotated[Text | None, Query(description="all files are for `assistants`")] = None,
) -> FilesView:
    """Documents as files, in the order of their corpora and sources."""
    size = min(limit, MAX_PAGE)
    with parts.database.transaction() as session:
        corpus_id = None if corpus is None else corpora.get(session, corpus, key.reader).id
        last = None if after is None else _last(session, after, key)
        found = documents.page_of_all(
            session, corpus_id, after=last, limit=size + 1, backwards=order == "desc", reader=key.reader
        )
    files = [file_of(document) for document in found[:size]] if purpose in (None, "assistants") else []
    return FilesView(
        data=files,
        first_id=files[0].id if files else None,
        last_id=files[-1].id if files else None,
        has_more=bool(files) and len(found) > size,
    )


@router.post(
    "/files",
    summary="Upload a file",
    responses=problems(
        UnknownCorpusError,
        CorpusChoiceError,
        EncoderMismatchError,
        UnknownMediaTypeError,
        DocumentError,
    ),
)
async def upload_file(
    form: Annotated[FileForm, Form(media_type="multipart/form-data")], parts: Parts, key: ContributorKey
) -> FileView:
    """Brings a file into a corpus, as `POST /v1/documents` does; a file of the same name replaces it.

    A file of many records has to go there.
    """
    return await to_thread.run_sync(_upload, parts, key, form.file, form.corpus)


@router.get("/files/{file}", summary="Show a file", responses=problems(UnknownFileError))
def show_file(file: FileId, parts: Parts, key: ReaderKey) -> FileView:
    """One document as a file."""
    return file_of(_document(parts, file, key))


@router.get(
    "/files/{file}/content",
    summary="Read a file",
    response_class=PlainTextResponse,
    responses={**TEXT, **problems(UnknownFileError)},
)
def read_file(file: FileId, parts: Parts, key: ReaderKey) -> PlainTextResponse:
    """The text of a document, in which its citations count characters; not the file that it was read from."""
    document = _document(parts, file, key)
    with parts.database.transaction() as session:
        return PlainTextResponse(documents.text(session, document.id, None, key.reader).text)


@router.delete("/files/{file}", summary="Delete a file", responses=problems(UnknownFileError))
def delete_file(file: FileId, parts: Parts, key: ContributorKey) -> FileDeletedView:
    """Takes a document out of search."""
    document = _document(parts, file, key)
    with parts.database.transaction() as session:
        check_level(session, document.corpus_id, key, Level.WRITE)
        documents.remove(session, document.corpus_id, [document.id])
        by_key(session, key, "document.delete", str(document.id))
    return FileDeletedView(id=file_id(document.id))


@router.get("/vector_stores", summary="List vector stores", responses=problems(UnknownCorpusError))
def list_stores(parts: Parts, key: ReaderKey, after: After = None, limit: Limit = 20) -> VectorStoresView:
    """Corpora as vector stores, by name; a corpus's name is its id."""
    size = min(limit, MAX_PAGE)
    with parts.database.transaction() as session:
        found = corpora.page(session, after=after, limit=size + 1, reader=key.reader)
    stores = [_store(summary) for summary in found[:size]]
    return VectorStoresView(
        data=stores,
        first_id=stores[0].id if stores else None,
        last_id=stores[-1].id if stores else None,
        has_more=len(found) > size,
    )


@router.get("/vector_stores/{store}", summary="Show a vector store", responses=problems(UnknownCorpusError))
def show_store(store: Text, parts: Parts, key: ReaderKey) -> VectorStoreView:
    """One corpus as a vector store."""
    with parts.database.transaction() as session:
        return _store(corpora.summary(session, store, key.reader))


@router.post(
    "/vector_stores/{store}/search",
    summary="Search a vector store",
    responses=problems(UnknownCorpusError, EncoderMismatchError, QuestionError, FilterError),
)
def search_store(store: Text, body: StoreSearchBody, parts: Parts, key: ReaderKey) -> StoreSearchView:
    """Finds the chunks of a corpus that match best, by keywords and by meaning.

    Several queries are searched one by one; a chunk that more than one finds has the best of its scores.
    """
    queries = [body.query] if isinstance(body.query, str) else body.query
    filters = filters_of(body.filters)
    best: dict[int, AnswerHit] = {}
    for query in queries:
        request = SearchRequest(query, store, body.max_num_results, filters, reader=key.reader)
        for hit in parts.searcher.search(request).hits:
            if hit.chunk_id not in best or best[hit.chunk_id].scores.fused < hit.scores.fused:
                best[hit.chunk_id] = hit
    least = body.ranking_options.score_threshold if body.ranking_options else None
    ranked = sorted(best.values(), key=lambda hit: -hit.scores.fused)[: body.max_num_results]
    kept = [hit for hit in ranked if least is None or hit.scores.fused >= least]
    with parts.database.transaction() as session:
        found = documents.by_ids(session, [hit.document_id for hit in kept], key.reader)
    return StoreSearchView(
        search_query=queries,
        data=[
            ResultView(
                file_id=file_id(hit.document_id),
                filename=hit.source,
                score=hit.scores.fused,
                attributes=attributes_of(found[hit.document_id].metadata if hit.document_id in found else {}),
                content=[ResultContent(text=hit.text)],
                start=hit.start,
                end=hit.end,
                document_version=hit.document_version,
            )
            for hit in kept
        ],
    )


def _upload(parts: Application, key: Caller, file: UploadFile, corpus: str | None) -> FileView:
    if corpus is None:
        with parts.database.transaction() as session:
            corpus = only_corpus(session, key.reader)
    upload = upload_of_file(UploadForm(corpus=corpus), file.file, file.filename, file.content_type)
    view = store_upload(parts, upload, key)
    if view.document_id is None:
        raise DocumentError(
            f"{view.source!r} holds many documents, which are stored now, but no file stands for them. "
            "Send such files to /v1/documents."
        )
    with parts.database.transaction() as session:
        return file_of(documents.get(session, view.document_id))


def _document(parts: Application, file: str, key: Caller) -> Document:
    """The document that a file is.

    Raises:
        UnknownFileError: There is none, or it was deleted.
    """
    wanted = document_id(file)
    with parts.database.transaction() as session:
        document = documents.by_ids(session, [wanted], key.reader).get(wanted)
    if document is None or document.status == DocumentStatus.REMOVED:
        raise UnknownFileError(file)
    return document


def _last(session: Session, file: str, key: Caller) -> Document:
    wanted = document_id(file)
    found = documents.by_ids(session, [wanted], key.reader)
    if wanted not in found:
        raise UnknownFileError(file)
    return found[wanted]


def _store(summary: CorpusSummary) -> VectorStoreView:
    return VectorStoreView(
        id=summary.corpus.name,
        created_at=int(summary.corpus.created_at.timestamp()),
        name=summary.corpus.name,
        file_counts=FileCounts(completed=summary.documents, total=summary.documents),
    )
