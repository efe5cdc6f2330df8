"""Search without an answer."""

from fastapi import APIRouter

from api.auth import Parts, ReaderKey
from api.errors import RoleError, problems
from api.schemas.answers import HitView, SearchBody, SearchView
from api.turns import GeneratorTurns
from rag.errors import QuestionError
from rag.retriever.retriever import Mode
from store.errors import (
    DatabaseUnavailableError,
    EncoderMismatchError,
    FilterError,
    InvalidKeyError,
    UnknownCorpusError,
)

router = APIRouter(prefix="/v1", tags=["questions"])

FAILURES = problems(
    InvalidKeyError,
    RoleError,
    UnknownCorpusError,
    EncoderMismatchError,
    QuestionError,
    FilterError,
    DatabaseUnavailableError,
)


@router.post("/search", summary="Find chunks", responses=FAILURES)
def search(body: SearchBody, parts: Parts, turns: GeneratorTurns, key: ReaderKey) -> SearchView:
    """Finds the chunks of a corpus that match a query best: by keywords, by meaning, or by both (`hybrid`).

    `rerank` lets the generator order them by how well they answer the query, which takes longer.
    """
    answerer = parts.answerer

    def hits() -> SearchView:
        found = answerer.search(
            body.query, body.corpus, body.top_k, body.filters, mode=Mode(body.mode), rerank=body.rerank
        )
        return SearchView(hits=[HitView.model_validate(hit) for hit in found])

    if not body.rerank:
        return hits()
    with turns.turn():
        return hits()
