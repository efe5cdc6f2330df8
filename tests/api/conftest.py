"""The application over real HTTP: a server in a thread, real PostgreSQL, the real encoder.

The models are loaded once for all tests. The generator has the shape of the shipped one; where no checkpoint
is shipped its weights are MiniLM's with untrained heads, whose answers mean nothing but have every property
that is not about their meaning.
"""

import asyncio
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import torch
import uvicorn
from fastapi import FastAPI
from sqlalchemy import NullPool, create_engine, make_url, text

from api import build as building
from api.app import create_app
from api.build import Application, build
from api.cli import main
from api.connections import patient_for
from api.encoders import SharedEncoder
from api.lazy import Lazy
from api.scorers import Scorers, judge_of
from api.settings import Settings, load_settings, shipped_checkpoint, shipped_scorer
from rag.encoder import Encoder
from rag.generator import checkpoint
from rag.generator.config import GeneratorConfig
from rag.generator.generate import LocalGenerator
from rag.scoring.answer import AnswerScorer
from rag.scoring.groundedness import GroundednessScorer
from store import access
from store.postgres import Database, migrate, open_database
from store.types import Role
from tests.api.command_line import Outcome, Rag
from tests.conftest import TestDatabases

HANDBOOK = """# Leave

Thirty days of leave are granted to everyone. Parental leave lasts twelve weeks.

# Travel

Trains are booked by the office. Flights need the approval of the head of department.
"""


@contextmanager
def extra_database(databases: TestDatabases, name: str, *, migrated: bool) -> Iterator[str]:
    """A database that a test may drop; gives its URL."""
    url = databases.create_empty(name)
    if migrated:
        database = open_database(url, Path())
        migrate(database)
        database.close()
    yield url
    drop_database(url)


def drop_database(url: str) -> None:
    """Drop a database, whoever is connected to it."""
    server = create_engine(make_url(url).set(database="postgres"), poolclass=NullPool)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)"))


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that can be loaded: the shipped one, else one with untrained heads."""
    shipped = shipped_checkpoint()
    if (shipped / checkpoint.WEIGHTS).exists():
        return shipped
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    # Below a threshold of 0 nothing abstains: the way to an answer is what is tested.
    description = {"calibration": {"threshold": 0.0}}
    checkpoint.save(checkpoint.warm_start(GeneratorConfig()), folder, description)
    return folder


@pytest.fixture(scope="session")
def classifier() -> GroundednessScorer:
    return GroundednessScorer(shipped_scorer())


@pytest.fixture(scope="session")
def generator(
    checkpoint_folder: Path, classifier: GroundednessScorer, encoder: SharedEncoder
) -> LocalGenerator:
    return LocalGenerator(checkpoint_folder, judge=judge_of(classifier, encoder))


@pytest.fixture(scope="session")
def encoder() -> SharedEncoder:
    torch.set_num_threads(1)
    return SharedEncoder(Encoder())


@pytest.fixture(scope="session")
def scorer(classifier: GroundednessScorer, encoder: SharedEncoder) -> AnswerScorer:
    return AnswerScorer(classifier, encoder.encode)


@pytest.fixture
def settings(database: Database, tmp_path: Path, checkpoint_folder: Path) -> Settings:
    return load_settings(
        database_url=database.url,
        data_dir=tmp_path / "data",
        generator=checkpoint_folder,
        refresh_interval_s=0.05,
        threads=1,
        stream_grace_s=30,
        warm_up=0,
    )


@pytest.fixture
def build_loaded(
    encoder: SharedEncoder, generator: LocalGenerator, scorer: AnswerScorer
) -> Callable[[Settings], Application]:
    """Builds applications whose models are loaded already."""

    def build_with_models(settings: Settings) -> Application:
        return build(
            settings,
            encoder=Lazy(lambda: encoder),
            generator=Lazy(lambda: generator),
            scorer=Lazy(lambda: scorer),
        )

    return build_with_models


@pytest.fixture
def application(settings: Settings, build_loaded: Callable[[Settings], Application]) -> Iterator[Application]:
    application = build_loaded(settings)
    yield application
    application.close()


class PromptServer(uvicorn.Server):
    """Stops within milliseconds, where uvicorn looks ten times a second and then waits as long once more."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.005)
        await self.lifespan.shutdown()


@contextmanager
def serving(settings: Settings, application: Application | None) -> Iterator[str]:
    """A server on a free port for the time of the block; gives its URL."""
    with serving_app(create_app(settings, application)) as url:
        yield url


@contextmanager
def serving_app(app: FastAPI) -> Iterator[str]:
    """A server of this application; gives its URL."""
    config = uvicorn.Config(
        app, port=0, http=patient_for(60.0), timeout_keep_alive=600, log_config=None, access_log=False
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def eventually(check: Callable[[], object]) -> None:
    """Repeat a check until it passes: some things are noted after the response was sent."""
    until = time.monotonic() + 30
    while True:
        try:
            check()
            return
        except (AssertionError, KeyError, ValueError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class Clients:
    """Gives HTTP clients that carry a key."""

    def __init__(self, url: str, database: Database) -> None:
        self.url = url
        self._database = database
        self._open: list[httpx.Client] = []

    def anonymous(self) -> httpx.Client:
        """A client without a key."""
        # Nothing is encrypted here, and to read the certificates of the world takes 25 ms.
        client = httpx.Client(base_url=self.url, timeout=60, verify=False)
        self._open.append(client)
        return client

    def of(self, role: Role, user: str = "ada") -> httpx.Client:
        """A client with a new key of this role."""
        with self._database.transaction() as session:
            secret = access.create_key(session, user, role).secret
        client = self.anonymous()
        client.headers["Authorization"] = f"Bearer {secret}"
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self._open:
            client.close()


@pytest.fixture
def clients(settings: Settings, application: Application, database: Database) -> Iterator[Clients]:
    """The running server's clients."""
    with serving(settings, application) as url:
        clients = Clients(url, database)
        yield clients
        clients.close()


@pytest.fixture
def reader(clients: Clients) -> httpx.Client:
    return clients.of(Role.READER)


@pytest.fixture
def contributor(clients: Clients) -> httpx.Client:
    return clients.of(Role.CONTRIBUTOR, "carl")


@pytest.fixture
def administrator(clients: Clients) -> httpx.Client:
    return clients.of(Role.ADMINISTRATOR, "root")


@pytest.fixture
def handbook(contributor: httpx.Client) -> str:
    """A corpus with one document; returns its name."""
    contributor.post("/v1/corpora", json={"name": "handbook"}).raise_for_status()
    send_text(contributor, "wiki:leave", HANDBOOK)
    return "handbook"


def send_text(client: httpx.Client, source: str, text: str) -> httpx.Response:
    """Send a document of the corpus `handbook`."""
    body = {"corpus": "handbook", "source": source, "text": text, "media_type": "text/markdown"}
    return client.post("/v1/documents", json=body).raise_for_status()


def assert_problem(response: httpx.Response, status: int, *words: str) -> None:
    """The response is a problem of this status whose detail has all these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert set(problem) == {"type", "title", "status", "detail"}
    for word in words:
        assert word in problem["detail"]


@pytest.fixture
def rag(
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database: Database,
    tmp_path: Path,
    checkpoint_folder: Path,
    encoder: SharedEncoder,
    generator: LocalGenerator,
    scorer: AnswerScorer,
) -> Iterator[Rag]:
    """Runs the command line in this process, where the models are loaded already."""
    monkeypatch.setenv("RAG_DATABASE_URL", database.url)
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("RAG_GENERATOR", str(checkpoint_folder))
    monkeypatch.setattr(building, "_load_encoder", lambda settings: encoder)
    monkeypatch.setattr(building, "load", lambda settings, name, load_judge: generator)
    monkeypatch.setattr(Scorers, "scorer", lambda scorers: scorer)

    def run(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["rag", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        printed = capsys.readouterr()
        assert isinstance(exit.value.code, int)
        return Outcome(exit.value.code, printed.out, printed.err)

    root = logging.getLogger()
    handlers, level, on_stop = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)
    yield run
    root.handlers[:] = handlers
    root.setLevel(level)
    signal.signal(signal.SIGTERM, on_stop)
