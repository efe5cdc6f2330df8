"""API keys."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from api.schemas.fields import Body, Name, Text, View
from store.access import NewKey
from store.types import Role, Verb


class KeyBody(Body):
    """A key to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"user": "ada", "role": "reader"}})

    user: Name
    role: Role
    expires_at: AwareDatetime | None = None
    """When it stops being good, with its time zone; null lets it be good until it is revoked."""
    corpora: Annotated[list[Text], Field(max_length=1000)] | None = None
    """The corpora that it is held to; null: all that its user may read."""
    verbs: list[Verb] | None = None
    """What it is held to; null: all that its role allows."""


class RotateBody(Body):
    """How a key gets another secret."""

    model_config = ConfigDict(json_schema_extra={"example": {"overlap_s": 3600}})

    overlap_s: Annotated[float, Field(ge=0, le=30 * 24 * 3600)] = 0
    """For how many seconds the secret that it had stays good."""


class KeyView(View):
    """A key without its secret."""

    id: UUID
    user: str
    role: Role
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    corpora: list[str] | None
    """Those that it is held to; null: all that its user may read."""
    verbs: list[Verb] | None
    """What it is held to; null: all that its role allows."""
    last_used_at: datetime | None
    """To the minute."""
    old_until: datetime | None
    """Until when the secret before this one is good as well."""


class NewKeyView(KeyView):
    """A key that was just made; `key` is its secret, shown only this once."""

    key: str

    @classmethod
    def of(cls, new: NewKey) -> Self:
        """The view of a new key."""
        return cls(**KeyView.model_validate(new.key).model_dump(), key=new.secret)


class KeysView(View):
    """A page of keys, revoked ones too; `next` is the cursor of the page after."""

    keys: list[KeyView]
    next: str | None = None


class MeView(View):
    """Who a request comes from."""

    user: str
    role: Role
