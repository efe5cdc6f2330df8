"""The audit log."""

from datetime import datetime
from typing import Any

from api.schemas.fields import View


class ActView(View):
    """One act: at that time `actor` did `action` to `object`.

    `hash` is the SHA-256 of `previous` and of the row. An empty actor is somebody who is not known.
    """

    number: int
    at: datetime
    actor: str
    action: str
    object: str
    details: dict[str, Any]
    previous: str
    hash: str


class ActsView(View):
    """A page of the audit log, the newest act first; `next` is the cursor of the page after."""

    acts: list[ActView]
    next: str | None = None


class BreakView(View):
    """A row at which the log is not what was written, and why that is known."""

    number: int
    reason: str


class VerdictView(View):
    """What a look at the whole log found."""

    whole: bool
    rows: int
    anchors: int
    breaks: list[BreakView]
