"""Builds a rendered document block by block, keeping the offsets of its headings."""

from ingest.clean import normalise, normalise_line
from ingest.readers.document import Heading


class Composer:
    """Joins blocks with empty lines between them; the result equals its own normal form."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._headings: list[Heading] = []
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
        self._blocks.append(block)
        self._length += len(block)

    def add_heading(self, line: str, level: int, title: str | None = None) -> None:
        """Appends a heading line; `title` is what heading paths show, None for the line itself."""
        line = normalise_line(line, max_characters=1_000)
        if line:
            self.add(line)
            start = self._length - len(line)
            self._headings.append(Heading(start, self._length, level, normalise_line(title or line, 120)))

    @property
    def text(self) -> str:
        """The document's text so far."""
        return "".join(self._blocks)

    @property
    def headings(self) -> tuple[Heading, ...]:
        """The headings so far, in the text's order."""
        return tuple(self._headings)
