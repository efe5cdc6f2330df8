"""What readers give: documents with their text and headings, and problems for what they had to leave out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ingest.errors import UnknownEncodingError
from store.places import Place

MAX_DOCUMENT_BYTES = 50_000_000
_FRAGMENT = "/:@!$&'()*+,;=-._~?"  # what RFC 3986 lets stand in a fragment


@dataclass(frozen=True)
class Heading:
    """A heading line `text[start:end]` of a document; `title` is it without markup.

    A heading that is not part of the text (a record's title field) has `start == end == 0` and level 0.
    """

    start: int
    end: int
    level: int
    title: str


def part_source(source: str, name: str) -> str:
    """Returns what a part of a file is known by: its name as the fragment, or below the part it stands in."""
    return f"{source}{'/' if '#' in source else '#'}{quote(name, safe=_FRAGMENT)}"


class ProblemKind(StrEnum):
    """Why a piece was left out, or needs a look: reports count by it."""

    BINARY = "binary"
    CHANGED = "changed"
    """The file changed while it was read, also the second time."""
    CRASHED = "crashed"
    """The process that read it died of it."""
    EMPTY = "empty"
    ENCODING = "encoding"
    ENCRYPTED = "encrypted"
    INTERNAL = "internal"
    """A mistake in our own program or in a library; the trace says where."""
    LIMIT = "limit"
    """It took more time or memory, or gave more text, than a document may."""
    MALFORMED = "malformed"
    NO_TEXT = "no_text"
    REFUSED = "refused"
    """A text that is not good enough for the corpus: no failure."""
    REPEATED = "repeated"
    """A record with the id of an earlier one: stored under another source, no failure."""
    SCANNED = "scanned"
    """Pages or pictures whose text could not be recognised; a document may have them beside others."""
    SKIPPED = "skipped"
    """A file in a folder that no reader claims: no failure."""
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    UNSAFE = "unsafe"
    """An archive that is made to do harm, or looks like it."""
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Remark:
    """What has to be said of a document although it was read: no failure."""

    kind: ProblemKind
    reason: str


@dataclass(frozen=True)
class RawDocument:
    """A document as a reader gives it; `text` is normalised (see `ingest.clean`) and never empty.

    `places` say where in the file it stands, in order. `position` counts the bytes of the file that had been
    read when the document was complete. `remark` tells what of the file is not in it.
    """

    source: str
    title: str
    text: str
    media_type: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    headings: tuple[Heading, ...] = ()
    position: int = 0
    places: tuple[Place, ...] = ()
    remark: Remark | None = None


@dataclass(frozen=True)
class Problem:
    """A piece of input that could not become a document; `line` counts from 1, None for a whole file."""

    source: str
    line: int | None
    kind: ProblemKind
    reason: str
    position: int = 0


Reading = Iterator[RawDocument | Problem]


@dataclass(frozen=True)
class ReadOptions:
    """How to read files.

    `text_field`, `id_field` and `title_field` name fields of JSONL and CSV records; None looks for the usual
    names. `encoding` None means UTF-8, or what a byte order mark or an HTML page's own declaration says.
    `max_document_bytes` bounds a line of JSONL and the text of any document; an office file may unpack to ten
    times as much. An archive may hold `max_parts` files of `max_unpacked_bytes` in all; `depth` counts the
    archives and messages that the file was taken out of.

    `tesseract` is the program that recognises the text of scanned pages; `ocr_languages` are its names of
    languages, joined by `+`. Pictures are read through it if `read_images`, sound by the speech recognition
    model in the folder `speech_model`; None passes sound over. `query` is what is asked of databases.
    """

    text_field: str | None = None
    id_field: str | None = None
    title_field: str | None = None
    encoding: str | None = None
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    max_unpacked_bytes: int = 100 * MAX_DOCUMENT_BYTES
    max_parts: int = 100_000
    depth: int = 0
    tesseract: str = "tesseract"
    ocr_languages: str = "eng"
    read_images: bool = False
    speech_model: Path | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        """Raises UnknownEncodingError for an encoding that Python does not have."""
        if self.encoding is not None:
            try:
                b"    ".decode(self.encoding, "replace")
            except (LookupError, ValueError) as error:  # codecs such as "undefined" fail on everything
                raise UnknownEncodingError(self.encoding) from error
