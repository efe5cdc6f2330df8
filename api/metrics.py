"""What Prometheus is told: requests, answers, and how things stand."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api.build import Application
from rag.answer import Answer
from rag.errors import AbandonedError, BusyError
from store import figures
from store.errors import DatabaseUnavailableError
from store.job_types import JobStatus

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The figures of one process, in a registry of its own. No label names a user, corpus or document."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "groundwork_http_requests_total",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "groundwork_http_request_seconds",
            "From the head of a request to the end of its response.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._answers = Counter(
            "groundwork_answers_total",
            "Questions by what became of them: answered, abstained, busy, given_up, failed.",
            ["outcome"],
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "groundwork_answer_stage_seconds",
            "How long each stage of an answer took, and all of it (total).",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._state = State(registry)

    def count_request(self, method: str, route: str, status: int | None, seconds: float) -> None:
        """Note a request; `status` None: its client hung up before there was one."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, "none" if status is None else str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def answer(self, ask: Callable[[], Answer]) -> Answer:
        """Ask a question, and note what became of it."""
        try:
            answer = ask()
        except AbandonedError:
            self._answers.labels("given_up").inc()
            raise
        except BusyError:
            self.count_refusal()
            raise
        except Exception:
            self._answers.labels("failed").inc()
            raise
        self._answers.labels("abstained" if answer.abstained else "answered").inc()
        for stage, milliseconds in answer.timings_ms.items():
            self._stage_seconds.labels(stage).observe(milliseconds / 1000)
        return answer

    def count_refusal(self) -> None:
        """Note a question for which there was no room."""
        self._answers.labels("busy").inc()

    def show(self, parts: Application, in_work: int, *, ready: bool, warm: bool) -> bytes:
        """All of it, in the text format of Prometheus; asks the database how things stand."""
        self._state.look(parts, in_work, ready=ready, warm=warm)
        return generate_latest(self._registry)


class State:
    """How things stand at the moment that they are asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._in_work = Gauge(
            "groundwork_questions_in_work", "Questions being answered or waiting.", registry=registry
        )
        self._waiting = Gauge(
            "groundwork_questions_waiting", "Questions waiting for the generator.", registry=registry
        )
        self._ready = Gauge("groundwork_ready", "1 when /ready says so.", registry=registry)
        self._warm = Gauge(
            "groundwork_warm",
            "1 once what the first questions and pages need was read into memory.",
            registry=registry,
        )
        self._database = Gauge(
            "groundwork_database_up", "1 when the database can be reached.", registry=registry
        )
        self._lag = Gauge(
            "groundwork_index_lag_changes",
            "Committed changes that the index which is furthest behind does not have yet.",
            registry=registry,
        )
        self._behind = Gauge(
            "groundwork_index_behind_seconds",
            "Seconds since that index had everything.",
            registry=registry,
        )
        self._jobs = Gauge("groundwork_jobs", "Jobs by status.", ["status"], registry=registry)

    def look(self, parts: Application, in_work: int, *, ready: bool, warm: bool) -> None:
        """Take the figures anew."""
        self._in_work.set(in_work)
        self._waiting.set(parts.waiting_questions)
        self._ready.set(ready)
        self._warm.set(warm)
        states = parts.index_states()
        self._behind.set(max((state.behind_s for state in states), default=0.0))
        try:
            with parts.database.transaction() as session:
                self._lag.set(max((figures.changes_after(session, state) for state in states), default=0))
                counted = figures.jobs_by_status(session)
            self._database.set(1)
        except DatabaseUnavailableError:
            self._database.set(0)
            return
        for status in JobStatus:
            self._jobs.labels(status.value).set(counted[status])
