"""What surrounds every request: its limit, its line in the log, and a response when we made a mistake."""

import logging
import time
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import request_id
from api.errors import KINDS, internal_problem, problem_response
from api.metrics import Metrics
from api.refusals import TooLargeError
from api.tracing import note_response, request_span

logger = logging.getLogger(__name__)


class Surroundings:
    """Logs, counts and traces each request, without its query string, and contains our mistakes.

    The query string may hold a question. The response names the request's id, as every line of the log does.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        served = _Served(scope, request_id.choose(headers.get(request_id.HEADER, "")), send)
        known = request_id.current.set(served.id)
        try:
            with request_span(scope["method"], scope["path"], headers) as span:
                await self._serve(served, receive)
                note_response(span, scope["method"], served.route, served.status)
                self._note(served)
        finally:
            request_id.current.reset(known)

    async def _serve(self, served: "_Served", receive: Receive) -> None:
        try:
            await self._app(served.scope, receive, served.send)
        except ClientDisconnect:
            logger.info("the caller hung up in the middle of the request")
        except Exception as error:
            log_mistake(error)
            if served.status is not None:  # half a response is out: the connection has to break
                self._note(served)
                raise
            await internal_problem()(served.scope, receive, served.send)

    def _note(self, served: "_Served") -> None:
        method, route, seconds = served.scope["method"], served.route, time.perf_counter() - served.begun
        self._metrics.count_request(method, route, served.status, seconds)
        milliseconds = round(seconds * 1000, 1)
        fields = {"method": method, "route": route, "status": served.status, "duration_ms": milliseconds}
        logger.info(
            "%s %s %s %.1f ms",
            method,
            served.scope["path"],
            served.status,
            milliseconds,
            extra={"fields": {**fields, "path": served.scope["path"]}},
        )


class _Served:
    """A request on its way, and what was sent of its response."""

    def __init__(self, scope: Scope, id: str, send: Send) -> None:
        self.scope = scope
        self.id = id
        self.status: int | None = None
        self.begun = time.perf_counter()
        self._send = send

    @property
    def route(self) -> str:
        """The route that it took, with the names of its parameters in place of their values."""
        return getattr(self.scope.get("route"), "path", "") or "none"

    async def send(self, message: Message) -> None:
        """Pass a part of the response on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            MutableHeaders(scope=message)[request_id.HEADER] = self.id
        await self._send(message)


class BodyLimit:
    """Refuses request bodies of more than `max_bytes`, announced or not."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            await problem_response(TooLargeError(self._max_bytes))(scope, receive, send)
            return
        received = 0

        async def receive_counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                # Of all exceptions the framework lets only this one through while it reads a body.
                raise HTTPException(KINDS[TooLargeError].status, str(TooLargeError(self._max_bytes)))
            return message

        await self._app(scope, receive_counting, send)


def log_mistake(error: Exception) -> None:
    """Log where a mistake of ours happened."""
    # The message may quote a document or a question (a database error quotes the row): not above DEBUG.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("unexpected %s\n%s", type(error).__name__, frames)
    logger.debug("its message: %s", error)
