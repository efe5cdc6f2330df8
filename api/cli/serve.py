"""`rag serve` and `rag migrate`."""

import logging
import math
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from api.cli.common import AsJson, DataDir, print_json, running
from api.cli.exits import CommandError

if TYPE_CHECKING:
    from api.build import Application
    from api.settings import Settings

logger = logging.getLogger(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: RAG_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: RAG_PORT.")] = None,
    share_port: Annotated[
        bool | None, typer.Option("--share-port", help="Let other servers listen there too.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="File with the certificate chain for HTTPS; default: RAG_TLS_CERT.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="File with the certificate's private key; default: RAG_TLS_KEY.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Serve questions, documents and the log over HTTP, until interrupted."""
    from api.audit import record_start
    from api.tls import check_tls

    given = {"host": host, "port": port, "share_port": share_port, "tls_cert": tls_cert, "tls_key": tls_key}
    try:
        with (
            running(data_dir, log_level="INFO", **given) as application,
            _listen(application.settings) as listening,
        ):
            check_tls(application.settings)
            url = _url(listening, application.settings)
            record_start(application.database, application.settings, url)
            if as_json:
                print_json({"url": url, "docs": f"{url}/docs"})
            else:
                print(f"Groundwork serves at {url}  (documentation: {url}/docs; Ctrl-C stops it)")
                print("Requests need a key: rag keys create --role reader", flush=True)
            # The server raises the signal that stopped it once more when it is done.
            signal.signal(signal.SIGINT, _done)
            signal.signal(signal.SIGTERM, _done)
            _run(application, listening)
    except _Stopped:
        _leave()


def migrate(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database's tables up to date."""
    from api.build import build
    from api.logs import configure_logging
    from api.settings import load_settings
    from store.postgres import migrate as migrate_database
    from store.postgres import pending_migrations

    settings = load_settings(data_dir=data_dir)
    configure_logging(settings.log_level or "WARNING", settings.log_format)
    application = build(settings)
    try:
        pending = pending_migrations(application.database)
        if pending:
            migrate_database(application.database)
    finally:
        application.close()
    if as_json:
        print_json({"migrated": pending})
    else:
        print("The tables are up to date now." if pending else "The tables were up to date.")


def _listen(settings: "Settings") -> socket.socket:
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, reuse_port=settings.share_port)
        # Connections inherit it; asyncio sets it only on those of sockets that it opened. Without, the end of
        # an answer waits until the client has acknowledged its beginning, which clients put off for 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError, ValueError) as error:  # ValueError: the system shares no ports
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(
            f"Cannot listen on {host} port {port}: {reason}. Choose others with --host and --port."
        ) from None


def _url(listening: socket.socket, settings: "Settings") -> str:
    host, port = listening.getsockname()[:2]
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _run(application: "Application", listening: socket.socket) -> None:
    import uvicorn

    from api.app import create_app
    from api.connections import allow_many_connections, patient_for
    from api.settings_in_force import unknown_variables
    from api.threads import serve_many_threads
    from api.tracing import configure_tracing

    settings = application.settings
    configure_tracing(settings)
    for complaint in unknown_variables():
        logger.warning(complaint)
    allow_many_connections()
    config = uvicorn.Config(
        create_app(settings, application, serve_many_threads),
        http=patient_for(settings.silent_after_s),
        timeout_keep_alive=settings.keep_alive_s,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=math.ceil(settings.stop_s),
    )
    uvicorn.Server(config).run(sockets=[listening])


class _Stopped(BaseException):
    """The server has ended in order, as it was asked to."""


def _done(number: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped


def _leave() -> None:
    """End the process, at once where models are still being loaded, which cannot be broken off.

    Python would take such a thread's interpreter away in the middle of C++, which ends as a crash.
    """
    if any(thread.daemon and thread.is_alive() for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
