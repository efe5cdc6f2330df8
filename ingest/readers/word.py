"""Word documents (docx): paragraphs, headings, lists, tables, footnotes and text boxes, in their order.

The parts are read as XML by local names, so that the strict and the transitional form of the format (ISO/IEC
29500) read alike. Page numbers are those of the last time that Word laid the document out, where it noted
them.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.charts import chart_rows
from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.office import main_part, properties, related, relations
from ingest.readers.packages import local_name, open_package, parse_xml, parsing, read_member

WORD = "a Word document"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_SILENT = frozenset(
    """del moveFrom Fallback pPr rPr sectPr sdtPr sdtEndPr tblPr trPr tcPr tblGrid rt instrText delText
    delInstrText posOffset docPr txbxContent annotationRef""".split()  # noqa: SIM905
)
"""Elements without text of the paragraph that they stand in; text boxes are rendered after it."""
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_PAGE_TURN = "lastRenderedPageBreak"
_MAX_DEPTH = 200
_NO_LIST = "0"  # the number that takes a paragraph out of its style's list


@dataclass(frozen=True)
class _Style:
    """What a paragraph style means: the level of a heading (0: none), an item of a list."""

    level: int = 0
    is_item: bool = False


@dataclass(frozen=True)
class _Parts:
    """What the document's text refers to: styles and charts by id, notes by kind and id (`footnote 2`)."""

    styles: dict[str, _Style]
    notes: dict[str, str]
    charts: dict[str, list[list[str]]]


def read_word(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the document as one, titled by its properties or its first top heading."""
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    with open_package(path, WORD, options) as package, parsing(WORD):
        main = main_part(package, "word/document.xml", WORD)
        root = parse_xml(read_member(package, main, WORD), WORD)
        others = related(package, main, WORD)
        parts = _Parts(
            _read_styles(package, others.get("styles")),
            _read_notes(package, others.get("footnotes")) | _read_notes(package, others.get("endnotes")),
            _read_charts(package, main),
        )
        facts = properties(package, WORD)
        walk = _Walk(parts, options, counts_pages=next(_all(root, _PAGE_TURN), None) is not None)
        walk.blocks(root)
    headings = walk.composer.headings
    top = headings[0].title if headings and headings[0].level == 1 else ""
    return walk.composer.document(source, facts.title or top or title, MEDIA_TYPE, facts.metadata)


class _Walk:
    """Walks a document: every paragraph and every table becomes a block."""

    def __init__(self, parts: _Parts, options: ReadOptions, *, counts_pages: bool) -> None:
        self.composer = Composer()
        self._parts = parts
        self._options = options
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
            elif name not in _SILENT:
                self.blocks(node, depth + 1)

    def _paragraph(self, node: etree._Element, depth: int) -> None:
        text = "".join(_texts(node)).strip()
        style = self._style(node)
        early = _turns_before_text(node)
        self._turn(early)
        if text and style.level:
            self.composer.add_heading(text, style.level)
        elif text:
            tight = style.is_item and self._after_item
            mark = "- " if style.is_item else ""
            self.composer.add(text, mark=mark, separator="\n" if tight else "\n\n")
        if text:
            self._after_item = style.is_item and not style.level
            self.composer.check_size(self._options)
        self._notes(node)
        self._charts(node)
        for box in _all(node, "txbxContent"):
            if not _is_silenced(box, node):
                self.blocks(box, depth + 1)
        self._turn(sum(1 for _ in _all(node, _PAGE_TURN)) - early)

    def _table(self, table: etree._Element) -> None:
        rows = []
        for row in _children(table, "tr"):
            cells = [_line(cell) for cell in _children(row, "tc")]
            if any(cells):
                rows.append(" | ".join(cells))
        self.composer.add("\n".join(rows))
        self._after_item = False
        self._notes(table)
        self._turn(sum(1 for _ in _all(table, _PAGE_TURN)))

    def _notes(self, node: etree._Element) -> None:
        """Renders the notes that an element refers to, right after it."""
        for reference in node.iter():
            key = _note_key(reference)
            if key in self._parts.notes:
                self.composer.add(f"{_marker(key)} {self._parts.notes[key]}")

    def _charts(self, node: etree._Element) -> None:
        """Renders the numbers behind the charts that stand in a paragraph."""
        for chart in _all(node, "chart"):
            rows = self._parts.charts.get(_attribute(chart, "id") or "", [])
            self.composer.add("\n".join(" | ".join(row) for row in rows))

    def _turn(self, pages: int) -> None:
        self._page += pages
        if self._counts_pages:
            self.composer.move_to(page=self._page)

    def _style(self, paragraph: etree._Element) -> _Style:
        """Returns what a paragraph is, by its style and what it says itself."""
        own = next(_children(paragraph, "pPr"), None)
        if own is None:
            return _Style()
        style = self._parts.styles.get(_value(own, "pStyle") or "", _Style())
        level = _outline_level(own) or style.level
        numbering = next(_children(own, "numPr"), None)
        is_item = style.is_item if numbering is None else _value(numbering, "numId") != _NO_LIST
        return _Style(level, is_item)


def _texts(node: etree._Element) -> Iterator[str]:
    """Gives the text of a paragraph in its order: as it reads with all changes accepted."""
    for child in node:
        name = local_name(child)
        if name == "t":
            yield child.text or ""
        elif name in _CHARACTERS:
            yield _CHARACTERS[name]
        elif key := _note_key(child):
            yield _marker(key)
        elif name == "sym":
            yield _symbol(child)
        elif name == "p":  # of a cell, a text box or a note
            yield from _texts(child)
            yield "\n"
        elif name and name not in _SILENT:
            yield from _texts(child)


def _line(node: etree._Element) -> str:
    return " ".join("".join(_texts(node)).split())


def _read_styles(package: zipfile.ZipFile, part: str | None) -> dict[str, _Style]:
    """Returns the paragraph styles that are headings or list items, also by the style that they build on."""
    if part is None:
        return {}
    root = parse_xml(read_member(package, part, WORD), WORD)
    nodes = {_attribute(node, "styleId") or "": node for node in _children(root, "style")}

    def read(style_id: str, depth: int = 0) -> _Style:
        node = nodes.get(style_id)
        if node is None or depth > 20:
            return _Style()
        base = read(_value(node, "basedOn") or "", depth + 1)
        own = next(_children(node, "pPr"), None)
        level = _named_level(_value(node, "name") or "")
        if own is None:
            return _Style(level or base.level, base.is_item)
        is_item = base.is_item or next(_children(own, "numPr"), None) is not None
        return _Style(level or _outline_level(own) or base.level, is_item)

    return {style_id: read(style_id) for style_id in nodes}


def _read_notes(package: zipfile.ZipFile, part: str | None) -> dict[str, str]:
    """Returns the texts of footnotes or endnotes by kind and id; separators are none."""
    if part is None:
        return {}
    notes = {}
    for node in parse_xml(read_member(package, part, WORD), WORD):
        text = _line(node)
        if text and _attribute(node, "type") in (None, "normal"):
            notes[f"{local_name(node)} {_attribute(node, 'id')}"] = text
    return notes


def _read_charts(package: zipfile.ZipFile, main: str) -> dict[str, list[list[str]]]:
    """Returns the rows of numbers behind each chart."""
    return {
        relation.id: chart_rows(parse_xml(read_member(package, relation.target, WORD), WORD))
        for relation in relations(package, main, WORD)
        if relation.kind == "chart"
    }


def _named_level(name: str) -> int:
    """Returns the heading level that a style's name means in every language version; 0 for none.

    Built-in styles are stored under their English names.
    """
    words = name.lower().split()
    if words == ["title"]:
        return 1
    if len(words) == 2 and words[0] == "heading" and words[1].isdigit():
        return min(int(words[1]), 9)
    return 0


def _outline_level(properties: etree._Element) -> int:
    stated = _value(properties, "outlineLvl")
    return int(stated) + 1 if stated and stated.isdigit() and int(stated) < 9 else 0


def _note_key(node: etree._Element) -> str:
    name = local_name(node)
    if name not in ("footnoteReference", "endnoteReference"):
        return ""
    return f"{name.removesuffix('Reference')} {_attribute(node, 'id')}"


def _marker(key: str) -> str:
    return f"[{normalise_line(key.partition(' ')[2], 20)}]"


def _symbol(node: etree._Element) -> str:
    """Returns a symbol that is given by its code; those of symbol fonts have no meaning without the font."""
    code = int(_attribute(node, "char") or "f000", 16)
    return "" if 0xE000 <= code <= 0xF8FF else chr(code)


def _turns_before_text(paragraph: etree._Element) -> int:
    turns = 0
    for node in paragraph.iter():
        name = local_name(node)
        if name == _PAGE_TURN:
            turns += 1
        elif name == "t" and (node.text or "").strip():
            break
    return turns


def _is_silenced(node: etree._Element, top: etree._Element) -> bool:
    """Whether a text box stands in a part that is left out, or in another text box of the paragraph."""
    above = node.getparent()
    while above is not None and above is not top:
        if local_name(above) in _SILENT:
            return True
        above = above.getparent()
    return False


def _children(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """Gives the children of a name, looking into content controls and the like."""
    for child in node:
        found = local_name(child)
        if found == name:
            yield child
        elif found in ("sdt", "sdtContent", "ins", "smartTag", "customXml"):
            yield from _children(child, name)


def _all(node: etree._Element, name: str) -> Iterator[etree._Element]:
    return (found for found in node.iter() if local_name(found) == name)


def _value(node: etree._Element, name: str) -> str | None:
    """Returns the `val` of a node's child, None where there is no such child."""
    child = next(_children(node, name), None)
    return None if child is None else _attribute(child, "val")


def _attribute(node: etree._Element, name: str) -> str | None:
    """Returns an attribute by its local name."""
    return next((str(value) for key, value in node.items() if str(key).rpartition("}")[2] == name), None)
