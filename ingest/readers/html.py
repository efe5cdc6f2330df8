"""HTML: the main text as blocks with its headings; navigation, scripts and forms are left out."""

import re
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.clean import normalise_line
from ingest.readers.bytes import read_text
from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.grid import Cell, table_text
from ingest.readers.plain import require_text

_LEFT_OUT = (
    "script, style, noscript, template, nav, aside, svg, iframe, object, canvas, audio, video, button, "
    "select, input, textarea, dialog, [hidden], [aria-hidden=true], [role=navigation], [role=search], "
    "[role=banner], [role=contentinfo], body > footer, .headerlink"
)
_MAIN = ("main", "[role=main]", "article")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INLINE = frozenset(
    """-text a abbr acronym b bdi bdo big br cite code data del dfn em font i img ins kbd label mark math
    meter output q rp rt ruby s samp small span strike strong sub sup time tt u var wbr""".split()  # noqa: SIM905
)
_SPACES = re.compile(r"[ \t\n\r\f\v]+")
_LINE_BREAK = "\x1e"  # stands for <br> while white space is collapsed


def read_html(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the page as one document, titled by `<title>` or its first `<h1>`."""
    tree = LexborHTMLParser(read_text(path, options, html=True))
    named = tree.css_first("head > title") or tree.css_first("h1")
    language = tree.root.attributes.get("lang") if tree.root else None
    composer = render(tree)
    text = require_text(composer.text)
    yield RawDocument(
        source,
        (normalise_line(named.text()) if named else "") or title,
        text,
        "text/html",
        {"language": language} if language else {},
        composer.headings,
    )


def render(tree: LexborHTMLParser, composer: Composer | None = None) -> Composer:
    """Returns the page's main text, after what is in `composer` where one is given; changes the tree."""
    for node in tree.css(_LEFT_OUT):
        if node.tag not in ("html", "body"):  # scripts show such pages later; and a root cannot be taken out
            node.decompose()
    mains = next((found for selector in _MAIN if len(found := tree.css(selector)) == 1), [])
    top = mains[0] if mains and mains[0].text(strip=True) else tree.body
    page = _Page(composer or Composer())
    if top is not None:
        page.walk(top)
        page.flush()
    return page.composer


class _Page:
    """Walks a page: inline content gathers in a paragraph until a block begins or ends."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self._inline: list[str] = []
        self._mark = ""  # what the next paragraph begins with: a list item's dash or number
        self._depth = 0  # of lists in lists
        self._after_item = False

    def walk(self, top: LexborNode) -> None:
        """Renders what is inside a node."""
        number = 0
        for node in top.iter(include_text=True):
            tag = node.tag or ""
            if tag in _INLINE and not _holds_blocks(node):
                self._inline.append(_inline_text(node))
            elif tag == "li":
                number += 1
                self._item(node, f"{number}. " if top.tag == "ol" else "- ")
            elif not tag.startswith("-"):  # comments and the like
                self.flush()
                self._block(node, tag)

    def flush(self) -> None:
        """Ends the paragraph."""
        text = _SPACES.sub(" ", "".join(self._inline)).replace(_LINE_BREAK, "\n")
        self._inline.clear()
        self._add("\n".join(line.strip() for line in text.split("\n")).strip())

    def _block(self, node: LexborNode, tag: str) -> None:
        if tag in _HEADINGS:
            self.composer.add_heading(_line(node), _HEADINGS[tag])
        elif tag == "pre":
            self._add(node.text().strip("\n"))
        elif tag == "table" and not node.css_first("table table, h1, h2, h3"):
            self._table(node)
        else:
            if self._depth == 0:
                self._after_item = False  # items of different lists do not belong together
            self.walk(node)
            self.flush()

    def _item(self, node: LexborNode, mark: str) -> None:
        self.flush()
        self._mark = "  " * self._depth + mark
        self._depth += 1
        self.walk(node)
        self.flush()
        self._depth -= 1
        self._mark = ""

    def _table(self, table: LexborNode) -> None:
        caption = table.css_first("caption")
        rows = ([_cell(cell) for cell in row.css("th, td")] for row in table.css("tr"))
        self._add("\n".join(filter(None, [_line(caption) if caption else "", table_text(rows)])))

    def _add(self, text: str) -> None:
        if text:
            tight = bool(self._mark) and self._after_item
            self.composer.add(text, mark=self._mark, separator="\n" if tight else "\n\n")
            self._after_item = bool(self._mark)
            self._mark = ""


def _cell(node: LexborNode) -> Cell:
    return Cell(_line(node), _span(node, "colspan"), _span(node, "rowspan"))


def _span(node: LexborNode, name: str) -> int:
    stated = node.attributes.get(name) or ""
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 5 else 1


def _holds_blocks(node: LexborNode) -> bool:
    return any((child.tag or "") not in _INLINE for child in node.traverse() if child.mem_id != node.mem_id)


def _inline_text(node: LexborNode) -> str:
    if node.tag == "br":
        return _LINE_BREAK
    if node.tag == "img":
        return node.attributes.get("alt") or ""
    if node.tag == "-text":
        return node.text()
    text = "".join(_inline_text(child) for child in node.iter(include_text=True))
    return text if node.tag in _INLINE else f" {text} "  # blocks in a cell stand apart


def _line(node: LexborNode) -> str:
    return _SPACES.sub(" ", _inline_text(node)).replace(_LINE_BREAK, " ").strip()
