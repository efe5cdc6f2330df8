"""What those who watch over a server see of it: logs, metrics, traces; and what they do not see."""

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api import request_id
from api.asking import AskingThreads
from api.build import Application
from api.logs import JsonLines
from api.metrics import Metrics
from api.settings import Settings, SettingsError
from api.tracing import configure_tracing
from rag.errors import BusyError
from store.types import Role
from tests.api.conftest import Clients, assert_problem, eventually, serving

QUESTION = "How many days of leave are granted to everyone?"
ASKED = {"question": QUESTION, "corpus": "handbook"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a server logs as JSON."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def lines_with(log: io.StringIO, route: str) -> list[dict[str, Any]]:
    """All lines, once there is one of this route: it is written after its response was sent."""
    until = time.monotonic() + 30
    while True:
        lines: list[dict[str, Any]] = [json.loads(line) for line in log.getvalue().splitlines()]
        if route in [line.get("route") for line in lines]:
            return lines
        assert time.monotonic() < until, f"no line of {route}"
        time.sleep(0.01)


def test_log_line_is_json_with_request_route_and_no_question(
    reader: httpx.Client, handbook: str, log: io.StringIO
) -> None:
    response = reader.post("/v1/ask", json=ASKED, headers={"X-Request-ID": "from-the-proxy"})
    assert response.headers["x-request-id"] == "from-the-proxy"
    reader.get(f"/v1/responses/{response.json()['response_id']}")
    lines = lines_with(log, "/v1/responses/{response_id}")
    [asked] = [line for line in lines if line.get("request_id") == "from-the-proxy" and "route" in line]
    assert (asked["method"], asked["route"], asked["status"]) == ("POST", "/v1/ask", 200)
    assert asked["duration_ms"] > 0 and asked["logger"] == "api.middleware"
    assert "days of leave" not in log.getvalue()


@pytest.mark.parametrize("given", ["", "two words", "x" * 101, "ü"])
def test_unusable_request_id_is_replaced(clients: Clients, given: str) -> None:
    response = clients.anonymous().get("/health", headers={b"X-Request-ID": given.encode()})
    assert len(response.headers["x-request-id"]) == 32


def test_log_names_an_exception_without_its_message() -> None:
    try:
        raise ValueError("a text that must not be shown")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "it %s", ("failed",), sys.exc_info())
    line = JsonLines().format(record)
    assert json.loads(line)["message"] == "it failed"
    assert json.loads(line)["exception"] == "ValueError"
    assert "must not be shown" not in line.replace('raise ValueError(\\"a text that must not be shown', "")


def test_threads_that_answer_know_the_request() -> None:
    async def ask() -> str | None:
        threads = AskingThreads(1, Metrics())
        request_id.current.set("r1")
        known = await threads.start(request_id.current.get)
        threads.close()
        return known

    assert asyncio.run(ask()) == "r1"


def figure(shown: str, name: str) -> float:
    [line] = [line for line in shown.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_metrics_count_requests_by_route_and_answers_by_outcome(
    clients: Clients, reader: httpx.Client, handbook: str
) -> None:
    answer = reader.post("/v1/ask", json=ASKED).json()
    reader.get(f"/v1/documents/{answer['hits'][0]['document_id']}")
    reader.get("/v9/nothing")
    reviewer = clients.of(Role.REVIEWER)

    def check() -> None:
        shown = reviewer.get("/metrics").raise_for_status().text
        requests = "groundwork_http_requests_total"
        assert figure(shown, f'{requests}{{method="POST",route="/v1/ask",status="200"}}') == 1
        assert (
            figure(shown, f'{requests}{{method="GET",route="/v1/documents/{{document_id}}",status="200"}}')
            == 1
        )
        assert figure(shown, f'{requests}{{method="GET",route="none",status="404"}}') == 1
        outcome = "abstained" if answer["abstained"] else "answered"
        assert figure(shown, f'groundwork_answers_total{{outcome="{outcome}"}}') == 1
        for stage in ("retrieve", "generate", "cite", "total"):
            assert figure(shown, f'groundwork_answer_stage_seconds_count{{stage="{stage}"}}') == 1
        assert figure(shown, "groundwork_database_up") == 1
        assert figure(shown, 'groundwork_jobs{status="running"}') == 0
        assert figure(shown, "groundwork_questions_in_work") == 0
        assert figure(shown, "groundwork_index_lag_changes") == 0
        for private in (handbook, "ada", "wiki:leave", "leave are"):
            assert private not in shown

    eventually(check)


def test_refused_and_failed_questions_are_counted() -> None:
    metrics = Metrics()

    def fail(error: Exception) -> None:
        def ask() -> None:
            raise error

        with pytest.raises(type(error)):
            metrics.answer(ask)  # type: ignore[arg-type]

    fail(ValueError())
    fail(BusyError("busy"))
    count = metrics._registry.get_sample_value
    assert count("groundwork_answers_total", {"outcome": "failed"}) == 1
    assert count("groundwork_answers_total", {"outcome": "busy"}) == 1


def test_metrics_are_for_those_who_may(
    settings: Settings, application: Application, clients: Clients, reader: httpx.Client
) -> None:
    assert_problem(clients.anonymous().get("/metrics"), 401)
    assert_problem(reader.get("/metrics"), 403)
    with serving(settings.model_copy(update={"metrics": "open"}), application) as url:
        assert httpx.get(f"{url}/metrics").status_code == 200
    with serving(settings.model_copy(update={"metrics": "off"}), application) as url:
        assert_problem(httpx.get(f"{url}/metrics", headers=reader.headers), 404)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, ReadableSpan]]:
    """The spans that are recorded from now on, by name."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return lambda: {span.name: span for span in exporter.get_finished_spans()}


def test_trace_of_an_answer_has_its_stages_under_the_callers_span(
    reader: httpx.Client, handbook: str, spans: Callable[[], dict[str, ReadableSpan]]
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    sent = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = reader.post("/v1/ask", json=ASKED, headers=sent).raise_for_status().json()
    eventually(lambda: spans()["POST /v1/ask"])
    found = spans()
    request, asked = found["POST /v1/ask"], found["invoke_agent groundwork"]
    assert request.parent is not None and request.parent.span_id == 0xB7AD6B7169203331
    stages = [found[f"retrieval {handbook}"], found[f"text_completion {answer['model']}"], found["cite"]]
    for parent, children in ((request, [asked]), (asked, stages)):
        for child in children:
            assert child.parent is not None and parent.context is not None
            assert child.parent.span_id == parent.context.span_id
    for span in (request, asked, *stages):
        assert span.context is not None and trace.format_trace_id(span.context.trace_id) == trace_id
        assert "days of leave" not in span.to_json()
    assert asked.attributes is not None and stages[1].attributes is not None
    assert asked.attributes["gen_ai.response.id"] == answer["response_id"]
    assert stages[1].attributes["gen_ai.request.model"] == answer["model"]
    assert request.attributes is not None and request.attributes["http.response.status_code"] == 200


def test_failed_question_is_traced_by_the_kind_of_its_error(
    reader: httpx.Client, spans: Callable[[], dict[str, ReadableSpan]]
) -> None:
    reader.post("/v1/ask", json={"question": "Why?", "corpus": "a secret place"})
    eventually(lambda: spans()["invoke_agent groundwork"])
    asked = spans()["invoke_agent groundwork"]
    assert asked.attributes is not None
    assert asked.attributes["error.type"] == "UnknownCorpusError"
    assert not asked.status.is_ok and not asked.events


def test_traces_that_cannot_be_sent_are_an_error_at_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    configure_tracing(settings)  # nothing is wanted
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    wanted = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:4318"})
    with pytest.raises(SettingsError, match=r"groundwork\[otel\]"):
        configure_tracing(wanted)
