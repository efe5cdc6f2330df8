import threading
import time
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from api.build import Application, build
from api.lazy import Lazy
from api.settings import Settings
from rag.errors import CheckpointError
from rag.generator.generate import LocalGenerator
from store.figures import IndexState
from tests.api.conftest import Clients, assert_problem, drop_database, extra_database, serving
from tests.conftest import TestDatabases


def test_health_needs_no_key(clients: Clients) -> None:
    assert clients.anonymous().get("/health").json() == {"status": "ok"}


def test_ready_names_all_that_is_there(clients: Clients, application: Application) -> None:
    application.load_models()
    client, until = clients.anonymous(), time.monotonic() + 20
    while (response := client.get("/ready")).status_code != 200 and time.monotonic() < until:
        time.sleep(0.02)
    assert response.json() == {
        "status": "ready",
        "database": True,
        "migrations": True,
        "models": True,
        "indexes": True,
    }


def test_server_with_an_index_that_does_not_catch_up_is_not_ready(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Application, "index_states", lambda self: [IndexState(1, 5, 400.0)])
    assert_problem(clients.anonymous().get("/ready"), 503, "not caught up for 400 s")


def test_indexes_are_open_before_the_first_question(
    settings: Settings, handbook: str, build_loaded: Callable[[Settings], Application]
) -> None:
    parts = build_loaded(settings.model_copy(update={"data_dir": settings.data_dir / "other"}))
    with serving(settings, parts) as url:
        until = time.monotonic() + 20
        while httpx.get(f"{url}/ready").status_code != 200 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(parts.index_states()) == 1
    parts.close()


def test_server_is_up_but_not_ready_while_models_load(settings: Settings, generator: LocalGenerator) -> None:
    loaded = threading.Event()

    def load_when_told() -> LocalGenerator:
        loaded.wait(30)
        return generator

    application = build(settings, generator=Lazy(load_when_told))
    with serving(settings, application) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        assert_problem(httpx.get(f"{url}/ready"), 503, "models are not loaded")
        loaded.set()
    application.close()


def test_ready_says_so_when_the_models_cannot_be_loaded(settings: Settings) -> None:
    def fail() -> LocalGenerator:
        raise CheckpointError("the checkpoint at /secret/place cannot be loaded")

    application = build(settings, generator=Lazy(fail))
    with serving(settings, application) as url:
        response = httpx.get(f"{url}/ready")
        assert_problem(response, 503, "log says why")
        assert "secret" not in response.text
    application.close()


def test_ready_tells_of_pending_migrations(
    settings: Settings,
    databases: TestDatabases,
    build_loaded: Callable[[Settings], Application],
) -> None:
    with extra_database(databases, "without_tables", migrated=False) as empty:
        application = build_loaded(settings.model_copy(update={"database_url": SecretStr(empty)}))
        with serving(settings, application) as url:
            assert_problem(httpx.get(f"{url}/ready"), 503, "rag migrate")
        application.close()


def test_database_that_went_away_is_503_and_names_no_address(
    settings: Settings,
    databases: TestDatabases,
    build_loaded: Callable[[Settings], Application],
) -> None:
    with extra_database(databases, "lost", migrated=True) as lost:
        application = build_loaded(settings.model_copy(update={"database_url": SecretStr(lost)}))
        with serving(settings, application) as url:
            drop_database(lost)
            assert_problem(httpx.get(f"{url}/ready"), 503, "database cannot be reached")
            response = httpx.get(f"{url}/v1/corpora", headers={"Authorization": "Bearer gw_anything"})
            assert_problem(response, 503, "Try again later")
            assert "postgresql" not in response.text
            assert response.headers["retry-after"] == "5"
            assert httpx.get(f"{url}/health").status_code == 200
        application.close()


def test_server_builds_and_closes_its_own_parts(settings: Settings) -> None:
    with serving(settings, None) as url:
        assert httpx.get(f"{url}/health").status_code == 200
