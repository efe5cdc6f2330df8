"""Bodies as routes take them."""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

JSON = "application/json"
FORM = "multipart/form-data"

B = TypeVar("B", bound=BaseModel)


def content_type_of(request: Request) -> str:
    """The media type of a request's body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def valid(model: type[B], given: bytes | dict[str, Any]) -> B:
    """A body as its model has it.

    Raises:
        RequestValidationError: It is something else.
    """
    try:
        return model.model_validate_json(given) if isinstance(given, bytes) else model.model_validate(given)
    except ValidationError as error:
        found = [{**details, "loc": ("body", *details["loc"])} for details in error.errors()]
        raise RequestValidationError(found) from None
