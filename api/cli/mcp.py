"""`rag mcp`."""

from typing import Annotated

import typer

from api.cli.common import DataDir, running


def mcp(
    key: Annotated[
        str, typer.Option(envvar="RAG_KEY", help="The API key to act under; better given as RAG_KEY.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Serve an assistant over standard input and output (Model Context Protocol).

    Needs no server; the assistant starts the command. Over HTTP `rag serve` offers the same at /mcp.
    """
    with running(data_dir) as application:
        import anyio

        from api.asking import AskingThreads
        from api.auth import Caller, caller_with_key
        from api.mcp import Tools, make_server
        from api.metrics import Metrics
        from api.version import version

        def caller(context: object) -> Caller:
            return caller_with_key(application, key)

        caller(None)  # a wrong key is told now, and not at the first question
        asking = AskingThreads.of(application.settings, Metrics())
        server = make_server(Tools(lambda: application, lambda: asking, caller), version())
        try:
            anyio.run(server.run_stdio_async)
        finally:
            asking.close()
