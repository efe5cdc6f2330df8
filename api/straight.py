"""Routes that are asked often: a request as it should be goes straight to its work.

The framework changes threads to recognise the caller and once more for the work, and looks at a result field
by field before it writes it; for a search by words that is a third of all that is to do. Here all is done in
one change of thread. What is not as it should be is left to the framework, which says best what is wrong.
"""

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)
Serve = Callable[[Request, Model], Awaitable[Response | None]]
"""Does the work of a request with such a body; None leaves it to the framework."""


def straight_to(serve: Serve[Model], model: type[Model]) -> type[APIRoute]:
    """A kind of route that gives a JSON body of this model to `serve`, which also recognises the caller."""

    class Straight(APIRoute):
        """A route with a short way for requests that are as they should be."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            usual = super().get_route_handler()

            async def handle(request: Request) -> Response:
                body = _read(model, request, await request.body())
                response = None if body is None else await serve(request, body)
                return await usual(request) if response is None else response

            return handle

    return Straight


def _read(model: type[Model], request: Request, content: bytes) -> Model | None:
    """The body, None where it is not what it should be."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    try:
        return model.model_validate(json.loads(content))
    except (ValueError, RecursionError):
        return None
