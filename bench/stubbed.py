"""`rag serve` with a generator that takes no time, for what everything around it costs.

RAG_DATA_DIR=… RAG_PORT=… python -m bench.stubbed
"""

from collections.abc import Sequence
from typing import Any

import uvicorn

from api.app import create_app
from api.build import build
from api.connections import patient_for
from api.lazy import Lazy
from api.logs import configure_logging
from api.settings import load_settings
from api.threads import serve_many_threads
from rag.generator.calibration import Calibration
from rag.generator.generate import Asked, Generated
from rag.generator.passages import Passage
from rag.generator.settings import GenerationSettings


class Stub:
    """Says yes to everything, at once."""

    name = "stub"
    calibration = Calibration()

    def check(self, settings: GenerationSettings) -> None:
        pass

    def answer(self, asked: Sequence[Asked]) -> list[Generated]:
        for one in asked:
            if one.watcher and one.watcher.begin(1.0):
                one.watcher.write("Yes.")
        return [Generated("Yes.", (), 1.0, 0.0, (), None) for _ in asked]

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [0.5 for _ in passages]


def main() -> None:
    settings = load_settings()
    configure_logging("INFO")
    generator: Lazy[Any] = Lazy(Stub)
    application = build(settings, generator=generator)
    config = uvicorn.Config(
        create_app(settings, application, serve_many_threads),
        host=settings.host,
        port=settings.port,
        http=patient_for(settings.silent_after_s),
        timeout_keep_alive=settings.keep_alive_s,
        log_config=None,
        access_log=False,
    )
    uvicorn.Server(config).run()
    application.close()


if __name__ == "__main__":
    main()
