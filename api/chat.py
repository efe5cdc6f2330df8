"""An answer as a chat completion, whole or as a stream of chunks."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from api.compatible import annotations_of
from api.schemas.answers import AnswerView
from api.schemas.openai import AnswerMessage, ChatCompletion, Choice, Usage
from api.streams import Numbered

END = b"data: [DONE]\n\n"


def completion(answer: AnswerView, model: str, usage: Usage) -> ChatCompletion:
    """An answer as one response."""
    message = AnswerMessage(content=answer.answer, annotations=annotations_of(answer))
    return ChatCompletion(
        id=f"chatcmpl-{answer.response_id.hex}",
        created=int(datetime.now(UTC).timestamp()),
        model=model,
        choices=[Choice(message=message)],
        usage=usage,
        groundwork=answer,
    )


class Chunks:
    """The chunks of one streamed completion; they share its id and its moment."""

    def __init__(self, completion_id: str, model: str) -> None:
        self._common = {
            "id": f"chatcmpl-{completion_id}",
            "object": "chat.completion.chunk",
            "created": int(datetime.now(UTC).timestamp()),
            "model": model,
        }

    def piece(self, delta: dict[str, Any], **more: Any) -> bytes:
        """A further piece of the message; `more` stands beside the choices."""
        reason = more.pop("finish_reason", None)
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data({**self._common, "choices": [choice], **more})

    def usage(self, usage: Usage) -> bytes:
        """The chunk without choices that ends a stream whose caller wants to know what was used."""
        return _data({**self._common, "choices": [], "usage": usage.model_dump()})


async def stream(
    told: AsyncIterator[Numbered], chunks: Chunks, usage_of: Callable[[str], Awaitable[Usage]] | None
) -> AsyncIterator[bytes]:
    """Give the answer in pieces as it is told, then its citations, then `[DONE]`.

    `usage_of` counts the tokens of the answer; None: nobody wants to know.
    """
    yield chunks.piece({"role": "assistant", "content": ""})
    async for event in told:
        name, data = event.name, event.data
        if name == "token":
            yield chunks.piece({"content": data["text"]})
        elif name == "heartbeat":
            yield b": still here\n\n"
        elif name == "error":
            yield _data(data)
            return
        elif name == "done":
            answer = AnswerView.model_validate(data)
            annotations = [annotation.model_dump(mode="json") for annotation in annotations_of(answer)]
            yield chunks.piece(
                {"annotations": annotations},
                finish_reason="stop",
                groundwork=answer.model_dump(mode="json"),
            )
            if usage_of is not None:
                yield chunks.usage(await usage_of(answer.answer))
    yield END


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
