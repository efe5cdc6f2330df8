"""Who may do what with corpora and documents."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from api.audit import by_key
from api.auth import ContributorKey, Parts, check_level
from api.errors import OF_EVERY_ROUTE, problems
from api.schemas.documents import AccessBody, AccessView, ReadersBody, ReadersView
from api.schemas.fields import Text
from api.uploads import checked_readers
from store import access_lists, corpora, documents
from store.access_lists import CorpusAccess
from store.errors import UnknownCorpusError, UnknownDocumentError, UnknownGroupError, UnknownUserError
from store.types import Level

router = APIRouter(prefix="/v1", tags=["access"], responses=OF_EVERY_ROUTE)

CorpusName = Annotated[Text, Path(examples=["handbook"])]


@router.get(
    "/corpora/{name}/access", summary="Show who may use a corpus", responses=problems(UnknownCorpusError)
)
def show_access(name: CorpusName, parts: Parts, key: ContributorKey) -> AccessView:
    """The list of a corpus, for those who manage it and for administrators."""
    with parts.database.transaction() as session:
        corpus = corpora.get(session, name, key.reader)
        check_level(session, corpus.id, key, Level.MANAGE)
        return AccessView.model_validate(access_lists.corpus_access(session, corpus.id))


@router.put(
    "/corpora/{name}/access",
    summary="Say who may use a corpus",
    responses=problems(UnknownCorpusError, UnknownUserError, UnknownGroupError),
)
def set_access(name: CorpusName, body: AccessBody, parts: Parts, key: ContributorKey) -> AccessView:
    """Replaces the list of a corpus; it counts from the next request of anybody on."""
    wanted = CorpusAccess(body.restricted, body.users, body.groups)
    with parts.database.transaction() as session:
        corpus = corpora.get(session, name, key.reader)
        check_level(session, corpus.id, key, Level.MANAGE)
        changed = access_lists.set_corpus_access(session, corpus.id, wanted)
        by_key(session, key, "corpus.access", name, body.model_dump(mode="json"))
    return AccessView.model_validate(changed)


@router.get(
    "/documents/{document_id}/readers",
    summary="Show who may see a document",
    responses=problems(UnknownDocumentError),
)
def show_readers(document_id: UUID, parts: Parts, key: ContributorKey) -> ReadersView:
    """A document's own list; null where it has none."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        check_level(session, document.corpus_id, key, Level.WRITE)
        return ReadersView.of(access_lists.document_readers(session, document_id))


@router.put(
    "/documents/{document_id}/readers",
    summary="Say who may see a document",
    responses=problems(UnknownDocumentError, UnknownUserError, UnknownGroupError),
)
def set_readers(document_id: UUID, body: ReadersBody, parts: Parts, key: ContributorKey) -> ReadersView:
    """Gives a document a list of its own, with you on it. Nothing is embedded again.

    From the next request on only those on the list see it who may read its corpus, and those who manage that.
    """
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        check_level(session, document.corpus_id, key, Level.WRITE)
        access_lists.set_document_readers(session, document_id, checked_readers(session, body.named(), key))
        by_key(session, key, "document.access", str(document_id), body.model_dump())
        return ReadersView.of(access_lists.document_readers(session, document_id))


@router.delete(
    "/documents/{document_id}/readers",
    summary="Show a document to all again",
    responses=problems(UnknownDocumentError),
)
def open_document(document_id: UUID, parts: Parts, key: ContributorKey) -> ReadersView:
    """Takes a document's own list away: all see it who may read its corpus."""
    with parts.database.transaction() as session:
        document = documents.get(session, document_id, key.reader)
        check_level(session, document.corpus_id, key, Level.WRITE)
        access_lists.set_document_readers(session, document_id, None)
        by_key(session, key, "document.access", str(document_id), {"readers": None})
    return ReadersView(readers=None)
