"""Corpora: list, make, delete."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from api.auth import AdministratorKey, ContributorKey, Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, problems
from api.schemas.documents import CorporaView, CorpusBody, CorpusView
from api.schemas.fields import Text
from store import corpora
from store.errors import CorpusExistsError, UnknownCorpusError
from store.types import CorpusSummary

router = APIRouter(prefix="/v1/corpora", tags=["corpora"], responses=OF_EVERY_ROUTE)

CorpusName = Annotated[Text, Path(examples=["handbook"])]


@router.get("", summary="List corpora")
def list_corpora(parts: Parts, key: ReaderKey) -> CorporaView:
    """All corpora by name, with how many documents and chunks are in each."""
    with parts.database.transaction() as session:
        return CorporaView(corpora=[CorpusView.of(summary) for summary in corpora.list_all(session)])


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
    return CorpusView.of(CorpusSummary(corpus, documents=0, chunks=0))


@router.get("/{name}", summary="Show a corpus", responses=problems(UnknownCorpusError))
def show_corpus(name: CorpusName, parts: Parts, key: ReaderKey) -> CorpusView:
    """One corpus, with how many documents and chunks are in it."""
    with parts.database.transaction() as session:
        corpus = corpora.get(session, name)
        found = [s for s in corpora.list_all(session) if s.corpus.id == corpus.id]
    return CorpusView.of(found[0])


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
    parts.indexes.discard(corpus)
