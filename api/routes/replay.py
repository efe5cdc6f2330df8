"""Asking the question of a logged response again."""

from typing import Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request

from api.auth import AskerKey, Caller, Parts
from api.build import Application
from api.errors import OF_EVERY_ROUTE, problems
from api.refusals import BodyError
from api.routes.responses import check_may_see
from api.schemas.answers import GenerationBody
from api.schemas.queries import OtherModelsView, ReplayBody, ReplayView
from api.telling import answer
from rag.answer import Answerer, AskRequest
from rag.errors import BusyError, GenerationError, GeneratorServiceError, QuestionError
from rag.generator.settings import GenerationSettings
from rag.retriever.widen import Expand
from store import conversations
from store.errors import EncoderMismatchError, UnknownCorpusError, UnknownResponseError
from store.responses import Response

router = APIRouter(prefix="/v1/responses", tags=["responses"], responses=OF_EVERY_ROUTE)

DELETED = "(deleted)"
"""Named where the corpus of a response is gone; no corpus can have this name and be found."""


@router.get("/models", summary="List models to ask again")
def list_models_to_ask_again(parts: Parts, key: AskerKey) -> OtherModelsView:
    """The models that a logged question can be asked again of, besides the one that answers."""
    return OtherModelsView(models=parts.others.names)


@router.post(
    "/{response_id}/replay",
    summary="Ask again",
    responses=problems(
        BodyError,
        UnknownResponseError,
        UnknownCorpusError,
        EncoderMismatchError,
        QuestionError,
        GenerationError,
        GeneratorServiceError,
        BusyError,
    ),
)
async def replay(
    response_id: UUID, body: ReplayBody, request: Request, parts: Parts, key: AskerKey
) -> ReplayView:
    """Asks the question of a response again, with the documents of today, the model of today or another one,
    and the settings of then, where you do not give others. A follow-up is asked as it was made to stand
    alone.

    The new answer is logged as yours, in a conversation of its own; the old one stays as it is.
    """
    logged = await to_thread.run_sync(_logged, parts, response_id, key)
    asked = _asked_again(logged, body, key)
    other = None if body.model is None else _other(parts, body.model)
    made = await answer(request, parts, asked, other)
    before = logged.summary
    return ReplayView(
        replayed=before.id,
        same=(before.answer, before.abstained) == (made.answer, made.abstained),
        before=before.answer,
        model_before=before.model,
        answer=made,
        asked=asked.question,
    )


def _other(parts: Application, name: str) -> Answerer:
    if name not in parts.others.names:
        known = ", ".join(parts.others.names) or "none is set up, see RAG_OTHER_GENERATORS"
        raise BodyError(f"model: there is no model {name!r} to ask again. There are: {known}.")
    return parts.others.answerer(name)


def _logged(parts: Application, response_id: UUID, key: Caller) -> Response:
    with parts.database.transaction() as session:
        logged = conversations.get_response(session, response_id)
        check_may_see(session, key, logged)
    return logged


def _asked_again(logged: Response, body: ReplayBody, key: Caller) -> AskRequest:
    before: dict[str, Any] = dict(logged.parameters)
    known = GenerationBody.model_fields
    kept = {name: value for name, value in before.get("generation", {}).items() if name in known}
    generation = body.generation or GenerationBody.model_validate(kept)
    return AskRequest(
        question=logged.body.get("query") or logged.summary.question,
        corpus=logged.summary.corpus or DELETED,
        user=key.user,
        reader=key.reader,
        top_k=body.top_k or before.get("top_k", 10),
        filters=before.get("filters", {}),
        expand=Expand(before.get("expand", Expand.NONE)),
        generation=GenerationSettings(**generation.model_dump()),
    )
