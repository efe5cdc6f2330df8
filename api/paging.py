"""Lists: page by page with cursors, or whole as JSON Lines; nothing of them is loaded whole."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from api.schemas.fields import MAX_PAGE, Text
from store.errors import InvalidCursorError
from store.positions import Batch

JSONL = "application/jsonl"
ACCEPTED = (JSONL, "application/x-ndjson", "application/x-jsonlines")
DIGEST_BYTES = 8
ROWS_PER_FETCH = 200

P = TypeVar("P", bound=BaseModel)

AS_JSONL: dict[int | str, dict[str, Any]] = {
    200: {"content": {JSONL: {"schema": {"type": "string", "description": "one JSON object a line"}}}}
}
"""The `responses` of a list, for the OpenAPI documentation."""

Fetch = Callable[[str | None, int], Batch[Any]]
"""Given a position (None: the beginning) and a number, the next items of a list."""


class Paging:
    """How a caller wants a list: which page, how long, or all that is left as JSON Lines."""

    def __init__(self, cursor: str | None, limit: int, *, whole: bool) -> None:
        self._cursor = cursor
        self._limit = limit
        self.whole = whole

    def give(
        self, name: str, filters: Mapping[str, Any], fetch: Fetch, page: Callable[[list[Any], str | None], P]
    ) -> P | StreamingResponse:
        """Answer with a page of a list, or with all of it from there on.

        Args:
            name: which list, with the ids in its path; its cursors serve no other.
            filters: what narrows the list; a cursor serves only the filters that it was made with.
            fetch: gives the items as views.
            page: makes a page of views and the cursor of the page after.

        Raises:
            InvalidCursorError: The cursor is not one of this list.
        """
        after = None if self._cursor is None else unseal(self._cursor, name, filters)
        if self.whole:
            return jsonl(fetch, after)
        batch = fetch(after, self._limit)
        following = None if batch.next is None else seal(batch.next, name, filters)
        return page(list(batch.items), following)


def paging(
    request: Request,
    cursor: Annotated[Text | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Paging:
    """What a request says of the page that it wants.

    With `Accept: application/jsonl` the list comes whole, from the cursor on, as one JSON object a line.
    """
    wanted = request.headers.get("accept", "").lower()
    return Paging(cursor, limit, whole=any(media_type in wanted for media_type in ACCEPTED))


Paged = Annotated[Paging, Depends(paging)]


def jsonl(fetch: Fetch, after: str | None = None) -> StreamingResponse:
    """All items of a list from a position on, one a line; between the batches nothing is held open."""
    first = fetch(after, ROWS_PER_FETCH)  # now: what fails here is a problem, not half a response

    def lines() -> Iterator[str]:
        batch = first
        while True:
            for item in batch.items:
                yield item.model_dump_json() + "\n"
            if batch.next is None:
                return
            batch = fetch(batch.next, ROWS_PER_FETCH)

    return StreamingResponse(lines(), media_type=JSONL)


def seal(position: str, name: str, filters: Mapping[str, Any]) -> str:
    """The cursor of a position in a list: opaque, and of no use in another one."""
    return base64.urlsafe_b64encode(_digest(name, filters) + position.encode()).decode()


def unseal(cursor: str, name: str, filters: Mapping[str, Any]) -> str:
    """The position that a cursor of this list stands for.

    Raises:
        InvalidCursorError: It was made for another list, for other filters, or by somebody else.
    """
    try:
        sealed = base64.b64decode(cursor, altchars=b"-_", validate=True)
        position = sealed[DIGEST_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise InvalidCursorError(cursor) from None
    if sealed[:DIGEST_BYTES] != _digest(name, filters) or "\0" in position:
        raise InvalidCursorError(cursor)
    return position


def _digest(name: str, filters: Mapping[str, Any]) -> bytes:
    given = {key: str(value) for key, value in filters.items() if value is not None}
    scope = json.dumps([name, given], sort_keys=True)
    return hashlib.blake2b(scope.encode(), digest_size=DIGEST_BYTES).digest()
