"""Questions and their answers."""

from typing import Any

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse

from api.auth import Parts, ReaderKey
from api.errors import BusyError, RoleError, problems
from api.events import events
from api.schemas.answers import ANSWER_EXAMPLE, AnswerView, AskBody
from api.turns import GeneratorTurns
from rag.answer import AskRequest
from rag.errors import QuestionError, RetrievalSettingsError
from rag.generator.decode import GenerationSettings
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
    TurnError,
    FilterError,
    BusyError,
    DatabaseUnavailableError,
)


@router.post("/ask", summary="Ask a question", response_model=AnswerView, responses={**ANSWERS, **FAILURES})
def ask(body: AskBody, parts: Parts, turns: GeneratorTurns, key: ReaderKey) -> Any:
    """Answers a question from a corpus, with the characters of the documents that the answer comes from.

    When the corpus does not hold the answer, `abstained` is true and `abstain_reason` says why. Every
    question is logged with its answer. With `stream` the answer comes as server-sent events: `retrieval`
    (the hits), `token` (one for each word), `citation` (one each) and `done` (the whole answer). The events
    begin when the answer is complete, because its citations are checked before anything is sent.
    """
    request = AskRequest(
        question=body.question,
        corpus=body.corpus,
        user=key.user,
        top_k=body.top_k,
        filters=body.filters,
        session_id=body.session_id,
        expand=Expand(body.expand),
        parent_id=body.parent_id,
        replaces=body.replaces,
        generation=GenerationSettings(body.generation.temperature, body.generation.seed),
    )
    answerer = parts.answerer
    with turns.turn():
        answer = AnswerView.model_validate(answerer.ask(request))
    if body.stream:
        return EventSourceResponse(events(answer))
    return answer
