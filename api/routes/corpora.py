"""Corpora: list, make, change, export, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status

from api import corpus_settings
from api.audit import by_key
from api.auth import AdministratorKey, ContributorKey, Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged, jsonl
from api.schemas.documents import CorporaView, CorpusBody, CorpusChange, CorpusView, ExportedDocumentView
from api.schemas.fields import Text
from ingest.errors import CorpusSettingsError
from store import corpora, documents
from store.errors import CorpusExistsError, InvalidCursorError, UnknownCorpusError
from store.positions import Batch
from store.types import CorpusSummary

router = APIRouter(prefix="/v1/corpora", tags=["corpora"], responses=OF_EVERY_ROUTE)

CorpusName = Annotated[Text, Path(examples=["handbook"])]


@router.get(
    "",
    summary="List corpora",
    response_model=CorporaView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_corpora(parts: Parts, key: ReaderKey, paging: Paged) -> Any:
    """Corpora by name, with how many documents and chunks are in each."""

    def fetch(after: str | None, limit: int) -> Batch[CorpusView]:
        with parts.database.transaction() as session:
            found = corpora.page(session, after=after, limit=limit + 1, reader=key.reader)
        views = [CorpusView.of(summary) for summary in found[:limit]]
        return Batch(views, views[-1].name if len(found) > limit else None)

    return paging.give("corpora", {}, fetch, lambda views, cursor: CorporaView(corpora=views, next=cursor))


@router.post(
    "",
    summary="Make a corpus",
    status_code=status.HTTP_201_CREATED,
    responses=problems(CorpusExistsError),
)
def create_corpus(body: CorpusBody, parts: Parts, key: ContributorKey) -> CorpusView:
    """Makes an empty corpus, whose documents the server's encoder will embed."""
    encoder = parts.encoder
    with parts.database.transaction() as session:
        corpus = corpora.create(session, body.name, encoder.name, encoder.revision, encoder.dimension)
        by_key(session, key, "corpus.create", corpus.name)
    return CorpusView.of(CorpusSummary(corpus, documents=0, chunks=0))


@router.get("/{name}", summary="Show a corpus", responses=problems(UnknownCorpusError))
def show_corpus(name: CorpusName, parts: Parts, key: ReaderKey) -> CorpusView:
    """One corpus, with how many documents and chunks are in it."""
    with parts.database.transaction() as session:
        return CorpusView.of(corpora.summary(session, name, key.reader))


@router.get(
    "/{name}/export",
    summary="Export a corpus",
    response_class=Response,
    responses={**AS_JSONL, **problems(UnknownCorpusError)},
)
def export_corpus(name: CorpusName, parts: Parts, key: ReaderKey) -> Any:
    """The newest text of every document with its metadata, in the order of sources, as JSON Lines."""
    with parts.database.transaction() as session:
        corpus_id = corpora.get(session, name, key.reader).id
        by_key(session, key, "corpus.export", name)

    def fetch(after: str | None, limit: int) -> Batch[ExportedDocumentView]:
        with parts.database.transaction() as session:
            found = documents.export_page(session, corpus_id, after=after, reader=key.reader)
        views = [ExportedDocumentView.model_validate(document) for document in found]
        return Batch(views, views[-1].source if views else None)

    return jsonl(fetch)


@router.patch(
    "/{name}",
    summary="Change a corpus's settings",
    responses=problems(UnknownCorpusError, CorpusSettingsError),
)
def change_corpus(name: CorpusName, body: CorpusChange, parts: Parts, key: AdministratorKey) -> CorpusView:
    """Changes how documents are brought into a corpus, from the next one on; see docs/ingestion.md."""
    with parts.database.transaction() as session:
        corpus_settings.change(session, name, body.settings)
        by_key(session, key, "corpus.settings", name, {"changes": body.settings})
        return CorpusView.of(corpora.summary(session, name))


@router.delete(
    "/{name}",
    summary="Delete a corpus",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(UnknownCorpusError),
)
def delete_corpus(name: CorpusName, parts: Parts, key: AdministratorKey) -> None:
    """Deletes a corpus and its documents for good. What was asked and answered stays in the log."""
    with parts.database.transaction() as session:
        corpus = corpora.get(session, name)
        corpora.delete(session, name)
        by_key(session, key, "corpus.delete", name)
    parts.indexes.discard(corpus)
