"""Word documents (docx): paragraphs, headings, lists, tables, footnotes and text boxes, in their order.

The parts are read as XML by local names, so that the strict and the transitional form of the format (ISO/IEC
29500) read alike. Page numbers are those of the last time that Word laid the document out, where it noted
them.
"""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.grid import REPEATED_CHARACTERS, Cell, table_text
from ingest.readers.office import main_part, properties
from ingest.readers.packages import local_name, open_package, parse_xml, parsing, read_member
from ingest.readers.word_numbers import Numbers
from ingest.readers.word_parts import WORD, Parts, Style, read_parts
from ingest.readers.word_xml import (
    SILENT,
    attribute,
    children,
    descendants,
    is_silenced,
    line,
    marker,
    note_key,
    number,
    texts,
    value,
)

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_PAGE_TURN = "lastRenderedPageBreak"
_MAX_DEPTH = 200


def read_word(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the document as one, titled by its properties or its first top heading."""
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    with open_package(path, WORD, options) as package, parsing(WORD):
        main = main_part(package, "word/document.xml", WORD)
        root = parse_xml(read_member(package, main, WORD), WORD)
        facts = properties(package, WORD)
        counts_pages = next(descendants(root, _PAGE_TURN), None) is not None
        walk = _Walk(read_parts(package, main), options, counts_pages=counts_pages)
        walk.blocks(root)
    headings = walk.composer.headings
    top = headings[0].title if headings and headings[0].level == 1 else ""
    return walk.composer.document(source, facts.title or top or title, MEDIA_TYPE, facts.metadata)


class _Walk:
    """Walks a document: every paragraph and every table becomes a block."""

    def __init__(self, parts: Parts, options: ReadOptions, *, counts_pages: bool) -> None:
        self.composer = Composer()
        self._parts = parts
        self._options = options
        self._numbers = Numbers(parts.lists)
        self._counts_pages = counts_pages
        self._page = 1
        self._after_item = False
        self._turn(0)

    def blocks(self, parent: etree._Element, depth: int = 0) -> None:
        """Renders the paragraphs and tables inside an element; controls and the like are looked through."""
        if depth > _MAX_DEPTH:
            raise RecursionError
        for node in parent:
            name = local_name(node)
            if name == "p":
                self._paragraph(node, depth)
            elif name == "tbl":
                self._table(node)
            elif name not in SILENT:
                self.blocks(node, depth + 1)

    def _paragraph(self, node: etree._Element, depth: int) -> None:
        early = _turns_before_text(node)
        self._turn(early)
        if text := "".join(texts(node)).strip():
            self._text(text, self._style(node))
            self.composer.check_size(self._options)
        self._notes(node)
        self._charts(node)
        for box in descendants(node, "txbxContent"):
            if not is_silenced(box, node):
                self.blocks(box, depth + 1)
        self._turn(sum(1 for _ in descendants(node, _PAGE_TURN)) - early)

    def _text(self, text: str, style: Style) -> None:
        """Renders the text of a paragraph, with the number that Word would show before it."""
        is_item = style.list_id is not None
        counted = self._numbers.next(style.list_id, style.list_level) if style.list_id is not None else ""
        if style.level:
            self.composer.add_heading(f"{counted} {text}" if counted else text, style.level)
        else:
            mark = "  " * style.list_level + f"{counted or '-'} " if is_item else ""
            tight = is_item and self._after_item
            self.composer.add(text, mark=mark, separator="\n" if tight else "\n\n")
        self._after_item = is_item and not style.level

    def _style(self, paragraph: etree._Element) -> Style:
        """Returns what a paragraph is, by its style and what it says itself."""
        own = next(children(paragraph, "pPr"), None)
        if own is None:
            return Style()
        return self._parts.styles.get(value(own, "pStyle") or "", Style()).with_properties(own)

    def _table(self, table: etree._Element) -> None:
        self.composer.add(table_text(_rows(table)))
        self._after_item = False
        self._notes(table)
        self._turn(sum(1 for _ in descendants(table, _PAGE_TURN)))

    def _notes(self, node: etree._Element) -> None:
        """Renders the notes that an element refers to, right after it."""
        for reference in node.iter():
            key = note_key(reference)
            if key in self._parts.notes:
                self.composer.add(f"{marker(key)} {self._parts.notes[key]}")

    def _charts(self, node: etree._Element) -> None:
        """Renders the numbers behind the charts that stand in a paragraph."""
        for chart in descendants(node, "chart"):
            rows = self._parts.charts.get(attribute(chart, "id") or "", [])
            self.composer.add("\n".join(" | ".join(row) for row in rows))

    def _turn(self, pages: int) -> None:
        self._page += pages
        if self._counts_pages:
            self.composer.move_to(page=self._page)


def _rows(table: etree._Element) -> Iterator[list[Cell]]:
    """Gives the rows of a table; a cell that goes on with the one above has that one's text, if short."""
    above: dict[int, str] = {}
    for row in children(table, "tr"):
        cells = []
        column = 0
        for node in children(row, "tc"):
            own = next(children(node, "tcPr"), None)
            columns = (number(own, "gridSpan") or 1) if own is not None else 1
            merge = next(children(own, "vMerge"), None) if own is not None else None
            goes_on = merge is not None and attribute(merge, "val") in (None, "continue")
            cell = Cell(above.get(column, "") if goes_on else line(node), columns)
            above[column] = cell.text if len(cell.text) <= REPEATED_CHARACTERS else ""
            cells.append(cell)
            column += columns
        yield cells


def _turns_before_text(paragraph: etree._Element) -> int:
    turns = 0
    for node in paragraph.iter():
        name = local_name(node)
        if name == _PAGE_TURN:
            turns += 1
        elif name == "t" and (node.text or "").strip():
            break
    return turns
