"""Chat completions and models, as clients of OpenAI's API ask for them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from api.auth import AskerKey, Caller, Parts, ReaderKey
from api.build import Application
from api.chat import Chunks, completion, stream
from api.compatible import MODEL, OF_CORPUS, corpus_of, model_of, question_of, text_of
from api.errors import OF_EVERY_ROUTE, problems
from api.refusals import CorpusChoiceError, UnknownModelError, UnsupportedError
from api.schemas.openai import ChatBody, ChatCompletion, ModelsView, ModelView, Usage
from api.streams import Stream
from api.telling import answer, tell
from rag.answer import AskRequest
from rag.errors import BusyError, QuestionError
from rag.generator.settings import GenerationSettings
from store import corpora
from store.errors import EncoderMismatchError, FilterError, UnknownCorpusError, UnknownSessionError

router = APIRouter(prefix="/v1", tags=["OpenAI-compatible"], responses=OF_EVERY_ROUTE)

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"example": 'data: {"object": "chat.completion.chunk"}\n\n'}}}
}
FAILURES = problems(
    UnknownModelError,
    UnknownCorpusError,
    UnknownSessionError,
    CorpusChoiceError,
    UnsupportedError,
    EncoderMismatchError,
    QuestionError,
    FilterError,
    BusyError,
)
CORPORA_PER_FETCH = 200


@router.post(
    "/chat/completions",
    summary="Complete a chat",
    response_model=ChatCompletion,
    responses={**STREAMED, **FAILURES},
)
async def complete_chat(body: ChatBody, request: Request, parts: Parts, key: AskerKey) -> Any:
    """Answers the last message of a conversation from a corpus, in the form of OpenAI's API.

    The model `groundwork/NAME` answers from the corpus NAME. Citations are the message's `annotations`:
    `url_citation` for pages on the web, `file_citation` for other documents; `groundwork` has the whole
    answer as `/v1/ask` gives it. With `stream` the answer comes as chunks, of which the last one has the
    citations. The instructions of a system message are not followed: answers are taken from the documents.
    """
    asked = await to_thread.run_sync(_asked, body, parts, key)
    texts = [text_of(message) for message in body.messages]
    if not body.stream:
        given = await answer(request, parts, asked)
        usage = await to_thread.run_sync(_usage, parts, texts, given.answer)
        return completion(given, body.model, usage)

    async def usage_of(text: str) -> Usage:
        return await to_thread.run_sync(_usage, parts, texts, text)

    told = tell(request, parts, asked)
    followed = Stream(await anext(told), told, replace(request.app.state.streams.times, grace_s=0))
    counts = body.stream_options is not None and body.stream_options.include_usage
    chunks = Chunks(uuid4().hex, body.model)
    return StreamingResponse(
        stream(followed.follow(), chunks, usage_of if counts else None), media_type="text/event-stream"
    )


@router.get("/models", summary="List models")
def list_models(parts: Parts, key: ReaderKey) -> ModelsView:
    """All that can be named as `model`: one for each corpus, and the encoder for embeddings."""
    found = [_model(MODEL), _model(parts.settings.encoder)]
    after: str | None = None
    while True:
        with parts.database.transaction() as session:
            page = corpora.page(session, after=after, limit=CORPORA_PER_FETCH, reader=key.reader)
        found += [_model(model_of(summary.corpus.name), summary.corpus.created_at) for summary in page]
        if len(page) < CORPORA_PER_FETCH:
            return ModelsView(data=found)
        after = page[-1].corpus.name


@router.get("/models/{model:path}", summary="Show a model", responses=problems(UnknownModelError))
def show_model(model: str, parts: Parts, key: ReaderKey) -> ModelView:
    """Something that can be named as `model`."""
    if model in (MODEL, parts.settings.encoder):
        return _model(model)
    try:
        if not model.startswith(OF_CORPUS):
            raise UnknownModelError(model)
        with parts.database.transaction() as session:
            corpus = corpora.get(session, model.removeprefix(OF_CORPUS), key.reader)
            return _model(model, corpus.created_at)
    except UnknownCorpusError:
        raise UnknownModelError(model) from None


def _asked(body: ChatBody, parts: Application, key: Caller) -> AskRequest:
    with parts.database.transaction() as session:
        corpus = corpus_of(session, body.model, body.corpus, key.reader)
    return AskRequest(
        question=question_of(body.messages),
        corpus=corpus,
        user=key.user,
        reader=key.reader,
        top_k=body.top_k,
        filters=body.filters or {},
        session_id=body.session_id,
        generation=GenerationSettings(body.temperature or 0.0, body.seed or 0),
    )


def _usage(parts: Application, asked: list[str], answered: str) -> Usage:
    counts = [len(tokens) for tokens in parts.encoder.token_offsets([*asked, answered])]
    return Usage(prompt_tokens=sum(counts[:-1]), completion_tokens=counts[-1], total_tokens=sum(counts))


def _model(name: str, created_at: datetime | None = None) -> ModelView:
    return ModelView(id=name, created=int((created_at or datetime(2026, 1, 1, tzinfo=UTC)).timestamp()))
