"""Duplicates: list clusters, show one, split a document off."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import ContributorKey, Parts, ReaderKey, check_level
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.documents import ClustersView, ClusterView, DocumentView
from api.schemas.fields import Text
from store import corpora, documents, near_duplicates
from store.errors import InvalidCursorError, NotNearDuplicateError, UnknownCorpusError, UnknownDocumentError
from store.positions import Batch
from store.types import Level

router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List clusters of duplicates",
    response_model=ClustersView,
    responses={**AS_JSONL, **problems(UnknownCorpusError, InvalidCursorError)},
)
def list_clusters(
    parts: Parts,
    key: ReaderKey,
    paged: Paged,
    corpus: Annotated[Text, Query(description="which corpus", examples=["handbook"])],
) -> Any:
    """Documents whose text others repeat, exactly or nearly, each with these copies."""
    with parts.database.transaction() as session:
        corpus_id = corpora.get(session, corpus, key.reader).id

    def fetch(after: str | None, limit: int) -> Batch[ClusterView]:
        with parts.database.transaction() as session:
            found = near_duplicates.clusters(session, corpus_id, after=after, limit=limit + 1)
        views = [ClusterView.model_validate(cluster) for cluster in found[:limit]]
        return Batch(views, views[-1].canonical.source if len(found) > limit else None)

    def page(views: list[ClusterView], following: str | None) -> ClustersView:
        return ClustersView(clusters=views, next=following)

    return paged.give("duplicates", {"corpus": corpus}, fetch, page)


@router.get("/{document_id}", summary="Show a document's cluster", responses=problems(UnknownDocumentError))
def show_cluster(document_id: UUID, parts: Parts, key: ReaderKey) -> ClusterView:
    """The document that is indexed for this one, or this one itself, with all its copies."""
    with parts.database.transaction() as session:
        return ClusterView.model_validate(near_duplicates.cluster_of(session, document_id, key.reader))


@router.post(
    "/{document_id}/split",
    summary="Split a document off",
    responses=problems(UnknownDocumentError, NotNearDuplicateError),
)
def split_document(document_id: UUID, parts: Parts, key: ContributorKey) -> DocumentView:
    """Indexes a near-duplicate by itself, from now on also when it changes."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        check_level(session, document.corpus_id, key, Level.WRITE)
        return DocumentView.model_validate(near_duplicates.split(session, document_id))
