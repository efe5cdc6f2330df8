"""How long each stage of an answer takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rag import tracing


class Clock:
    """Times the stages of an answer, and traces them."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, work: tracing.Work | None = None) -> Iterator[None]:
        """Time what runs inside as one stage; `work` None: its span has the stage's name only."""
        begun = time.perf_counter()
        with tracing.span(work or tracing.Work(name)):
            yield
        self._stages[name] = time.perf_counter() - begun

    def milliseconds(self) -> dict[str, float]:
        """Each stage and the total so far, in milliseconds."""
        stages = {**self._stages, "total": time.perf_counter() - self._begun}
        return {name: round(seconds * 1000, 2) for name, seconds in stages.items()}
