"""Traces of requests and answers, sent to whoever collects them (OpenTelemetry), where that is set up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers

from api.settings import Settings, SettingsError
from api.version import version

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables of OpenTelemetry's own that name where traces go."""


def configure_tracing(settings: Settings) -> None:
    """Send traces to where the settings, or OpenTelemetry's own variables, say; nowhere by default.

    Raises:
        SettingsError: Traces are wanted, but what sends them is not installed.
    """
    if settings.otlp_endpoint is None and not any(os.environ.get(name) for name in ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            f"Traces are to be sent, but {error.name} is not installed. Install groundwork[otel], or unset "
            f"RAG_OTLP_ENDPOINT, {' and '.join(ENDPOINTS)}."
        ) from None
    name: dict[str, Any] = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "groundwork"}
    provider = TracerProvider(resource=Resource.create({**name, "service.version": version()}))
    base = settings.otlp_endpoint
    exporter = OTLPSpanExporter(endpoint=None if base is None else f"{base.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)  # it sends what is left when the program ends


@contextmanager
def request_span(method: str, path: str, headers: Headers) -> Iterator[Span]:
    """The span of a request, below the one that its sender named (W3C Trace Context)."""
    with trace.get_tracer("groundwork").start_as_current_span(
        method,
        context=extract(headers),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method, "url.path": path},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def note_response(span: Span, method: str, route: str, status: int | None) -> None:
    """Note in a request's span which route it took and what came of it."""
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    if status is None or status >= 500:
        span.set_status(Status(StatusCode.ERROR))
