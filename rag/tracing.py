"""Spans of OpenTelemetry for the stages of an answer, in its conventions for generative AI.

Nothing is recorded unless the program around has set a tracer provider. No question, query, document or
answer goes into a span: https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from rag.generator.settings import GenerationSettings

Attributes = Mapping[str, str | int | float | bool | None]

PROVIDER = "groundwork"


@dataclass(frozen=True)
class Work:
    """Something that is traced: the name of its span and what is known of it before it begins."""

    name: str
    attributes: Attributes = field(default_factory=dict)


@contextmanager
def span(work: Work) -> Iterator[Span]:
    """A span around what runs inside; attributes that are None are left out.

    An error is named by its class: its message may quote a document.
    """
    given = {key: value for key, value in work.attributes.items() if value is not None}
    tracer = trace.get_tracer("groundwork")
    with tracer.start_as_current_span(
        work.name, attributes=given, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except Exception as error:
            opened.set_attribute("error.type", type(error).__name__)
            opened.set_status(Status(StatusCode.ERROR))
            raise


def answering(corpus: str) -> Work:
    """A question, from its arrival to the logged answer."""
    attributes: Attributes = {"gen_ai.agent.name": PROVIDER, "gen_ai.data_source.id": corpus}
    return _work("invoke_agent", PROVIDER, attributes)


def retrieving(corpus: str, top_k: int) -> Work:
    """The search for passages."""
    attributes: Attributes = {"gen_ai.data_source.id": corpus, "gen_ai.retrieval.top_k": top_k}
    return _work("retrieval", corpus, attributes)


def generating(model: str, settings: GenerationSettings) -> Work:
    """The writing of an answer."""
    attributes: Attributes = {
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": settings.temperature,
        "gen_ai.request.seed": settings.seed,
        "gen_ai.request.max_tokens": settings.max_tokens,
    }
    return _work("text_completion", model, attributes)


def _work(operation: str, of: str, attributes: Attributes) -> Work:
    common: Attributes = {"gen_ai.operation.name": operation, "gen_ai.provider.name": PROVIDER}
    return Work(f"{operation} {of}", {**common, **attributes})
