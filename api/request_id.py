"""The id of the request that is being worked on: in every line of the log, and in the response."""

import re
from contextvars import ContextVar
from uuid import uuid4

HEADER = "x-request-id"
GIVEN = re.compile(r"[!-~]{1,100}")

current: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request in whose context this is read, also in its threads and tasks; None outside of any."""


def choose(given: str) -> str:
    """The id that a proxy or client gave a request, where it is one; else a new one."""
    return given if GIVEN.fullmatch(given) else uuid4().hex
