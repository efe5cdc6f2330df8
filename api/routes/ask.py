"""Questions and their answers."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse

from api.auth import Parts, ReaderKey
from api.errors import RoleError, problems
from api.events import events
from api.schemas.answers import ANSWER_EXAMPLE, AnswerView, AskBody
from api.telling import answer, begun, tell
from rag.answer import AskRequest
from rag.errors import (
    BusyError,
    GenerationError,
    GeneratorServiceError,
    QuestionError,
    RetrievalSettingsError,
)
from rag.generator.settings import GenerationSettings
from rag.retriever.widen import Expand
from store.errors import (
    DatabaseUnavailableError,
    EncoderMismatchError,
    FilterError,
    InvalidKeyError,
    TurnError,
    UnknownCorpusError,
    UnknownResponseError,
    UnknownSessionError,
)

router = APIRouter(prefix="/v1", tags=["questions"])

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {"example": ANSWER_EXAMPLE},
            "text/event-stream": {"example": 'event: token\ndata: {"text": "Thirty "}\n\n'},
        }
    }
}
FAILURES = problems(
    InvalidKeyError,
    RoleError,
    UnknownCorpusError,
    UnknownSessionError,
    UnknownResponseError,
    EncoderMismatchError,
    RetrievalSettingsError,
    QuestionError,
    GenerationError,
    TurnError,
    FilterError,
    GeneratorServiceError,
    BusyError,
    DatabaseUnavailableError,
)


@router.post("/ask", summary="Ask a question", response_model=AnswerView, responses={**ANSWERS, **FAILURES})
async def ask(body: AskBody, request: Request, parts: Parts, key: ReaderKey) -> Any:
    """Answers a question from a corpus, with the characters of the documents that the answer comes from.

    When the corpus does not hold the answer, `abstained` is true and `abstain_reason` says why. Every
    question is logged with its answer. With `stream` the answer comes as server-sent events while it is
    written: `retrieval` (the hits), `token` (each further part of the answer), `citation` (one each, when the
    answer is complete and they are verified) and `done` (the whole answer); `error` in the place of what is
    missing, and `heartbeat` in silences. Closing the connection ends the work.
    """
    asked = AskRequest(
        question=body.question,
        corpus=body.corpus,
        user=key.user,
        top_k=body.top_k,
        filters=body.filters,
        session_id=body.session_id,
        expand=Expand(body.expand),
        parent_id=body.parent_id,
        replaces=body.replaces,
        generation=GenerationSettings(**body.generation.model_dump()),
    )
    if not body.stream:
        return await answer(request, parts, asked)
    return EventSourceResponse(events(await begun(tell(request, parts, asked))))
