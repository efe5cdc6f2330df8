"""Who is calling, and what their key allows."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.build import Application
from api.errors import MissingKeyError, RoleError
from store import access
from store.types import Key, Role

ROLES = tuple(Role)
"""From the one that may least to the one that may all."""

bearer = HTTPBearer(
    auto_error=False, scheme_name="API key", description="A key that `rag keys create` or `/v1/keys` made."
)


def application_of(request: Request) -> Application:
    """The application that a request is served by."""
    application: Application = request.app.state.application
    return application


Parts = Annotated[Application, Depends(application_of)]


def allows(role: Role, needed: Role) -> bool:
    """Whether a key of `role` may do what `needed` may."""
    return ROLES.index(role) >= ROLES.index(needed)


def requires(needed: Role) -> Callable[..., Key]:
    """A dependency that gives the caller's key.

    It raises MissingKeyError, InvalidKeyError or RoleError for those that may not call.
    """

    def caller(
        parts: Parts, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Key:
        if credentials is None:
            raise MissingKeyError
        with parts.database.transaction() as session:
            key = access.authenticate(session, credentials.credentials)
        if not allows(key.role, needed):
            raise RoleError(key.role, needed)
        return key

    return caller


ReaderKey = Annotated[Key, Depends(requires(Role.READER))]
ContributorKey = Annotated[Key, Depends(requires(Role.CONTRIBUTOR))]
AdministratorKey = Annotated[Key, Depends(requires(Role.ADMINISTRATOR))]
