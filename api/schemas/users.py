"""Users and groups."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.fields import Body, Name, Text, View
from store.types import Role, User, Verb

Email = Annotated[Text, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
Limit = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
Description = Annotated[Text, Field(max_length=2_000)]


class UserBody(Body):
    """A user to make."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "ada", "display_name": "Ada Byron", "role": "contributor"}}
    )

    name: Name
    display_name: Name | None = None
    email: Email | None = None
    role: Role | None = None
    """What bounds all that the user does; null lets each of its keys have a role of its own."""
    requests_per_minute: Limit = None
    """Of all its keys together; null: each key may send as many as the server's settings say."""
    answers_per_day: Limit = None
    ingested_bytes_per_day: Limit = None


class UserChange(Body):
    """What is to change of a user; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"disabled": True}})

    display_name: Name | None = None
    email: Email | None = None
    role: Role | None = None
    disabled: bool = False
    requests_per_minute: Limit = None
    answers_per_day: Limit = None
    ingested_bytes_per_day: Limit = None


class UserView(View):
    """A user; `groups` are the names of those that it is in.

    Where a limit is null, the server's settings hold.
    """

    id: UUID
    name: str
    display_name: str | None
    email: str | None
    role: Role | None
    disabled: bool
    groups: list[str]
    requests_per_minute: int | None
    answers_per_day: int | None
    ingested_bytes_per_day: int | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """The view of a user."""
        return cls(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            email=user.email,
            role=user.role,
            disabled=user.disabled_at is not None,
            groups=list(user.groups),
            **vars(user.limits),
            created_at=user.created_at,
        )


class UsersView(View):
    """A page of users; `next` is the cursor of the page after."""

    users: list[UserView]
    next: str | None = None


class CallerView(View):
    """Who calls, and what they may do."""

    user: UserView
    role: Role
    verbs: list[Verb]


class GroupBody(Body):
    """A group to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "legal"}})

    name: Name
    description: Description | None = None


class GroupChange(Body):
    """What is to change of a group; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"description": "Lawyers and their clerks"}})

    name: Name = Field(default="")
    description: Description | None = None


class GroupView(View):
    """A group; `members` counts its users."""

    id: UUID
    name: str
    description: str | None
    members: int
    created_at: datetime


class GroupsView(View):
    """A page of groups; `next` is the cursor of the page after."""

    groups: list[GroupView]
    next: str | None = None
