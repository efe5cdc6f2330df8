"""What the OpenAPI description says of every route alike, so that no route has to say it again."""

from typing import Any

from fastapi import FastAPI

from api.errors import problems
from api.refusals import (
    IdempotencyKeyError,
    TooLargeError,
    TooManyFailuresError,
    UnsupportedBodyError,
)
from store.errors import (
    DatabaseUnavailableError,
    LimitReachedError,
    RequestReusedError,
    RequestRunningError,
)

METHODS = {"get", "put", "post", "delete", "patch"}

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]{1,200}$"},
    "description": "A name for this request, such as a UUID: sent again with the same name within 24 hours, "
    "it is not done again but answered as before.",
}
WITH_BODY = problems(TooLargeError, UnsupportedBodyError)
POSTED = problems(IdempotencyKeyError, RequestReusedError, RequestRunningError)
ALL = problems(DatabaseUnavailableError, LimitReachedError, TooManyFailuresError)


class DescribedAPI(FastAPI):
    """An application whose description says of each route what holds for all routes of its kind."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description; made once."""
        described = self.openapi_schema
        schema = super().openapi()
        if schema is not described:
            for methods in schema["paths"].values():
                for method, operation in methods.items():
                    if method in METHODS and "security" in operation:
                        _add(method, operation)
        return schema


def _add(method: str, operation: dict[str, Any]) -> None:
    common = dict(ALL)
    if "requestBody" in operation:
        common |= WITH_BODY
    if method == "post":
        common |= POSTED
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    for status, response in common.items():
        operation["responses"].setdefault(str(status), response)
