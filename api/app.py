"""The HTTP application."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from fastapi.middleware import Middleware
from starlette.routing import Route

from api.asking import AskingThreads
from api.audit import ANCHOR_EVERY_S, anchor
from api.build import Application, build
from api.encryption import check_encryption
from api.errors import add_error_responses
from api.idempotency import Idempotency
from api.job_runner import JobRunner
from api.limits import Gate
from api.mcp import PATH, OverHttp
from api.metrics import Metrics
from api.middleware import BodyLimit, Surroundings
from api.openapi import DescribedAPI
from api.routes import (
    access_lists,
    ask,
    audit,
    chat,
    corpora,
    documents,
    duplicates,
    exports,
    feedback,
    groups,
    health,
    jobs,
    keys,
    logins,
    me,
    overview,
    pages,
    privacy,
    queues,
    replay,
    responses,
    score_definitions,
    scores,
    search,
    sessions,
    store_files,
    stores,
    users,
)
from api.routes.metrics import metrics_router
from api.settings import Settings
from api.streams import Streams, StreamTimes
from api.version import version
from api.warm_up import WarmUp
from store.errors import DatabaseUnavailableError
from store.postgres import pending_migrations

logger = logging.getLogger(__name__)

DESCRIPTION = """
Answers questions from your own documents, with the exact characters that each part of an answer comes from.

Every route but `/health` and `/ready` needs an API key, sent as `Authorization: Bearer KEY`, or the cookie of
a login; `rag keys create --role administrator` makes the first key. Each role may do what those before may:
reader (ask, search, read), contributor (change documents), reviewer (see what all have asked),
administrator (users, groups, keys, deleting corpora, the vault, forgetting, the audit log).
Errors are `application/problem+json` (RFC 9457).

Lists come in pages: `next` of one is the `cursor` of the page after. With `Accept: application/jsonl` a list
comes whole, one JSON object a line. A POST with an `Idempotency-Key` that is sent again is not done again.
"""

STOP_S = 5.0
LOOK_EVERY_S = 5.0
"""How often a server looks whether its embedded PostgreSQL still runs."""

ROUTERS = (
    ask,
    search,
    documents,
    jobs,
    corpora,
    sessions,
    replay,  # its paths are found before the ids of responses
    responses,
    overview,
    feedback,
    score_definitions,
    scores,
    queues,
    exports,
    keys,
    logins,
    me,
    pages,
    users,
    groups,
    access_lists,
    chat,
    store_files,
    stores,
    duplicates,
    privacy,
    audit,
    health,
)


def create_app(
    settings: Settings,
    application: Application | None = None,
    when_ready: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The HTTP application.

    Args:
        settings: how it is set up.
        application: its parts, which the caller closes; None builds them at start and closes them at the end.
        when_ready: called once all models are loaded and all indexes open.
    """

    metrics = Metrics()
    times = StreamTimes(settings.heartbeat_s, settings.stream_grace_s, settings.stream_kept_s)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = await to_thread.run_sync(_built, settings) if application is None else application
        app.state.application = parts
        app.state.asking = AskingThreads.of(settings, metrics)
        streams = app.state.streams = Streams(times)
        warm_up = app.state.warm_up = WarmUp(parts)

        def opened() -> None:
            when_ready()
            warm_up.start()

        background = Background(parts, settings.refresh_interval_s, opened)
        app.state.background, app.state.metrics = background, metrics
        background.start()
        runner = app.state.runner = JobRunner(parts)
        runner.start()
        try:
            async with assistants.running():
                yield
        finally:
            await to_thread.run_sync(warm_up.stop)
            await streams.close()
            await to_thread.run_sync(runner.stop)
            await to_thread.run_sync(background.stop)
            await to_thread.run_sync(app.state.asking.close)
            if application is None:
                await to_thread.run_sync(parts.close)

    app = DescribedAPI(
        title="Groundwork",
        version=version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        middleware=[
            Middleware(Surroundings, metrics=metrics),
            Middleware(Gate, failures_per_minute=settings.failed_authentications_per_minute),
            Middleware(BodyLimit, max_bytes=settings.max_upload_bytes),
            Middleware(Idempotency),
        ],
    )
    add_error_responses(app)
    # The routes as they are: `include_router` would make every one anew at the application's first request.
    app.router.routes += [route for module in ROUTERS for route in module.router.routes]
    app.router.routes += metrics_router(settings.metrics).routes
    assistants = OverHttp(lambda: app.state.application, lambda: app.state.asking, version())
    app.router.routes.append(Route(PATH, assistants, include_in_schema=False))
    return app


def _built(settings: Settings) -> Application:
    """The application, if its key is the log's; whether its tables are up to date /ready tells."""
    parts = build(settings)
    try:
        if not pending_migrations(parts.database):
            check_encryption(parts.database)
    except BaseException:
        parts.close()
        raise
    return parts


class Background:
    """Loads the models and opens the indexes, then keeps these in step with what other processes write."""

    def __init__(self, parts: Application, refresh_interval_s: float, when_ready: Callable[[], None]) -> None:
        self._parts = parts
        self._when_ready = when_ready
        self._refresh_interval_s = refresh_interval_s
        self.indexes_opened = False
        """Whether the indexes of all corpora that there were at the start have been opened."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done now if that does not take long."""
        self._stopping.set()
        self._thread.join(STOP_S)  # loading the models cannot be broken off; the thread is a daemon

    def _run(self) -> None:
        models = threading.Thread(target=self._load_models, name="models", daemon=True)
        models.start()  # beside the indexes: most of what these need is files read and hashed
        reached, anchored_at, looked_at = True, time.monotonic(), time.monotonic()
        while True:
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                self._look_after_database()
                looked_at = time.monotonic()
            reached = self._refresh(reached) if self.indexes_opened else self._open_indexes(reached, models)
            if self._stopping.wait(self._refresh_interval_s):
                break
            if reached and time.monotonic() - anchored_at >= ANCHOR_EVERY_S:
                self._anchor()
                anchored_at = time.monotonic()
        self._anchor()

    def _load_models(self) -> None:
        try:
            logger.info("loading the models")
            self._parts.load_models()
            logger.info("ready: the models are loaded")
        except Exception as error:
            # Documents can be read without models; /ready tells that questions cannot be answered.
            logger.error("the models cannot be loaded: %s", error)

    def _anchor(self) -> None:
        try:
            anchor(self._parts.database, self._parts.settings)
        except DatabaseUnavailableError:
            pass  # the refreshing says so
        except Exception as error:
            logger.error("the audit log cannot be anchored: %s", type(error).__name__)

    def _look_after_database(self) -> None:
        """Start an embedded PostgreSQL again that was killed, as the system does when memory runs out."""
        try:
            if self._parts.database.start_again():
                logger.error("PostgreSQL had ended and was started again: %s", self._parts.database.folder)
        except DatabaseUnavailableError as error:
            logger.error("PostgreSQL has ended and does not start again: %s", error)

    def _open_indexes(self, reached_before: bool, models: threading.Thread) -> bool:
        try:
            self._parts.open_indexes()
        except Exception as error:
            if reached_before and not self._stopping.is_set():
                logger.warning("the indexes cannot be opened yet: %s", type(error).__name__)
            return False
        self.indexes_opened = True
        models.join()
        if not self._stopping.is_set():
            self._when_ready()
        return True

    def _refresh(self, reached_before: bool) -> bool:
        try:
            self._parts.refresh_indexes()
        except DatabaseUnavailableError as error:
            if reached_before:
                logger.warning("indexes stay as they are until the database is back: %s", error)
            return False
        except Exception as error:
            # One corpus that cannot be refreshed must not end the thread for all the others.
            logger.error("an index cannot be refreshed: %s", type(error).__name__, exc_info=True)
            return True
        if not reached_before:
            logger.info("the database is back")
        return True
