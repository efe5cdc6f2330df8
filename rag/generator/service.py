"""Answers from a model behind an HTTP service that speaks the chat completions protocol."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from rag.errors import AbandonedError, GenerationError, GeneratorServiceError
from rag.generator.calibration import Calibration
from rag.generator.generate import Generated, LocalGenerator, Watcher
from rag.generator.passages import Passage
from rag.generator.prompt import NEVER_WITHHELD, Conversation, Reply, messages
from rag.generator.settings import GREEDY, GenerationSettings

DATA = "data:"
END = "[DONE]"


@dataclass(frozen=True)
class Service:
    """Where a model is served, as `http://host/v1` and its name there."""

    url: str
    model: str
    api_key: str | None = None
    timeout_s: float = 60.0
    """How long an answer may take from asking to its end."""


class ServiceGenerator:
    """A model behind a service; each answer is a request of its own, as many at once as there are threads."""

    def __init__(self, service: Service, load_reranker: Callable[[], LocalGenerator]) -> None:
        """Make ready to ask; nothing is sent yet.

        Args:
            service: where the model is.
            load_reranker: gives the checkpoint that orders hits, which a chat model cannot.
        """
        self.name = f"openai:{service.url}#{service.model}"
        self.calibration: Calibration = NEVER_WITHHELD
        self._service = service
        self._load_reranker = load_reranker
        headers = {"Authorization": f"Bearer {service.api_key}"} if service.api_key else {}
        self._client = httpx.Client(headers=headers, timeout=service.timeout_s, follow_redirects=False)

    def check(self, settings: GenerationSettings) -> None:
        """See whether answers can be made in this way.

        Raises:
            GenerationError: beams are asked for, which the protocol does not have.
        """
        if settings.beams > 1:
            raise GenerationError(
                f"beams is {settings.beams}, but the generator {self.name} has no beam search: set beams to 1"
            )

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        settings: GenerationSettings = GREEDY,
        watcher: Watcher | None = None,
        *,
        user: str = "",
    ) -> Generated:
        """Answer one question; without passages nothing is asked and the text is empty.

        Raises:
            GenerationError: beams are asked for.
            GeneratorServiceError: the service cannot be reached, fails, takes too long or does not keep to
                the protocol.
            AbandonedError: the watcher does not want the answer any more.
        """
        self.check(settings)
        if not passages:
            return Generated("", (), 0.0, 0.0, (), None)
        if watcher:
            watcher.begin(1.0)
        reply = Reply(watcher)
        with closing(self._completion(self._body(question, passages, settings))) as parts:
            for part in parts:
                if not reply.add(part):
                    raise AbandonedError("the question was given up while it was being answered")
        return reply.finish(passages)

    def say(self, conversation: Conversation, most_tokens: int) -> str:
        """Continue a conversation.

        Raises:
            GeneratorServiceError: as of `generate`.
        """
        body = {
            "model": self._service.model,
            "messages": conversation,
            "stream": True,
            "temperature": 0,
            "max_tokens": most_tokens,
        }
        return "".join(self._completion(body))

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer, as the reranking checkpoint sees it."""
        return self._load_reranker().relevance(question, passages)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _completion(self, body: dict[str, Any]) -> Generator[str]:
        """The parts of a reply, as they come."""
        until = time.monotonic() + self._service.timeout_s
        with self._failures(), self._client.stream("POST", self._address, json=body) as response:
            self._check_status(response)
            for part in self._parts(response):
                yield part
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("too slow")

    @property
    def _address(self) -> str:
        return f"{self._service.url.rstrip('/')}/chat/completions"

    def _body(
        self, question: str, passages: Sequence[Passage], settings: GenerationSettings
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._service.model,
            "messages": messages(question, passages, settings.style),
            "stream": True,
            "temperature": settings.temperature,
            "seed": settings.seed,
        }
        # What is not asked for is not sent: not every service knows these.
        if settings.max_tokens is not None:
            body["max_tokens"] = settings.max_tokens
        if settings.top_k is not None:
            body["top_k"] = settings.top_k
        if settings.top_p != GREEDY.top_p:
            body["top_p"] = settings.top_p
        if settings.min_p != GREEDY.min_p:
            body["min_p"] = settings.min_p
        if settings.repetition_penalty != GREEDY.repetition_penalty:
            body["repetition_penalty"] = settings.repetition_penalty
        return body

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Make what goes wrong in talking to the service an error that says what to do."""
        try:
            yield
        except httpx.TimeoutException:
            raise GeneratorServiceError(
                f"the generator at {self._service.url} did not answer within {self._service.timeout_s:g} s: "
                "try again, or raise RAG_GENERATOR_TIMEOUT_S"
            ) from None
        except httpx.HTTPError as error:
            raise GeneratorServiceError(
                f"the generator at {self._service.url} cannot be reached "
                f"({type(error).__name__}): is it running?"
            ) from None

    def _check_status(self, response: httpx.Response) -> None:
        if response.status_code == httpx.codes.OK:
            return
        mend = {
            401: "check RAG_GENERATOR_API_KEY",
            403: "check RAG_GENERATOR_API_KEY",
            404: f"is there a model {self._service.model!r}?",
            429: "it has too much to do: try again later",
        }.get(response.status_code, "see its own log")
        raise GeneratorServiceError(
            f"the generator at {self._service.url} answered with status {response.status_code}: {mend}"
        )

    def _parts(self, response: httpx.Response) -> Iterator[str]:
        """The texts of a streamed completion, or the one of a service that does not stream."""
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            yield self._text_of(response.read(), "message")
            return
        for line in response.iter_lines():
            if not line.startswith(DATA):
                continue
            data = line.removeprefix(DATA).strip()
            if data == END:
                return
            yield self._text_of(data, "delta")
        raise httpx.RemoteProtocolError("the stream ended early")

    def _text_of(self, data: str | bytes, part: str) -> str:
        """The text of a completion's first choice; some chunks of a stream have no choice, or no text."""
        try:
            completion = json.loads(data)
            if "error" in completion:
                raise GeneratorServiceError(
                    f"the generator at {self._service.url} failed while it answered: see its own log"
                )
            choices = completion["choices"]
            text = choices[0][part].get("content") if choices else ""
            if not isinstance(text, str | None):
                raise TypeError("content")
            return text or ""
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise GeneratorServiceError(
                f"the generator at {self._service.url} sent what is no chat completion "
                f"({type(error).__name__}): is the address right?"
            ) from None
