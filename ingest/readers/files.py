"""Which reader reads a file."""

from collections.abc import Callable
from pathlib import Path

from ingest.clean import normalise_line
from ingest.errors import UnknownMediaTypeError
from ingest.readers.bytes import READ_ERRORS, UnfitTextError, unreadable
from ingest.readers.document import Problem, ProblemKind, Reading, ReadOptions
from ingest.readers.html import read_html
from ingest.readers.jsonl import read_jsonl
from ingest.readers.markdown import read_markdown
from ingest.readers.plain import read_plain
from ingest.readers.table import read_table

_Reader = Callable[[Path, ReadOptions, str, str], Reading]

_READERS: dict[str, _Reader] = {
    "text/plain": read_plain,
    "text/markdown": read_markdown,
    "text/html": read_html,
    "application/jsonl": read_jsonl,
    "text/csv": read_table,
}
_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".csv": "text/csv",
    ".tsv": "text/csv",
}
_OTHER_NAMES = {
    "application/x-ndjson": "application/jsonl",
    "application/x-jsonlines": "application/jsonl",
    "application/json-lines": "application/jsonl",
    "application/xhtml+xml": "text/html",
    "text/x-markdown": "text/markdown",
    "text/x-rst": "text/plain",
    "text/tab-separated-values": "text/csv",
}
SUFFIXES = tuple(_MEDIA_TYPES)


def media_type_of(path: Path) -> str | None:
    """Returns the media type that a file's name stands for, `.gz` aside; None when no reader claims it."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _MEDIA_TYPES.get(suffixes[-1]) if suffixes else None


def file_source(path: Path) -> str:
    """Returns a file's source: the `file://` URI of its absolute path, symbolic links as they are."""
    return path.absolute().as_uri()


def read(
    path: Path,
    options: ReadOptions | None = None,
    *,
    source: str | None = None,
    media_type: str | None = None,
    title: str | None = None,
) -> Reading:
    """Gives the documents of a file, and a problem for each piece that cannot be one.

    Args:
        path: the file; a name that ends in `.gz` is unpacked on the way.
        options: None reads with the defaults.
        source: what the documents are known by; None for its own `file://` URI. Records get a fragment.
        media_type: chooses the reader; None goes by the file's name. Parameters (`; charset=…`) are ignored.
        title: the title where the content has none; None for the file's name without endings.

    Raises:
        UnknownMediaTypeError: no reader is there for the given media type.
    """
    if media_type is not None:
        name = media_type.partition(";")[0].strip().lower()
        chosen: str | None = _OTHER_NAMES.get(name, name)
        if chosen not in _READERS:
            raise UnknownMediaTypeError(media_type, tuple(_READERS))
    else:
        chosen = media_type_of(path)
    fallback = normalise_line(title or _stem(path))  # names of files need not be UTF-8, or one line
    return _read(path, options or ReadOptions(), source or file_source(path), chosen, fallback)


def _read(path: Path, options: ReadOptions, source: str, media_type: str | None, title: str) -> Reading:
    if media_type is None:
        reason = f"no reader is there for {path.name!r}; readable are {', '.join(SUFFIXES)}, each also as .gz"
        yield Problem(source, None, ProblemKind.UNSUPPORTED, reason)
        return
    try:
        yield from _READERS[media_type](path, options, source, title)
    except UnfitTextError as error:
        yield error.problem(source)
    except RecursionError:
        reason = "its elements are nested too deeply to read; simplify the file"
        yield Problem(source, None, ProblemKind.MALFORMED, reason)
    except READ_ERRORS as error:
        yield unreadable(error).problem(source)


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name
