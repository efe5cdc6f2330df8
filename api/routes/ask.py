"""Questions and their answers."""

from typing import Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request, Response, status
from fastapi.sse import EventSourceResponse

from api.asking import Listening
from api.auth import AskerKey, Caller, Parts, admit
from api.build import Application
from api.errors import OF_EVERY_ROUTE, problems
from api.events import LastEventId, events
from api.metrics import Metrics
from api.refusals import AccessError, RoleError, UnknownStreamError
from api.schemas.answers import ANSWER_EXAMPLE, AnswerView, AskBody
from api.straight import straight_to
from api.streams import Place, Stream, Streams, place_of
from api.telling import answer, tell, while_wanted
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
from store import corpora, documents
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
from store.types import DocumentStatus, Role, Verb


async def _ask_straight(request: Request, body: AskBody) -> Response | None:
    parts: Application = request.app.state.application
    if body.stream:
        return await _stream_straight(request, parts, body)
    metrics: Metrics = request.app.state.metrics

    def work(listening: Listening) -> str:
        asked = _asked(body, admit(parts, request, Role.READER, Verb.ASK, corpus=body.corpus))
        found = metrics.answer(lambda: parts.answerer.ask(asked, listening))
        return AnswerView.model_validate(found).model_dump_json()

    return Response(await while_wanted(request, work), media_type="application/json")


async def _stream_straight(request: Request, parts: Application, body: AskBody) -> Response | None:
    if "last-event-id" in request.headers:
        return None
    key = await to_thread.run_sync(lambda: admit(parts, request, Role.READER, Verb.ASK, corpus=body.corpus))
    return await _streamed(request, parts, body, key)


router = APIRouter(prefix="/v1", tags=["questions"])
asking = APIRouter(prefix="/v1", tags=["questions"], route_class=straight_to(_ask_straight, AskBody))

EVENT_EXAMPLE = 'event: token\nid: 5f0c8a4e-0e4b-4bd1-9b0c-5b2f6a3f7f10:2\ndata: {"text": "Thirty "}\n\n'
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"example": EVENT_EXAMPLE}}},
    204: {"description": "Nothing more: the stream was read to its end."},
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/json": {"example": ANSWER_EXAMPLE},
            "text/event-stream": {"example": EVENT_EXAMPLE},
        }
    },
    204: STREAMED[204],
}
FAILURES = problems(
    InvalidKeyError,
    RoleError,
    AccessError,
    UnknownCorpusError,
    UnknownSessionError,
    UnknownResponseError,
    UnknownStreamError,
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


@asking.post("/ask", summary="Ask a question", response_model=AnswerView, responses={**ANSWERS, **FAILURES})
async def ask(
    body: AskBody, request: Request, parts: Parts, key: AskerKey, last_event_id: LastEventId = None
) -> Any:
    """Answers a question from a corpus, with the characters of the documents that the answer comes from.

    When the corpus does not hold the answer, `abstained` is true and `abstain_reason` says why. Every
    question is logged with its answer. With `stream` the answer comes as server-sent events while it is
    written: `retrieval` (the hits), `token` (each further part of the answer), `citation` (one each, when the
    answer is complete and they are verified), `score` and `done` (the whole answer); `error` in the place of
    what is missing, and `heartbeat` in silences. Closing the connection ends the work, after a few seconds in
    which the stream can be resumed: with the last event's id as `Last-Event-ID`, sent here or to
    `/v1/ask/streams`, the events after it come.
    """
    if last_event_id is not None and body.stream:
        return await _resumed(request, parts, key, place_of(last_event_id))
    if not body.stream:
        return await answer(request, parts, _asked(body, key))
    return await _streamed(request, parts, body, key)


async def _streamed(request: Request, parts: Application, body: AskBody, key: Caller) -> Response:
    told = tell(request, parts, _asked(body, key))
    return EventSourceResponse(events(await _streams(request).open(key.id, body.corpus, told)))


router.routes += asking.routes


def _asked(body: AskBody, key: Caller) -> AskRequest:
    return AskRequest(
        question=body.question,
        corpus=body.corpus,
        known=key.corpus,
        user=key.user,
        reader=key.reader,
        top_k=body.top_k,
        filters=body.filters,
        session_id=body.session_id,
        expand=Expand(body.expand),
        parent_id=body.parent_id,
        replaces=body.replaces,
        generation=GenerationSettings(**body.generation.model_dump()),
    )


@router.get(
    "/ask/streams/{stream_id}",
    summary="Resume a stream",
    response_model=None,
    responses={**STREAMED, **OF_EVERY_ROUTE, **problems(UnknownStreamError, UnknownCorpusError)},
)
async def resume_stream(
    stream_id: UUID, request: Request, parts: Parts, key: AskerKey, last_event_id: LastEventId = None
) -> Any:
    """The events of a streamed answer after the one named by `Last-Event-ID`, or all; then those to come.

    The id of a stream is the part of its events' ids before the colon. Only the key that asked may resume, in
    the process that answers, until a while after the end (RAG_STREAM_KEPT_S). 204: there is nothing more.
    """
    place = Place(stream_id, 0) if last_event_id is None else place_of(last_event_id)
    if place.stream_id != stream_id:
        raise UnknownStreamError(last_event_id or "")
    return await _resumed(request, parts, key, place)


async def _resumed(request: Request, parts: Application, key: Caller, place: Place) -> Response:
    stream = _streams(request).find(place.stream_id, key.id)
    await to_thread.run_sync(_check_readable, parts, key, stream)
    if not stream.has_after(place.number):
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    return EventSourceResponse(events(stream, place.number))


def _check_readable(parts: Application, key: Caller, stream: Stream) -> None:
    """See to it that what was told once may be told again: the corpus and all its documents are still there,
    and the caller may see them.

    Raises:
        UnknownCorpusError, UnknownStreamError: They are not.
    """
    with parts.database.transaction() as session:
        corpora.get(session, stream.corpus, key.reader)
        found = documents.by_ids(session, list(stream.document_ids), key.reader)
    present = {one.id for one in found.values() if one.status != DocumentStatus.REMOVED}
    if stream.document_ids - present:
        raise UnknownStreamError(str(stream.id))


def _streams(request: Request) -> Streams:
    streams: Streams = request.app.state.streams
    return streams
