import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from api import warm_up
from api.build import Application
from api.settings import Settings
from api.warm_up import WarmUp
from store.index.locks import FileLock
from tests.api.conftest import serving

ENDLESS = Path("/dev/zero")


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="api.warm_up")


@pytest.fixture
def warming(
    settings: Settings, build_loaded: Callable[[Settings], Application]
) -> Iterator[Callable[[float], Application]]:
    """Builds applications that warm up, with so much of the free memory."""
    built: list[Application] = []

    def build(share: float) -> Application:
        built.append(build_loaded(settings.model_copy(update={"warm_up": share})))
        return built[-1]

    yield build
    for application in built:
        application.close()


def wait_until(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def test_server_warms_up_once_its_indexes_are_open(
    warming: Callable[[float], Application], handbook: str, caplog: pytest.LogCaptureFixture
) -> None:
    application = warming(0.5)
    with serving(application.settings.model_copy(update={"metrics": "open"}), application) as url:
        assert wait_until(lambda: "groundwork_warm 1.0" in httpx.get(f"{url}/metrics").text)
    assert "MB of the database were read" in caplog.text
    assert "no room" not in caplog.text


def test_server_that_is_to_read_nothing_reads_nothing(
    warming: Callable[[float], Application], caplog: pytest.LogCaptureFixture
) -> None:
    warm = WarmUp(warming(0))
    warm.start()
    warm.stop()
    assert not warm.is_done
    assert "warmed up" not in caplog.text


def test_no_more_is_read_than_there_is_room_for(
    warming: Callable[[float], Application],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Application, "index_files", lambda self: [ENDLESS])
    monkeypatch.setattr(warm_up, "free_memory_bytes", lambda: 40_000_000)
    warm = WarmUp(warming(0.5))
    warm.start()
    assert wait_until(lambda: warm.is_done)
    assert "25 MB of indexes" in caplog.text  # the third stretch of 8 MiB goes over 20 MB
    assert "RAG_WARM_UP=0.5 has no room for more" in caplog.text


def test_warming_up_stops_at_once(
    warming: Callable[[float], Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Application, "index_files", lambda self: [ENDLESS])
    monkeypatch.setattr(warm_up, "free_memory_bytes", lambda: 1 << 60)
    warm = WarmUp(warming(1))
    warm.start()
    time.sleep(0.1)
    warm.stop()
    assert not warm._thread.is_alive()
    assert not warm.is_done


def test_one_process_reads_and_the_others_wait(
    warming: Callable[[float], Application],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(warm_up, "LOOK_S", 0.05)
    application = warming(0.5)
    application.settings.data_dir.mkdir(parents=True, exist_ok=True)
    warm = WarmUp(application)
    with closing(FileLock(application.settings.data_dir / warm_up.LOCK)) as other:
        other.acquire()
        warm.start()
        time.sleep(0.3)
        assert not warm.is_done
    assert wait_until(lambda: warm.is_done)
    assert "warmed up" not in caplog.text


def test_warming_up_that_fails_is_broken_off(
    warming: Callable[[float], Application],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(self: Application) -> list[Path]:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Application, "index_files", fail)
    warm = WarmUp(warming(0.5))
    warm.start()
    warm._thread.join(20)
    assert not warm.is_done
    assert "warming up was broken off: the disk is gone" in caplog.text


def test_container_has_no_more_memory_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(warm_up, "MEMORY_LIMIT", limit)
    unlimited = warm_up.free_memory_bytes()
    limit.write_text("1000000\n")
    assert warm_up.free_memory_bytes() == 1_000_000 < unlimited
    limit.write_text("max\n")
    assert warm_up.free_memory_bytes() > 1_000_000
