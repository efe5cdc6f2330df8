"""What surrounds every request: its limit, its line in the log, and a response when we made a mistake."""

import logging
import time
import traceback

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import KINDS, TooLargeError, internal_problem, problem_response

logger = logging.getLogger(__name__)


class Surroundings:
    """Logs each request without its query string, which may hold a question, and contains our mistakes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status: int | None = None

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except ClientDisconnect:
            logger.info("the caller hung up in the middle of the request")
        except Exception as error:
            log_mistake(error)
            if status is not None:  # half a response is out: the connection has to break
                raise
            await internal_problem()(scope, receive, send_noting)
        finally:
            elapsed_ms = (time.perf_counter() - begun) * 1000
            logger.info("%s %s %s %.1f ms", scope["method"], scope["path"], status, elapsed_ms)


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
