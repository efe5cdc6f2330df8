"""Which reader reads a file, and what holds for all of them: broken and changing files are problems."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from ingest.clean import normalise_line
from ingest.errors import UnknownMediaTypeError
from ingest.readers.bytes import READ_ERRORS, UnfitTextError, unreadable
from ingest.readers.document import Problem, ProblemKind, Reading, ReadOptions
from ingest.readers.media_types import MEDIA_TYPES, MENDS, OTHER_NAMES

_Reader = Callable[[Path, ReadOptions, str, str], Reading]


@dataclass(frozen=True)
class _ReaderName:
    """A reader by its module, which is imported when it is first needed: some bring large libraries.

    `is_streamed` says that the documents are given while the file is being read, however many there are.
    """

    module: str
    function: str
    is_streamed: bool = False

    def load(self) -> _Reader:
        """Returns the reader."""
        module = import_module(f"ingest.readers.{self.module}")
        return cast(_Reader, getattr(module, self.function))


READERS = {
    "text/plain": _ReaderName("plain", "read_plain"),
    "text/markdown": _ReaderName("markdown", "read_markdown"),
    "text/html": _ReaderName("html", "read_html"),
    "text/asciidoc": _ReaderName("asciidoc", "read_asciidoc"),
    "text/vtt": _ReaderName("subtitles", "read_subtitles"),
    "text/csv": _ReaderName("table", "read_table", is_streamed=True),
    "application/jsonl": _ReaderName("jsonl", "read_jsonl", is_streamed=True),
    "application/json": _ReaderName("json_file", "read_json"),
    "application/xml": _ReaderName("xml", "read_xml"),
    "application/pdf": _ReaderName("pdf", "read_pdf"),
    "application/epub+zip": _ReaderName("books", "read_book"),
    "application/vnd.apache.parquet": _ReaderName("parquet", "read_parquet", is_streamed=True),
    "application/zip": _ReaderName("archive", "read_zip", is_streamed=True),
    "application/x-tar": _ReaderName("archive", "read_tar", is_streamed=True),
    "image/*": _ReaderName("picture", "read_picture"),
    "audio/*": _ReaderName("sound", "read_sound"),
    "message/rfc822": _ReaderName("mail", "read_mail"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _ReaderName(
        "word", "read_word"
    ),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _ReaderName(
        "slides", "read_slides"
    ),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _ReaderName("sheets", "read_sheets"),
}
SUFFIXES = tuple(MEDIA_TYPES)


def media_type_of(path: Path) -> str | None:
    """Returns the media type that a file's name stands for, `.gz` aside; None when no reader claims it."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return MEDIA_TYPES.get(suffixes[-1]) if suffixes else None


def file_source(path: Path) -> str:
    """Returns a file's source: the `file://` URI of its absolute path, symbolic links as they are."""
    return path.absolute().as_uri()


def unsupported(path: Path) -> Problem | None:
    """Returns the problem of a file that evidently is a document but has no reader; None for others."""
    mend = MENDS.get(path.suffix.lower())
    if mend is None:
        return None
    reason = f"no reader is there for {path.suffix!r} files; {mend}"
    return Problem(file_source(path), None, ProblemKind.UNSUPPORTED, reason)


def read(
    path: Path,
    options: ReadOptions | None = None,
    *,
    source: str | None = None,
    media_type: str | None = None,
    title: str | None = None,
) -> Reading:
    """Gives the documents of a file, and a problem for each piece that cannot be one.

    A file that changes while it is read is read once more; one that goes on changing is a problem. Of a file
    of records, what was given before the change stays.

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
        chosen: str | None = OTHER_NAMES.get(name, name)
        if chosen not in READERS:
            raise UnknownMediaTypeError(media_type, tuple(READERS))
    else:
        chosen = media_type_of(path)
    fallback = normalise_line(title or _stem(path))  # names of files need not be UTF-8, or one line
    return _read(path, options or ReadOptions(), source or file_source(path), chosen, fallback)


def _read(path: Path, options: ReadOptions, source: str, media_type: str | None, title: str) -> Reading:
    if media_type is None:
        reason = f"no reader is there for {path.name!r}; readable are {', '.join(SUFFIXES)}, each also as .gz"
        yield unsupported(path) or Problem(source, None, ProblemKind.UNSUPPORTED, reason)
        return
    reader = READERS[media_type]
    before = _state(path)
    if reader.is_streamed:
        yield from _guarded(reader, path, options, source, title)
        if _state(path) != before:
            reason = "it changed while it was read, and what came later may be missing; ingest it again"
            yield Problem(source, None, ProblemKind.CHANGED, reason)
        return
    items = list(_guarded(reader, path, options, source, title))
    if (after := _state(path)) != before:
        items = list(_guarded(reader, path, options, source, title))
        if _state(path) != after:
            reason = "it changed while it was read, twice; ingest it again when nobody writes to it"
            items = [Problem(source, None, ProblemKind.CHANGED, reason)]
    yield from items


def _guarded(reader: _ReaderName, path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives what a reader gives; what it cannot read is a problem."""
    try:
        yield from reader.load()(path, options, source, title)
    except UnfitTextError as error:
        yield error.problem(source)
    except RecursionError:
        reason = "its elements are nested too deeply to read; simplify the file"
        yield Problem(source, None, ProblemKind.MALFORMED, reason)
    except READ_ERRORS as error:
        yield unreadable(error).problem(source)


def _state(path: Path) -> tuple[int, ...] | None:
    """Returns what changes with a file's content: which file it is, its size and its time; None: none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name
