"""The elements of Word documents by local names, and the text of a paragraph."""

from collections.abc import Iterator

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.packages import local_name

SILENT = frozenset(
    """del moveFrom Fallback pPr rPr sectPr sdtPr sdtEndPr tblPr trPr tcPr tblGrid rt instrText delText
    delInstrText posOffset docPr txbxContent annotationRef""".split()  # noqa: SIM905
)
"""Elements without text of the paragraph that they stand in; text boxes are rendered after it."""
_LOOKED_THROUGH = frozenset({"sdt", "sdtContent", "ins", "smartTag", "customXml"})
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def texts(node: etree._Element) -> Iterator[str]:
    """Gives the text of a paragraph in its order: as it reads with all changes accepted."""
    for child in node:
        name = local_name(child)
        if name == "t":
            yield child.text or ""
        elif name in _CHARACTERS:
            yield _CHARACTERS[name]
        elif key := note_key(child):
            yield marker(key)
        elif name == "sym":
            yield _symbol(child)
        elif name == "p":  # of a cell, a text box or a note
            yield from texts(child)
            yield "\n"
        elif name and name not in SILENT:
            yield from texts(child)


def line(node: etree._Element) -> str:
    """Returns the text of an element on one line."""
    return " ".join("".join(texts(node)).split())


def note_key(node: etree._Element) -> str:
    """Returns kind and id of the note that an element refers to; empty where it refers to none."""
    name = local_name(node)
    if name not in ("footnoteReference", "endnoteReference"):
        return ""
    return f"{name.removesuffix('Reference')} {attribute(node, 'id')}"


def marker(key: str) -> str:
    """Returns what stands in the text for a note."""
    return f"[{normalise_line(key.partition(' ')[2], 20)}]"


def children(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """Gives the children of a name, looking into content controls and the like."""
    for child in node:
        found = local_name(child)
        if found == name:
            yield child
        elif found in _LOOKED_THROUGH:
            yield from children(child, name)


def descendants(node: etree._Element, name: str) -> Iterator[etree._Element]:
    """Gives all elements of a name inside a node."""
    return (found for found in node.iter() if local_name(found) == name)


def value(node: etree._Element, name: str) -> str | None:
    """Returns the `val` of a node's child, None where there is no such child."""
    child = next(children(node, name), None)
    return None if child is None else attribute(child, "val")


def number(node: etree._Element, name: str) -> int | None:
    """Returns the `val` of a node's child where it is a small natural number, else None."""
    stated = value(node, name) or ""
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 7 else None


def attribute(node: etree._Element, name: str) -> str | None:
    """Returns an attribute by its local name."""
    return next((str(found) for key, found in node.items() if str(key).rpartition("}")[2] == name), None)


def is_silenced(node: etree._Element, top: etree._Element) -> bool:
    """Whether a text box stands in a part that is left out, or in another text box of the paragraph."""
    above = node.getparent()
    while above is not None and above is not top:
        if local_name(above) in SILENT:
            return True
        above = above.getparent()
    return False


def _symbol(node: etree._Element) -> str:
    """Returns a symbol that is given by its code; those of symbol fonts have no meaning without the font."""
    code = int(attribute(node, "char") or "f000", 16)
    return "" if 0xE000 <= code <= 0xF8FF else chr(code)
