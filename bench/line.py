"""A connection that costs the client next to nothing, for measuring servers that share its cores."""

import json
import socket
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self


class Line:
    """One connection of HTTP/1.1 that is kept open and opened again where it broke; for one thread."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        ).encode()
        self._socket: socket.socket | None = None

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """Send a request and wait for its whole answer: status and body.

        Raises:
            OSError: The connection broke.
            HTTPException: What came is no answer whose length is known.
        """
        content = json.dumps(body).encode()
        length = f"Content-Length: {len(content)}\r\n\r\n".encode()
        try:
            connection = self._connected()
            connection.sendall(f"POST {path} HTTP/1.1\r\n".encode() + self._head + length + content)
            return self._answer(connection)
        except BaseException:
            self.close()
            raise

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _answer(self, connection: socket.socket) -> tuple[int, bytes]:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                raise HTTPException("the connection was closed before the answer")
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        fields = {
            name.strip().lower(): value
            for name, _, value in (f.partition(b":") for f in head.split(b"\r\n")[1:])
        }
        if b"content-length" not in fields:
            raise HTTPException("the answer does not say how long it is")
        missing = int(fields[b"content-length"]) - len(body)
        while missing > 0:
            piece = connection.recv(missing)
            if not piece:
                raise HTTPException("the connection was closed in the middle of the answer")
            body += piece
            missing -= len(piece)
        if fields.get(b"connection", b"").strip().lower() == b"close":
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()
