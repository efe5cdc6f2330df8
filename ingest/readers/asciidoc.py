"""AsciiDoc: headings, paragraphs, lists, tables and listings as text; directives and comments are left out.

What follows is the part of the language that documents are written in, not its preprocessor: included files
are not fetched and conditions not evaluated.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.clean import normalise
from ingest.readers.bytes import read_text
from ingest.readers.compose import Composer
from ingest.readers.document import Reading, ReadOptions

_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_ATTRIBUTE = re.compile(r":!?([\w-]+)!?:(?:[ \t]+(.*))?$")
_BLOCK_ATTRIBUTES = re.compile(r"\[.*\]$")
_ITEM = re.compile(r"([ \t]*)(\*{1,6}|-|\.{1,6}|\d+\.)[ \t]+(\S.*)")
_BLOCK_TITLE = re.compile(r"\.(?![. \t])(\S.*)")
_LISTING = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|`{3,}.*)$")
_COMMENT = re.compile(r"/{4,}$")
_FRAME = re.compile(r"(?:={4,}|\*{4,}|_{4,}|--|<<<|'{3,}|\+)$")
_TABLE = re.compile(r"[|,:!]={3,}[ \t]*$")
_DIRECTIVE = re.compile(r"(?:include|ifdef|ifndef|ifeval|endif|toc|image|video|audio)::\S*\[.*\]$")
_IMAGE_TEXT = re.compile(r"image::\S*\[([^\],=]+)[\],]")
_LINK = re.compile(r"(?:link:|xref:|mailto:|(?=https?://|ftp://))([^\s\[\]]+)\[([^\]]*)\]")
_CROSS_REFERENCE = re.compile(r"<<([^<>,]+)(?:,([^<>]*))?>>")
_MACRO = re.compile(r"(?:image|icon|kbd|btn|menu|anchor|footnote):[^\s\[\]]*\[([^\]]*)\]")
_ANCHOR = re.compile(r"\[\[[^\]]*\]\]")
_MARK = re.compile(r"(?<!\w)(\*\*?|__?|``?|##?)(?=\S)([^\n]*?\S)\1(?!\w)")
_VALUE = re.compile(r"\{([\w-]+)\}")
_CELL = re.compile(r"(?:^|(?<=\s))[\d.+*^<>a-z]{0,8}\|")
_HARD_BREAK = " +"


def read_asciidoc(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the file as one document, titled by its first heading."""
    document = _Document(normalise(read_text(path, options)).split("\n"))
    document.render()
    headings = document.composer.headings
    named = headings[0].title if headings and headings[0].level == 1 else title
    yield document.composer.document(source, named, "text/asciidoc")


class _Document:
    """Goes through the lines once: a paragraph gathers until a line begins something else."""

    def __init__(self, lines: list[str]) -> None:
        self.composer = Composer()
        self._lines = iter(lines)
        self._paragraph: list[str] = []
        self._mark = ""
        self._after_item = False
        self._values: dict[str, str] = {}

    def render(self) -> None:
        """Renders all lines."""
        for line in self._lines:
            if not self._structure(line):
                self._paragraph.append(line)
        self._flush()

    def _structure(self, line: str) -> bool:
        """Renders a line that is more than a part of a paragraph; says whether it was one."""
        if not line.strip():
            self._flush()
        elif attribute := _ATTRIBUTE.match(line):
            self._values[attribute.group(1)] = attribute.group(2) or ""
        elif _COMMENT.match(line):
            list(self._until(line))
        elif line.startswith("//"):
            pass
        elif _LISTING.match(line):
            self._flush()
            self.composer.add("\n".join(self._until(line[:3] if line.startswith("`") else line)))
        elif _TABLE.match(line):
            self._flush()
            self._table(list(self._until(line.strip())))
        elif _FRAME.match(line) or (_BLOCK_ATTRIBUTES.match(line) and not self._paragraph):
            self._flush()
        elif _DIRECTIVE.match(line):
            self._flush()
            if text := _IMAGE_TEXT.match(line):
                self.composer.add(text.group(1))
        elif (heading := _HEADING.match(line)) and not self._paragraph:
            self.composer.add_heading(self._plain(heading.group(2)), len(heading.group(1)))
            self._after_item = False
        elif (title := _BLOCK_TITLE.match(line)) and not self._paragraph:
            self.composer.add(self._plain(title.group(1)))
        elif item := _ITEM.match(line):
            self._begin_item(item)
        else:
            return False
        return True

    def _begin_item(self, item: re.Match[str]) -> None:
        self._flush()
        depth = max(len(item.group(2)) - 1 if item.group(2)[0] in "*." else 0, len(item.group(1)) // 2)
        number = item.group(2) if item.group(2)[0].isdigit() else "-"
        self._mark = f"{'  ' * depth}{number} "
        self._paragraph.append(item.group(3))

    def _flush(self) -> None:
        """Ends the paragraph or the list item."""
        lines = (line.removesuffix(_HARD_BREAK) for line in self._paragraph)
        text = self._plain("\n".join(lines))
        is_item = bool(self._mark)
        if text:
            tight = is_item and self._after_item
            self.composer.add(text, mark=self._mark, separator="\n" if tight else "\n\n")
            self._after_item = is_item
        self._paragraph.clear()
        self._mark = ""

    def _until(self, end: str) -> Iterator[str]:
        """Gives the lines of a block; one that is not closed ends with the file."""
        for line in self._lines:
            if line.strip() == end:
                return
            yield line

    def _table(self, lines: list[str]) -> None:
        """Renders a table: a line of cells is a row, and so are cells one to a line up to an empty line."""
        rows: list[list[str]] = []
        in_row = False
        for line in lines:
            if not line.strip():
                in_row = False
                continue
            _, *cells = _CELL.split(line.strip()) if "|" in line else ["", line]
            if len(cells) == 1 and in_row:
                rows[-1].extend(cells)
            else:
                rows.append(cells)
            in_row = len(cells) == 1
        self.composer.add("\n".join(self._plain(" | ".join(map(str.strip, row))) for row in rows))

    def _plain(self, text: str) -> str:
        """Returns text without its marks; links as their words, references to attributes as their values."""
        text = _VALUE.sub(lambda found: self._values.get(found.group(1), found.group(0)), text)
        text = _LINK.sub(lambda found: found.group(2).rstrip("^") or found.group(1), text)
        text = _CROSS_REFERENCE.sub(lambda found: (found.group(2) or found.group(1)).strip(), text)
        text = _ANCHOR.sub("", _MACRO.sub(lambda found: found.group(1), text))
        return _MARK.sub(lambda found: found.group(2), text).strip()
