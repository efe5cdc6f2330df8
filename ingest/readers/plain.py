"""Plain text: the file is the document."""

from pathlib import Path

from ingest.clean import normalise
from ingest.readers.bytes import UnfitTextError, read_text
from ingest.readers.document import ProblemKind, RawDocument, Reading, ReadOptions


def read_plain(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the file's text as one document."""
    text = require_text(normalise(read_text(path, options)))
    yield RawDocument(source, title, text, "text/plain")


def require_text(text: str) -> str:
    """Returns the text; raises UnfitTextError when there is none."""
    if not text:
        raise UnfitTextError(
            ProblemKind.EMPTY, "the document has no text; remove it, or check how it was made"
        )
    return text
