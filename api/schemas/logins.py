"""Logging in from a browser."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.schemas.fields import Body, Name, Text, View
from store.types import Role

Password = Annotated[Text, Field(min_length=1, max_length=1_000)]


class LoginBody(Body):
    """Who logs in, and how they prove it."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"user": "ada", "password": "correct horse battery staple"}}
    )

    user: Name
    password: Password


class LoginView(View):
    """A login; its secret is in a cookie. `csrf_token` goes into the header `X-CSRF-Token` of changes."""

    user: str
    role: Role
    expires_at: datetime
    csrf_token: str


class LogoutBody(Body):
    """Where to log out: here, or everywhere."""

    model_config = ConfigDict(json_schema_extra={"example": {"everywhere": False}})

    everywhere: bool = False


class PasswordBody(Body):
    """Another password."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"current": "correct horse battery staple", "new": "seven brass kettles hum"}
        }
    )

    current: Password
    new: Password
