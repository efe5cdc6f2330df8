"""An answer as server-sent events (HTML Living Standard, section 9.2)."""

import json
import re
from collections.abc import Iterator

from fastapi.encoders import jsonable_encoder
from fastapi.sse import format_sse_event

from api.schemas.answers import AnswerView

WORD_WITH_SPACE = re.compile(r"\s*\S+\s*$|\s*\S+")


def events(answer: AnswerView) -> Iterator[bytes]:
    """Give `retrieval`, a `token` for each word, a `citation` each, then `done` with the whole answer."""
    yield _event("retrieval", {"hits": answer.hits})
    for word in WORD_WITH_SPACE.findall(answer.answer):
        yield _event("token", {"text": word})
    for citation in answer.citations:
        yield _event("citation", citation)
    yield _event("done", answer)


def _event(name: str, data: object) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(jsonable_encoder(data), ensure_ascii=False))
