"""How an ingestion is shown at the terminal: while it runs, and at its end."""

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from api.cli.common import note, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.dry_run import Forecast
    from ingest.report import Progress, Report

SHOWN_PROBLEMS = 20
NOTE_INTERVAL_S = 10.0


@contextmanager
def showing(as_json: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """What shows the progress: a bar at a terminal, else a line now and then; nothing beside JSON."""
    if as_json:
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Notes().show


@contextmanager
def _bar() -> "Iterator[Callable[[Progress], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = [
        TextColumn("Ingesting"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
    ]
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("ingest", total=None, told="reading …")

        def show(progress: "Progress") -> None:
            total = progress.bytes_total or None
            bar.update(task, total=total, completed=progress.bytes_read, told=told(progress))

        yield show


class _Notes:
    """A line of progress now and then."""

    def __init__(self) -> None:
        self._noted_at = time.monotonic()

    def show(self, progress: "Progress") -> None:
        """Note the progress unless that was done just now."""
        if time.monotonic() - self._noted_at >= NOTE_INTERVAL_S:
            self._noted_at = time.monotonic()
            share = progress.bytes_read / progress.bytes_total if progress.bytes_total else 0.0
            note(f"{share:4.0%}  {told(progress)}")


@contextmanager
def saying_how_to_go_on() -> "Iterator[None]":
    """When the database goes away, or somebody stops the ingestion, say that nothing has to be done twice."""
    from store.errors import DatabaseFullError, DatabaseUnavailableError

    try:
        yield
    except (DatabaseFullError, DatabaseUnavailableError, KeyboardInterrupt, SystemExit):
        note("What was stored stays. The same command, or `rag jobs resume`, goes on where this stopped.")
        raise


def told(progress: "Progress") -> str:
    """The progress in words: how many documents, how fast, how long it will still take."""
    words = [f"{progress.documents:,} documents"]
    if progress.failed:
        words.append(f"{progress.failed:,} failed")
    if progress.seconds > 0:
        words.append(f"{progress.documents / progress.seconds:,.1f}/s")
    if progress.bytes_read:
        left = progress.seconds * (progress.bytes_total - progress.bytes_read) / progress.bytes_read
        words.append(f"{told_time(left)} left")
    if progress.embedding is not None:
        words.append(f"embedding {progress.embedding.done:,} of {progress.embedding.total:,} chunks")
    return ", ".join(words)


def told_time(seconds: float) -> str:
    """Seconds as minutes and seconds, or as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def print_report(report: "Report") -> None:
    """Print what became of the documents, and the first problems."""
    counts = report.documents
    told_counts = {
        "new or changed": counts.done,
        "unchanged": counts.unchanged,
        "duplicates": counts.duplicate,
        "near duplicates": counts.near_duplicate,
        "quarantined": counts.quarantined,
        "removed": counts.removed,
        "failed": counts.failed,
        "files of other kinds": report.skipped,
    }
    shown = ", ".join(f"{count:,} {name}" for name, count in told_counts.items() if count)
    print(f"Documents: {shown or 'none'}. {report.chunks:,} new chunks in {report.seconds:.1f} s.")
    for problem in report.problems[:SHOWN_PROBLEMS]:
        line = f" line {problem.line}" if problem.line else ""
        note(f"{problem.source}{line}: {shorten(problem.reason, 300)}")
    more = sum(report.problem_counts.values()) - SHOWN_PROBLEMS
    if more > 0:
        note(f"… and {more:,} more; --json lists them.")


def print_forecast(forecast: "Forecast") -> None:
    """Print what an ingestion would do."""
    counts = forecast.to_json()["documents"]
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    print(f"Nothing was stored. Documents: {shown or 'none'}.")
    print(
        f"To embed: about {forecast.chunks:,} chunks in {told_time(forecast.seconds)}; "
        f"to store: about {forecast.size_bytes / 1e6:,.0f} MB."
    )
