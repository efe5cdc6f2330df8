"""A question answered for HTTP: as a whole, or told piece by piece."""

from collections.abc import AsyncIterator
from typing import Any

from anyio import to_thread
from fastapi import Request

from api.build import Application
from api.schemas.answers import AnswerView
from api.turns import turns_of
from rag.answer import AskRequest

Told = tuple[str, Any]
"""The name of an event, and its data in JSON's types."""


async def answer(request: Request, parts: Application, asked: AskRequest) -> AnswerView:
    """The answer to a question, when it is complete.

    Raises:
        RagError, StoreError: See `Answerer.ask`.
    """
    turns = turns_of(request)

    def work() -> AnswerView:
        answerer = parts.answerer
        with turns.turn():
            return AnswerView.model_validate(answerer.ask(asked))

    return await to_thread.run_sync(work)


async def tell(request: Request, parts: Application, asked: AskRequest) -> AsyncIterator[Told]:
    """What happens to a question: `token` for each piece of the answer, then `done` with the whole of it.

    What fails before the first event is raised.
    """
    whole = await answer(request, parts, asked)
    yield "token", {"text": whole.answer}
    yield "done", whole.model_dump(mode="json")
