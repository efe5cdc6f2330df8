"""A question answered for HTTP: as a whole, or told piece by piece while the answer is made."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from fastapi import Request

from api.asking import AskingThreads, Listening
from api.build import Application
from api.errors import internal_problem, problem_response
from api.middleware import log_mistake
from api.refusals import ApiError
from api.schemas.answers import AnswerView, HitView
from ingest.errors import IngestError
from rag.answer import Answer, Answerer, AskRequest
from rag.errors import RagError
from store.errors import StoreError

T = TypeVar("T")

Told = tuple[str, Any]
"""The name of an event, and its data in JSON's types."""
EXPECTED = (ApiError, RagError, StoreError, IngestError)


async def answer(
    request: Request, parts: Application, asked: AskRequest, answerer: Answerer | None = None
) -> AnswerView:
    """The answer to a question, when it is complete; a client that hangs up ends the work.

    `answerer` None is the application's own.

    Raises:
        RagError, StoreError: See `Answerer.ask`.
    """
    measured = _threads(request).metrics.answer
    ask = (answerer or parts.answerer).ask
    found = await while_wanted(request, lambda listening: measured(lambda: ask(asked, listening)))
    return AnswerView.model_validate(found)


async def while_wanted(request: Request, work: Callable[[Listening], T]) -> T:
    """What the work of a question gives, done in one of the threads for questions.

    A client that hangs up ends it, if it heeds its listener.

    Raises:
        BusyError: There is no thread left.
    """
    listening = Listening()
    begun = _threads(request).start(lambda: work(listening))
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await _first_of(begun, gone)
    finally:
        gone.cancel()
        if not begun.done():
            listening.leave()
    return await begun


async def tell(request: Request, parts: Application, asked: AskRequest) -> AsyncIterator[Told]:
    """What happens to a question, as it happens.

    `retrieval` (the hits), `token` for each further part of the answer, a `citation` each, when they are
    verified, `score`, then `done` with the whole of it. Where the answer fails on its way, `error` comes
    last, with what a response of its own would say. What fails before the first event is raised. Who stops
    reading ends the work.
    """
    threads, listening = _threads(request), Listening()
    work = threads.start(lambda: threads.metrics.answer(lambda: parts.answerer.ask(asked, listening)))
    try:
        yield await _first_event(listening, work)
        async for told in _events(listening, work):
            yield told
        try:
            whole = AnswerView.model_validate(await work)
        except Exception as error:
            yield "error", problem_of(error)
            return
        if whole.abstained:
            yield "token", {"text": whole.answer}
        for citation in whole.citations:
            yield "citation", citation.model_dump(mode="json")
        yield "score", {"answerable_probability": whole.answerable_probability, "scores": whole.scores}
        yield "done", whole.model_dump(mode="json")
    finally:
        listening.leave()


def _threads(request: Request) -> AskingThreads:
    threads: AskingThreads = request.app.state.asking
    return threads


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _first_event(listening: Listening, work: "asyncio.Future[Answer]") -> Told:
    told = asyncio.ensure_future(listening.events.get())
    try:
        await _first_of(told, work)
        if not told.done():
            await work  # it failed: an answer is told of before it is complete
        return _in_json(await told)
    finally:
        told.cancel()


async def _events(listening: Listening, work: "asyncio.Future[Answer]") -> AsyncIterator[Told]:
    """What is told until the work is done."""
    while not (work.done() and listening.events.empty()):
        told = asyncio.ensure_future(listening.events.get())
        try:
            await _first_of(told, work)
            if told.done():
                yield _in_json(told.result())
        finally:
            told.cancel()


async def _first_of(*waited: "asyncio.Future[Any]") -> None:
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)


def _in_json(told: Told) -> Told:
    name, data = told
    if name == "retrieval":
        data = {"hits": [HitView.model_validate(hit).model_dump(mode="json") for hit in data["hits"]]}
    return name, data


def problem_of(error: Exception) -> Any:
    """What a response of its own would say of an error."""
    if not isinstance(error, EXPECTED):
        log_mistake(error)
        return json.loads(bytes(internal_problem().body))
    return json.loads(bytes(problem_response(error).body))
