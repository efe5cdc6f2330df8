"""Rate limits and quotas of callers, and what becomes of requests that fail to say who sends them."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.build import Application
from api.errors import problem_response
from api.refusals import TooManyFailuresError
from store import audit, limits
from store.errors import DatabaseUnavailableError
from store.limits import Limited, Standing
from store.postgres import Database

if TYPE_CHECKING:  # it imports this
    from api.auth import Caller

ANSWERING = re.compile(r"/v1/(?:ask|chat/completions|responses/[^/]+/replay)")
INGESTING = re.compile(r"/v1/(?:documents|jobs|files)")

MOST_ADDRESSES = 10_000
MOST_ROWS_A_MINUTE = 60
SHOWN_PATH_CHARACTERS = 100

STANDING = "standing"
"""Where a request's scope holds what is left of its caller's requests."""
CHARGED = "charged"
"""Where it holds whose ingested bytes are counted."""


def take_request(parts: Application, caller: "Caller") -> Standing | None:
    """Take one of a caller's requests; None where they are not limited.

    A user's own limit holds for all its keys together, that of the settings for each.

    Raises:
        LimitReachedError: There is none left.
    """
    own, usual = caller.limits.requests_per_minute, parts.settings.requests_per_minute
    limit, subject = (usual, caller.id) if own is None else (own, caller.user_id)
    if limit is None:
        return None
    with parts.database.transaction() as session:
        return limits.take(session, str(subject), Limited.REQUESTS, limit)


def take_answer(parts: Application, caller: "Caller") -> None:
    """Take one of the answers of a caller's user.

    Raises:
        LimitReachedError: There is none left.
    """
    own, usual = caller.limits.answers_per_day, parts.settings.answers_per_day
    limit = usual if own is None else own
    if limit is not None:
        with parts.database.transaction() as session:
            limits.take(session, str(caller.user_id), Limited.ANSWERS, limit)


def limit_request(parts: Application, scope: Scope, caller: "Caller") -> None:
    """Hold a request to the limits of its caller.

    Raises:
        LimitReachedError: One of them is reached.
    """
    state = scope.setdefault("state", {})
    state[STANDING] = take_request(parts, caller)
    if scope["method"] != "POST":
        return
    if ANSWERING.fullmatch(scope["path"]):
        take_answer(parts, caller)
    own, usual = caller.limits.ingested_bytes_per_day, parts.settings.ingested_bytes_per_day
    limit = usual if own is None else own
    if limit is not None and INGESTING.fullmatch(scope["path"]):
        with parts.database.transaction() as session:
            limits.take(session, str(caller.user_id), Limited.INGESTED_BYTES, limit, 0)
        state[CHARGED] = Charged(str(caller.user_id), limit)


@dataclass(frozen=True)
class Charged:
    """The user whose ingested bytes are counted, and how many it may send a day."""

    user: str
    limit: int


class Gate:
    """Tells callers what is left to them, counts what they send, and slows down who guesses.

    Failures to say who one is are counted by address in this process, and written to the audit log: the 1st,
    2nd, 4th, 8th, … of an address, and no more than 60 a minute of all.
    """

    def __init__(
        self, app: ASGIApp, failures_per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._failures = Failures(failures_per_minute, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passing = _Passing(scope, receive, send)
        tries = passing.shows_something
        wait_s = self._failures.wait_s(passing.address) if tries else 0
        if wait_s:
            await problem_response(TooManyFailuresError(wait_s))(scope, receive, send)
            return
        try:
            await self._app(scope, passing.receive, passing.send)
        finally:
            with CancelScope(shield=True):  # also when the caller hung up
                await self._note(passing, failed=tries and passing.status == 401)

    async def _note(self, passing: "_Passing", *, failed: bool) -> None:
        parts: Application | None = getattr(passing.scope["app"].state, "application", None)
        if parts is None:
            return
        await passing.charge()
        count = self._failures.add(passing.address) if failed else None
        if count is not None:
            path = passing.scope["path"][:SHOWN_PATH_CHARACTERS]
            await to_thread.run_sync(_record, parts.database, passing.address, path, count)


class Failures:
    """How often callers from an address failed to say who they are; thread-safe, bounded in memory."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_s = per_minute / 60
        self._most = float(per_minute)
        self._clock = clock
        self._lock = threading.Lock()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._minute, self._rows = 0, 0

    def wait_s(self, address: str) -> int:
        """How many seconds callers from there have to wait; 0: none."""
        with self._lock:
            known = self._addresses.get(address)
            if known is None:
                return 0
            left = self._grown(known)
            return 0 if left >= 1 else max(1, round((1 - left) / self._per_s))

    def add(self, address: str) -> int | None:
        """Count a failure; gives how many there were from there, None where that need not be written down."""
        with self._lock:
            known = self._addresses.pop(address, None) or _Address(self._most, self._clock(), 0)
            now = self._clock()
            known = _Address(self._grown(known) - 1, now, known.count + 1)
            self._addresses[address] = known
            if len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)
            if known.count & (known.count - 1):  # no power of two
                return None
            if int(now // 60) != self._minute:
                self._minute, self._rows = int(now // 60), 0
            self._rows += 1
            return known.count if self._rows <= MOST_ROWS_A_MINUTE else None

    def _grown(self, known: "_Address") -> float:
        return min(self._most, known.left + (self._clock() - known.at_s) * self._per_s)


@dataclass(frozen=True)
class _Address:
    left: float
    at_s: float
    count: int


class _Passing:
    """A request on its way, whose bytes are counted and whose response is told what is left."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.state: dict[str, Any] = scope.setdefault("state", {})
        self.received_bytes = 0
        self.status: int | None = None
        self._receive = receive
        self._send = send
        headers = Headers(scope=scope)
        self.shows_something = "authorization" in headers or "groundwork_login=" in headers.get("cookie", "")
        self.address: str = (scope.get("client") or ("",))[0]

    async def receive(self) -> Message:
        """Take in a piece of the body."""
        message = await self._receive()
        self.received_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Pass on a piece of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self.charge()  # before the caller can send the next
            standing: Standing | None = self.state.get(STANDING)
            if standing is not None:
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Limit"] = str(standing.limit)
                headers["RateLimit-Remaining"] = str(standing.left)
                headers["RateLimit-Reset"] = str(standing.full_in_s)
        await self._send(message)

    async def charge(self) -> None:
        """Count the bytes that came since the last time, where somebody's are counted."""
        charged: Charged | None = self.state.get(CHARGED)
        size_bytes, self.received_bytes = self.received_bytes, 0
        if charged is not None and size_bytes:
            database = self.scope["app"].state.application.database
            await to_thread.run_sync(_charge, database, charged, size_bytes)


def _charge(database: Database, charged: Charged, size_bytes: int) -> None:
    with suppress(DatabaseUnavailableError), database.transaction() as session:
        limits.charge(session, charged.user, Limited.INGESTED_BYTES, charged.limit, size_bytes)


def _record(database: Database, address: str, path: str, count: int) -> None:
    with suppress(DatabaseUnavailableError), database.transaction() as session:
        audit.record(session, "", "authentication.failed", address, {"path": path, "failures": count})
