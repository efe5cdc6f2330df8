"""What a server refuses, as the client raises it."""

import json
from typing import Any


class ProblemError(Exception):
    """The server's answer is a problem (RFC 9457); the message is its detail, which names the mend."""

    def __init__(self, status: int, kind: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        """Such as `unknown-corpus`."""
        self.title = title


def problem_of(status: int, content: bytes) -> ProblemError:
    """The error for a response that is no success, whoever between us and the server sent it."""
    try:
        found: Any = json.loads(content)
        return ProblemError(
            status, str(found["type"]).rpartition(":")[2], str(found["title"]), str(found["detail"])
        )
    except (ValueError, TypeError, KeyError):
        shown = content[:200].decode(errors="replace").strip()
        return ProblemError(status, "http", f"HTTP {status}", f"HTTP {status}: {shown or 'no content'}")
