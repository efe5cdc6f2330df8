"""What is told of an answer as server-sent events (HTML Living Standard, section 9.2)."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header
from fastapi.sse import format_sse_event

from api.streams import Stream, event_id

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The id of the last event that arrived.")
]


async def events(stream: Stream, after: int = 0) -> AsyncIterator[bytes]:
    """Give each event of a stream after the one with this number, with its name and its id."""
    async for told in stream.follow(after):
        yield format_sse_event(
            event=told.name,
            data_str=json.dumps(told.data, ensure_ascii=False),
            id=event_id(stream, told.number),
        )
