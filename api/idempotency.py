"""Requests that can be sent twice: a POST with an `Idempotency-Key` is done once, and answered alike again.

The answers are stored under a cipher whose key comes from the caller's API key, which is not stored: a copy
of the database does not tell what was answered (among it new API keys).
"""

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from anyio import CancelScope, to_thread
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import caller_with_key
from api.build import Application
from api.errors import http_problem, problem_response
from api.refusals import IdempotencyKeyError
from store import idempotency
from store.errors import InvalidKeyError, RequestReusedError, StoreError
from store.visibility import Reader, all_visible

HEADER = "idempotency-key"
NAME = re.compile(r"[\x21-\x7e]{1,200}")
IN_MEMORY_BYTES = 1_000_000
READ_BYTES = 64 * 1024
NONCE_BYTES = 12
KEPT_HEADERS = (b"content-type", b"etag", b"location")
BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


ID = re.compile(rb"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
"""What in an answer may be the id of a document."""


@dataclass(frozen=True)
class Caller:
    """Whose request it is: the id of the API key, its secret, and what may be shown to it."""

    key_id: UUID
    secret: str
    reader: Reader


class Idempotency:
    """Does each POST that its sender named once; others pass through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        name = headers.get(HEADER)
        if name is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if not NAME.fullmatch(name):
            error = IdempotencyKeyError(
                "The Idempotency-Key cannot be used: send 1 to 200 visible ASCII characters, such as a UUID."
            )
            await problem_response(error)(scope, receive, send)
            return
        parts: Application = scope["app"].state.application
        try:
            caller = await to_thread.run_sync(_caller, parts, headers)
        except InvalidKeyError:  # the route says so better
            await self._app(scope, receive, send)
            return
        except StoreError as error:
            await problem_response(error)(scope, receive, send)
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
            await self._serve(_Request(parts, caller, name, scope, body), receive, send)

    async def _serve(self, request: "_Request", receive: Receive, send: Send) -> None:
        scope = request.scope
        try:
            fingerprint = await request.read(receive)
            claimed = await to_thread.run_sync(request.claim, fingerprint)
        except ClientDisconnect:
            return
        except HTTPException as error:  # the body is too large
            await http_problem(scope["method"], scope["path"], error)(scope, receive, send)
            return
        except StoreError as error:
            await problem_response(error)(scope, receive, send)
            return
        if isinstance(claimed, bytes):
            try:
                result = await to_thread.run_sync(request.result, claimed)
            except StoreError as error:
                await problem_response(error)(scope, receive, send)
                return
            await _replay(result, send)
            return
        answer = _Answer(send, lambda result: request.complete(claimed, result))
        try:
            await self._app(scope, request.replay_body(receive), answer.send)
        finally:
            if not answer.stored:
                with CancelScope(shield=True):  # also when the caller hung up
                    await to_thread.run_sync(request.release, claimed)


class _Request:
    """A request with its body, which is read once before it is known whether there is anything to do."""

    def __init__(self, parts: Application, caller: Caller, name: str, scope: Scope, body: IO[bytes]) -> None:
        self.scope = scope
        self._parts = parts
        self._caller = caller
        self._name = name
        self._body = body

    async def read(self, receive: Receive) -> str:
        """Take the body in; returns the fingerprint of the whole request.

        Raises:
            ClientDisconnect: The caller hung up before all of it was here.
        """
        content_type = Headers(scope=self.scope).get("content-type", "")
        boundary = BOUNDARY.search(content_type)
        # The boundary of a form is made anew each time that the form is sent.
        fingerprint = Fingerprint((boundary[1] if boundary else "").encode("latin-1"))
        media_type = content_type.partition(";")[0]
        fingerprint.update(f"{self.scope['path']}\n{self.scope['query_string']!r}\n{media_type}\n".encode())
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece = message.get("body", b"")
            fingerprint.update(piece)
            self._body.write(piece)
            if not message.get("more_body", False):
                self._body.seek(0)
                return fingerprint.hexadecimal()

    def replay_body(self, receive: Receive) -> Receive:
        """A channel that gives the body that was read, then what comes after it."""
        ended = False

        async def receive_body() -> Message:
            nonlocal ended
            if ended:
                return await receive()
            piece = self._body.read(READ_BYTES)
            ended = len(piece) < READ_BYTES
            return {"type": "http.request", "body": piece, "more_body": not ended}

        return receive_body

    def claim(self, fingerprint: str) -> UUID | bytes:
        """Begin the request, or find what it was answered with."""
        with self._parts.database.transaction() as session:
            return idempotency.claim(session, self._caller.key_id, self._name, fingerprint)

    def complete(self, claimed: UUID, result: bytes) -> None:
        """Store what the request was answered with."""
        encrypted = _encrypt(self._caller.secret, result)
        with self._parts.database.transaction() as session:
            idempotency.complete(session, claimed, self._caller.key_id, self._name, encrypted)

    def release(self, claimed: UUID) -> None:
        """Let the request be sent again."""
        with self._parts.database.transaction() as session:
            idempotency.release(session, claimed, self._caller.key_id, self._name)

    def result(self, stored: bytes) -> bytes:
        """What was stored, as it was.

        Raises:
            RequestReusedError: The key has another secret by now, or may not see any more what it was told.
        """
        try:
            result = _cipher(self._caller.secret).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], None)
        except InvalidTag:
            raise RequestReusedError(self._name) from None
        told = {UUID(found.decode()) for found in ID.findall(base64.b64decode(json.loads(result)["body"]))}
        with self._parts.database.transaction() as session:
            if not all_visible(session, list(told), self._caller.reader):
                raise RequestReusedError(self._name)
        return result


class _Answer:
    """Passes an answer on and keeps it; it is stored before the last piece of it goes out."""

    def __init__(self, send: Send, store: Callable[[bytes], None]) -> None:
        self._send = send
        self._store = store
        self._start: Message = {}
        self._body = bytearray()
        self.stored = False

    async def send(self, message: Message) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body" and 200 <= self._start["status"] < 300:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await to_thread.run_sync(self._store, self._packed())
                self.stored = True
        await self._send(message)

    def _packed(self) -> bytes:
        headers = [
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, value in self._start.get("headers", [])
            if name.lower() in KEPT_HEADERS
        ]
        body = base64.b64encode(self._body).decode()
        return json.dumps({"status": self._start["status"], "headers": headers, "body": body}).encode()


async def _replay(result: bytes, send: Send) -> None:
    stored: dict[str, Any] = json.loads(result)
    body = base64.b64decode(stored["body"])
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in stored["headers"]]
    headers += [(b"content-length", str(len(body)).encode()), (b"idempotency-replayed", b"true")]
    await send({"type": "http.response.start", "status": stored["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Fingerprint:
    """A hash of a body in which one sequence of bytes does not count."""

    def __init__(self, ignored: bytes) -> None:
        self._ignored = ignored
        self._hash = hashlib.sha256()
        self._rest = b""

    def update(self, piece: bytes) -> None:
        """Take in more."""
        if not self._ignored:
            self._hash.update(piece)
            return
        data = (self._rest + piece).replace(self._ignored, b"")
        kept = len(self._ignored) - 1  # the beginning of what does not count may be the end of this
        self._rest = data[-kept:] if kept else b""
        self._hash.update(data[: len(data) - len(self._rest)])

    def hexadecimal(self) -> str:
        """The hash of all that was taken in."""
        self._hash.update(self._rest)
        return self._hash.hexdigest()


def _caller(parts: Application, headers: Headers) -> Caller:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidKeyError
    found = caller_with_key(parts, secret)
    return Caller(found.id, secret, found.reader)


def _cipher(secret: str) -> AESGCM:
    # The secret has 256 random bits: one hash makes a key of it.
    return AESGCM(
        hashlib.sha256(b"groundwork idempotency\n" + secret.encode(errors="surrogatepass")).digest()
    )


def _encrypt(secret: str, result: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(secret).encrypt(nonce, result, None)
