"""Builds a rendered document block by block, keeping the offsets of its headings and places."""

from collections.abc import Mapping
from typing import Any

from ingest.clean import normalise, normalise_line
from ingest.readers.bytes import too_large
from ingest.readers.document import Heading, RawDocument, ReadOptions
from ingest.readers.plain import require_text
from store.places import Place


class Composer:
    """Joins blocks with empty lines between them; the result equals its own normal form."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._headings: list[Heading] = []
        self._places: list[Place] = []
        self._next_place: Mapping[str, str | int] | None = None
        self._length = 0

    def add(self, block: str, *, mark: str = "", separator: str = "\n\n") -> None:
        """Appends a block of text, after its mark (`- `); one without any text is left out."""
        block = normalise(block)
        if not block:
            return
        block = (mark if self._blocks else mark.lstrip()) + block
        if self._blocks:
            self._blocks.append(separator)
            self._length += len(separator)
        if self._next_place is not None:
            self._places.append(Place(self._length, self._next_place))
            self._next_place = None
        self._blocks.append(block)
        self._length += len(block)

    def add_heading(self, line: str, level: int, title: str | None = None) -> None:
        """Appends a heading line; `title` is what heading paths show, None for the line itself."""
        line = normalise_line(line, max_characters=1_000)
        if line:
            self.add(line)
            start = self._length - len(line)
            self._headings.append(Heading(start, self._length, level, normalise_line(title or line, 120)))

    def move_to(self, **facts: str | int) -> None:
        """Says where the blocks from here on stand: `page=3`."""
        last = self._places[-1].facts if self._places else None
        self._next_place = None if facts == last else facts

    @property
    def text(self) -> str:
        """The document's text so far."""
        return "".join(self._blocks)

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The headings so far, in the text's order."""
        return tuple(self._headings)

    @property
    def places(self) -> tuple[Place, ...]:
        """The places so far, in the text's order."""
        return tuple(self._places)

    def check_size(self, options: ReadOptions) -> None:
        """Raises UnfitTextError when the text has grown over the limit of one document."""
        if self._length > options.max_document_bytes:
            raise too_large("The text", options)

    def document(
        self, source: str, title: str, media_type: str, metadata: Mapping[str, Any] | None = None
    ) -> RawDocument:
        """Returns the whole as a document; raises UnfitTextError when it has no text."""
        text = require_text(self.text)
        return RawDocument(source, title, text, media_type, metadata or {}, self.headings, places=self.places)
