"""API keys."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict

from api.schemas.fields import Body, Name, View
from store.access import NewKey
from store.types import Role


class KeyBody(Body):
    """A key to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"user": "ada", "role": "reader"}})

    user: Name
    role: Role
    expires_at: AwareDatetime | None = None
    """When it stops being good, with its time zone; null lets it be good until it is revoked."""


class KeyView(View):
    """A key without its secret."""

    id: UUID
    user: str
    role: Role
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None


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
