"""Opening files and turning their bytes into text, with problems that say what to do about them."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from ingest.readers.document import Problem, ProblemKind, ReadOptions

READ_ERRORS = (OSError, EOFError, zlib.error)  # what a missing, forbidden, cut-off or corrupt file raises

_MAGIC = {
    b"%PDF-": "a PDF file",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x7fELF": "a program",
}
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Codecs of Python that are no encodings of documents.
_PYTHON_ONLY = frozenset(
    {
        "charmap",
        "idna",
        "mbcs",
        "oem",
        "palmos",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
    }
)
_WINDOWS_1252 = "cp1252"
_READ_AS_WINDOWS_1252 = frozenset(
    {"ascii", "iso8859-1", _WINDOWS_1252}
)  # as the Encoding Standard labels them
_UNDEFINED_IN_WINDOWS_1252 = {0xDC00 + byte: byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_HTML_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)


class UnfitTextError(Exception):
    """Bytes that are not the text of one document; readers turn it into a `Problem`."""

    def __init__(self, kind: ProblemKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason

    def problem(self, source: str, line: int | None = None, position: int = 0) -> Problem:
        """Returns the problem to report for the source."""
        return Problem(source, line, self.kind, self.reason, position)


@dataclass(frozen=True)
class OpenFile:
    """An open file: `stream` gives its content, unpacked where it was packed."""

    stream: BufferedReader | gzip.GzipFile
    _raw: BufferedReader

    @property
    def position(self) -> int:
        """How many bytes of the file on disk have been read."""
        return self._raw.tell()


@contextmanager
def open_file(path: Path) -> Iterator[OpenFile]:
    """Opens a file for reading, through gzip when its name ends in `.gz`."""
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield OpenFile(unpacked, raw)
        else:
            yield OpenFile(raw, raw)


def read_text(path: Path, options: ReadOptions, *, html: bool = False) -> str:
    """Returns a whole file as text.

    Raises UnfitTextError for a file that is too large, binary or in another encoding, and the errors in
    READ_ERRORS.
    """
    with open_file(path) as file:
        data = file.stream.read(options.max_document_bytes + 1)
    if len(data) > options.max_document_bytes:
        raise too_large("The file", options)
    declared = _HTML_CHARSET.search(data[:4096]) if html else None
    return decode(data, options.encoding, declared.group(1).decode() if declared else None)


def decode(data: bytes, encoding: str | None, declared: str | None = None) -> str:
    """Returns the bytes as text, by the first of: `encoding`, a byte order mark, `declared`, UTF-8.

    Raises UnfitTextError naming the byte that does not fit.
    """
    marked = encoding or byte_order_encoding(data)
    chosen = marked or _known(declared) or "utf-8"
    refuse_binary(data, chosen)
    if not marked and chosen == _WINDOWS_1252:
        return _windows_1252(data)
    try:
        return data.decode(chosen)
    except UnicodeError as error:
        what = "the content"
        if isinstance(error, UnicodeDecodeError):
            what = f"byte {error.start} (0x{error.object[error.start]:02x})"
        raise UnfitTextError(
            ProblemKind.ENCODING,
            f"{what} is not valid {chosen}; name the file's encoding, for example --encoding cp1252",
        ) from error


def byte_order_encoding(data: bytes) -> str | None:
    """Returns the encoding that a byte order mark at the start declares, None without one."""
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)


def refuse_binary(data: bytes, encoding: str) -> None:
    """Raises UnfitTextError when the bytes are evidently no text."""
    what = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    if what is None and b"\0" in data[:8192] and not is_wide(encoding):
        what = "binary data"
    if what is not None:
        raise UnfitTextError(ProblemKind.BINARY, f"the content is {what}, not text; convert it to text first")


def is_wide(encoding: str) -> bool:
    """Whether every character, a newline too, takes two or four bytes in the encoding."""
    return encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32", "utf16", "utf32"))


def too_large(what: str, options: ReadOptions) -> UnfitTextError:
    """Returns the error for something over the limit of one document."""
    return UnfitTextError(
        ProblemKind.TOO_LARGE,
        f"{what} is longer than {options.max_document_bytes:,} bytes, the most for one document; split it",
    )


def unreadable(error: Exception) -> UnfitTextError:
    """Returns the error for one of READ_ERRORS."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnfitTextError(
        ProblemKind.UNREADABLE, f"cannot be read ({reason}); check that the file is whole and its permissions"
    )


def _known(declared: str | None) -> str | None:
    """Returns the encoding that a page declares, None where the declaration must be wrong.

    A page whose declaration could be read byte by byte is not UTF-16 (the HTML standard says UTF-8 instead).
    Latin-1 and ASCII stand for Windows-1252, as the same standard says.
    """
    if not declared:
        return None
    try:
        name = codecs.lookup(declared).name
        " ".encode(declared)  # raises LookupError for codecs from bytes to bytes, such as base64
    except (LookupError, UnicodeError):
        return None
    if is_wide(name) or name in _PYTHON_ONLY:
        return None
    return _WINDOWS_1252 if name in _READ_AS_WINDOWS_1252 else name


def _windows_1252(data: bytes) -> str:
    """Returns the bytes as browsers read them: the five that Windows-1252 leaves undefined as in Latin-1."""
    return data.decode(_WINDOWS_1252, "surrogateescape").translate(_UNDEFINED_IN_WINDOWS_1252)
