"""A server of the Model Context Protocol: assistants ask and read under the same keys as everybody."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar
from uuid import UUID

import anyio
from anyio import to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.asking import AskingThreads, Listening
from api.auth import Caller, check_verb, recognise
from api.build import Application
from api.compatible import only_corpus
from api.errors import problem_response
from api.limits import limit_request, take_answer
from api.refusals import ApiError
from api.schemas.answers import AnswerView, SearchView
from api.schemas.documents import DocumentPartView
from rag.answer import AskRequest
from rag.errors import BusyError, RagError
from rag.retriever.retriever import Mode
from rag.search import SearchRequest
from store import documents
from store.errors import StoreError
from store.types import Verb

PATH = "/mcp"
MOST_CHARACTERS = 20_000
INSTRUCTIONS = (
    "Answers from the documents of one or more corpora. `ask` gives a short answer with citations, or says "
    "that the corpus does not hold one; `search` finds passages; `get_document` reads a document around a "
    "citation. Offsets count Unicode characters of the document's text."
)
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)

T = TypeVar("T")

KeyOf = Callable[[Context[Any, Any]], Caller]


class Tools:
    """What an assistant may do; each call looks at the caller's key anew."""

    def __init__(
        self, parts: Callable[[], Application], asking: Callable[[], AskingThreads], key_of: KeyOf
    ) -> None:
        self._parts = parts
        self._asking = asking
        self._key_of = key_of

    async def ask(
        self,
        context: Context[Any, Any],
        *,
        question: str,
        corpus: str | None = None,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        session_id: UUID | None = None,
    ) -> AnswerView:
        """Answer a question from a corpus, with the exact characters of the documents behind each part.

        `abstained` is true where the documents do not hold the answer: then do not make one up. Leave
        `corpus` out where there is but one. `filters` are conditions on the documents' metadata. With the
        `session_id` of an earlier answer the question belongs to that conversation.
        """
        listening = Listening()

        def work(key: Caller) -> AnswerView:
            check_verb(key, Verb.ASK)
            parts = self._parts()
            take_answer(parts, key)
            asked = AskRequest(
                question=question,
                corpus=self._corpus(corpus, key),
                user=key.user,
                reader=key.reader,
                top_k=top_k,
                filters=filters or {},
                session_id=session_id,
            )
            measured = self._asking().metrics.answer
            return AnswerView.model_validate(measured(lambda: parts.answerer.ask(asked, listening)))

        try:
            begun = self._asking().start(self._guarded(context, work))
        except BusyError as error:
            raise ToolError(_detail(error)) from None
        try:
            await asyncio.wait([begun])
        finally:
            listening.leave()  # whoever hung up wants no answer; one that is complete is not touched by it
        return begun.result()

    async def search(
        self,
        context: Context[Any, Any],
        *,
        query: str,
        corpus: str | None = None,
        top_k: int = 10,
        mode: Literal["hybrid", "keyword", "vector"] = "hybrid",
        filters: dict[str, Any] | None = None,
    ) -> SearchView:
        """Find the passages of a corpus that match a query best, by keywords, by meaning, or by both.

        Each hit has its text, its document's id and its place there. Leave `corpus` out where there is but
        one.
        """

        def work(key: Caller) -> SearchView:
            check_verb(key, Verb.READ)
            name = self._corpus(corpus, key)
            request = SearchRequest(query, name, top_k, filters or {}, Mode(mode), reader=key.reader)
            return SearchView.model_validate(self._parts().searcher.search(request))

        return await self._run(context, work)

    async def get_document(
        self,
        context: Context[Any, Any],
        *,
        document_id: UUID,
        version: int | None = None,
        start: int = 0,
        end: int | None = None,
    ) -> DocumentPartView:
        """Read a document, or its characters from `start` to `end`; at most 20,000 at once.

        A citation names the `version` that it quotes; without one you get the newest. `characters` tells how
        long the whole text is.
        """

        def work(key: Caller) -> DocumentPartView:
            check_verb(key, Verb.READ)
            if start < 0 or (end is not None and end < start) or (version is not None and version < 1):
                raise ToolError("Give 0 <= start <= end, and a version from 1 on.")
            with self._parts().database.transaction() as session:
                found = documents.text(session, document_id, version, key.reader)
            last = min(len(found.text), start + MOST_CHARACTERS, len(found.text) if end is None else end)
            return DocumentPartView(
                document_id=document_id,
                version=found.version,
                source=found.source,
                title=found.title,
                characters=len(found.text),
                start=min(start, last),
                end=last,
                text=found.text[start:last],
            )

        return await self._run(context, work)

    def _corpus(self, name: str | None, key: Caller) -> str:
        if name is not None:
            return name
        with self._parts().database.transaction() as session:
            return only_corpus(session, key.reader)

    async def _run(self, context: Context[Any, Any], work: Callable[[Caller], T]) -> T:
        """Do a tool's work in a thread for whoever calls."""
        return await to_thread.run_sync(self._guarded(context, work))

    def _guarded(self, context: Context[Any, Any], work: Callable[[Caller], T]) -> Callable[[], T]:
        """A tool's work for whoever calls; what fails tells no more than over HTTP."""

        def guarded() -> T:
            try:
                return work(self._key_of(context))
            except (ApiError, StoreError, RagError) as error:
                raise ToolError(_detail(error)) from None

        return guarded


def _detail(error: Exception) -> str:
    return str(json.loads(bytes(problem_response(error).body))["detail"])


def make_server(tools: Tools, version: str) -> MCPServer[Any]:
    """A server with these tools, for any transport."""
    server: MCPServer[Any] = MCPServer("groundwork", instructions=INSTRUCTIONS, version=version)
    for tool in (tools.ask, tools.search, tools.get_document):
        server.tool(annotations=READS)(tool)
    return server


class OverHttp:
    """The server over streamable HTTP, for those who have a key.

    It keeps no state between requests, so any process behind a port can serve any of them.
    """

    def __init__(
        self, parts: Callable[[], Application], asking: Callable[[], AskingThreads], version: str
    ) -> None:
        self._parts = parts
        tools = Tools(parts, asking, lambda context: recognise(parts(), context.headers or {}))
        self._server = make_server(tools, version)
        # Whoever has no key is sent away, so that a page in a browser that was led here gets nothing.
        self._app: ASGIApp = self._server.streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    def running(self) -> Any:
        """The context in which requests can be served; it can be entered once."""
        return self._server.session_manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await to_thread.run_sync(self._admit, scope)
        except (ApiError, StoreError) as error:
            await problem_response(error)(scope, receive, send)
            return
        await _serve_until_hung_up(self._app, scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        """See to it that a request has a caller, who may call again so soon."""
        caller = recognise(self._parts(), Headers(scope=scope))
        limit_request(self._parts(), scope, caller)


async def _serve_until_hung_up(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request, and break that off when its client is gone; the library itself does not look."""
    complete, gone = anyio.Event(), anyio.Event()

    async def receive_body() -> Message:
        if complete.is_set():
            await gone.wait()
            return {"type": "http.disconnect"}
        message = await receive()
        if not message.get("more_body", False):
            complete.set()
        return message

    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            await complete.wait()
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        await app(scope, receive_body, send)
        tasks.cancel_scope.cancel()
