"""The book of runs: every training run leaves a line when it begins and one when it ends.

A run that was killed has no line of its end; given the same command again, it goes on under a new line.
"""

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

logger = logging.getLogger(__name__)

BOOK = "runs.jsonl"


@contextmanager
def recorded(book: Path, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Write down that a run begins and how it ends; what is put into the given dict becomes its figures.

    Args:
        book: the file, one JSON object a line.
        facts: what makes the run: seed, data hashes, configuration, command, commit.
    """
    run, figures, begun = uuid4().hex[:12], dict[str, Any](), time.monotonic()
    book.parent.mkdir(parents=True, exist_ok=True)
    _append(book, {"run": run, "event": "started", "at": _now(), **facts})
    try:
        yield figures
    except BaseException as error:
        outcome = f"failed: {type(error).__name__}: {error}" if isinstance(error, Exception) else "stopped"
        try:
            _append(book, _end(run, outcome, begun, figures))
        except OSError as full:  # the first error is what has to be told
            logger.error("cannot note in %s how the run ended: %s", book, full)
        raise
    _append(book, _end(run, "finished", begun, figures))


def _end(run: str, outcome: str, begun: float, figures: Mapping[str, Any]) -> dict[str, Any]:
    seconds = round(time.monotonic() - begun, 1)
    return {"run": run, "event": "ended", "at": _now(), "outcome": outcome, "seconds": seconds, **figures}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _append(book: Path, record: Mapping[str, Any]) -> None:
    """Add a line; several processes may, since each line is one write at the file's end."""
    line = (json.dumps(record) + "\n").encode()
    file = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
        os.fsync(file)
    finally:
        os.close(file)
