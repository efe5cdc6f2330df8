"""Bodies and cursors as routes take them."""

import base64
import binascii
import json
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from store.errors import InvalidCursorError

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


def cursor_of(*place: Any) -> str:
    """A cursor that stands for a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(place, default=str).encode()).decode()


def place_of(cursor: str, length: int) -> list[Any]:
    """The place that a cursor stands for, of so many parts.

    Raises:
        InvalidCursorError: It is none of ours.
    """
    try:
        place = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise InvalidCursorError(cursor) from None
    if not isinstance(place, list) or len(place) != length or "\0" in str(place[0]):
        raise InvalidCursorError(cursor)
    return place
