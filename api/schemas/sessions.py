"""Sessions, and feedback on what was answered in them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, model_validator

from api.schemas.fields import Body, FreeText, Name, Text, View
from api.schemas.log import ResponseSummaryView
from store.feedback import Thumb


class SessionBody(Body):
    """A conversation to open."""

    model_config = ConfigDict(json_schema_extra={"example": {"corpus": "handbook", "title": "My leave"}})

    corpus: Text | None = None
    title: Name | None = None


class SessionChangeBody(Body):
    """What to change of a conversation; a null title takes it away."""

    model_config = ConfigDict(json_schema_extra={"example": {"title": "Parental leave"}})

    title: Name | None


class SessionView(View):
    """A conversation; `title` is null until one is given, `corpus` when it has none any more."""

    id: UUID
    user: str
    corpus: str | None
    title: str | None
    first_question: str | None
    responses: int
    created_at: datetime
    last_asked_at: datetime | None


class SessionsView(View):
    """A page of conversations, those opened last first; `next` is the cursor of the page after."""

    sessions: list[SessionView]
    next: str | None


class TurnsView(View):
    """A page of a conversation's responses, oldest first; `next` is the cursor of the page after."""

    responses: list[ResponseSummaryView]
    next: str | None


class LineView(View):
    """One line of a conversation, oldest first: each response follows the one before it."""

    responses: list[ResponseSummaryView]


class FeedbackBody(Body):
    """What you think of a response: at least one of `thumb`, `comment` and `correction`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "response_id": "5f0c8a4e-0e4b-4bd1-9b0c-5b2f6a3f7f10",
                "thumb": "down",
                "comment": "That was last year's rule.",
                "correction": "Thirty-two days.",
            }
        }
    )

    response_id: UUID
    thumb: Thumb | None = None
    comment: FreeText | None = None
    correction: FreeText | None = None
    """The answer as it should have been."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.thumb is None and self.comment is None and self.correction is None:
            raise ValueError("give a thumb, a comment or a correction")
        return self


class FeedbackView(View):
    """One user's feedback on a response."""

    id: UUID
    response_id: UUID
    user: str
    thumb: Thumb | None
    comment: str | None
    correction: str | None
    created_at: datetime
    updated_at: datetime


class FeedbackListView(View):
    """A page of feedback, the newest first; `next` is the cursor of the page after."""

    feedback: list[FeedbackView]
    next: str | None
