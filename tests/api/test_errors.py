import logging
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

import ingest.errors
import rag.errors
import store.errors
from api.app import create_app
from api.build import Application
from api.errors import KINDS
from api.refusals import ApiError
from api.settings import Settings
from tests.api.conftest import assert_problem, serving_app

FOR_THE_LOG_ONLY = {
    ingest.errors.ReaderStartError,
    ingest.errors.ReadingError,
    ingest.errors.RequestError,
    store.errors.StoreError,
    store.errors.BackupError,
    store.errors.IndexCorruptError,
    store.errors.UnknownJobError,
    ingest.errors.IngestError,
    ingest.errors.MissingPathError,
    ingest.errors.UnknownModuleError,
    ingest.errors.DatabaseSourceError,
    ingest.errors.EmbeddingError,
    ingest.errors.PathPatternError,
    rag.errors.RagError,
    rag.errors.DataError,
    rag.errors.TrainingError,
}
"""No caller can cause these, so all that a caller is told is 500."""


def subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def test_every_error_of_ours_has_a_status_or_is_for_the_log_only() -> None:
    bases = (ApiError, store.errors.StoreError, ingest.errors.IngestError, rag.errors.RagError)
    ours = {error for base in bases for error in subclasses(base) if not error.__module__.startswith("tests")}
    assert ours - set(KINDS) <= FOR_THE_LOG_ONLY


@pytest.fixture
def app(settings: Settings, application: Application) -> FastAPI:
    app = create_app(settings, application)

    @app.get("/mistake")
    def mistake() -> None:
        raise ValueError(f"row ('the {'terces'[::-1]} document',) violates a constraint")

    return app


def test_mistake_of_ours_is_500_without_internals(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving_app(app) as url:
        response = httpx.get(f"{url}/mistake")
    assert_problem(response, 500, "its log has more")
    assert "secret" not in response.text
    assert "ValueError" in caplog.text
    assert "in mistake" in caplog.text
    assert "secret" not in caplog.text


def test_request_is_logged_without_its_query_string(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with serving_app(app) as url:
        httpx.get(
            f"{url}/v1/responses", params={"text": "my illness"}, headers={"Authorization": "Bearer gw_x"}
        )
    assert "GET /v1/responses 401" in caplog.text
    own = "".join(record.getMessage() for record in caplog.records if record.name.startswith("api"))
    assert "illness" not in own
    assert "gw_x" not in own


def test_unknown_route_and_wrong_method_are_problems(app: FastAPI) -> None:
    with serving_app(app) as url:
        assert_problem(httpx.get(f"{url}/v2/ask"), 404, "/v2/ask", "/docs")
        wrong = httpx.get(f"{url}/v1/ask")
        assert_problem(wrong, 405, "GET /v1/ask")
        assert wrong.headers["allow"] == "POST"
