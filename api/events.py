"""What is told of an answer as server-sent events (HTML Living Standard, section 9.2)."""

import json
from collections.abc import AsyncIterator

from fastapi.sse import format_sse_event

from api.telling import Told


async def events(told: AsyncIterator[Told]) -> AsyncIterator[bytes]:
    """Give each of what is told as an event with its name."""
    async for name, data in told:
        yield format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False))
