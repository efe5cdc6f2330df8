"""Search without an answer."""

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from api.auth import Parts, ReaderKey, admit
from api.build import Application
from api.errors import problems
from api.refusals import AccessError, RoleError
from api.schemas.answers import SearchBody, SearchView
from api.straight import straight_to
from rag.errors import BusyError, QuestionError, RerankerError, RetrievalSettingsError
from rag.retriever.retriever import Mode
from rag.retriever.widen import Expand
from rag.search import SearchRequest
from store.errors import (
    DatabaseUnavailableError,
    EncoderMismatchError,
    FilterError,
    InvalidKeyError,
    UnknownCorpusError,
)
from store.types import Role, Verb


async def _search_straight(request: Request, body: SearchBody) -> Response:
    parts: Application = request.app.state.application
    return await to_thread.run_sync(
        lambda: search(body, parts, admit(parts, request, Role.READER, Verb.READ, corpus=body.corpus))
    )


router = APIRouter(prefix="/v1", tags=["questions"], route_class=straight_to(_search_straight, SearchBody))

FAILURES = problems(
    InvalidKeyError,
    RoleError,
    AccessError,
    UnknownCorpusError,
    EncoderMismatchError,
    RetrievalSettingsError,
    QuestionError,
    FilterError,
    RerankerError,
    BusyError,
    DatabaseUnavailableError,
)


@router.post("/search", summary="Find chunks", response_model=SearchView, responses=FAILURES)
def search(body: SearchBody, parts: Parts, key: ReaderKey) -> Response:
    """Finds the chunks of a corpus that match a query best: by keywords, by meaning, or by both (`hybrid`).

    `rerank` lets a model that reads query and chunk together order the best 50 again, as far as
    `rerank_budget_ms` allows; `reranked` says how many of the hits it read. `diversity` folds hits that say
    the same; `expand` adds the text around each hit as its `context`. A word that the corpus does not have
    is spelt as the corpus spells the nearest: `query` is what was really sent. Where nothing was found,
    `reason` says why if that is known.
    """
    request = SearchRequest(
        query=body.query,
        corpus=body.corpus,
        top_k=body.top_k,
        filters=body.filters,
        mode=Mode(body.mode),
        rerank=body.rerank,
        rerank_budget_ms=body.rerank_budget_ms,
        diversity=body.diversity,
        expand=Expand(body.expand),
        spelling=body.spelling,
        reader=key.reader,
        known=key.corpus,
    )
    found = SearchView.model_validate(parts.searcher.search(request))
    # As it is: the framework would look at each field once more, which takes longer than to write them.
    return Response(found.model_dump_json(), media_type="application/json")
