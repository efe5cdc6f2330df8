"""XML: the text of its elements as blocks; elements that are short facts as `name: text` lines.

An element of which every child holds one short text, each under another name, is a record (a product, a
person): its facts become the lines of one block. Elements named `title` or `head` are headings of what they
stand in. Everything else is text in its order.
"""

from collections.abc import Iterable
from pathlib import Path

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.bytes import open_file, too_large
from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.packages import local_name, parse_xml, parsing
from ingest.readers.plain import require_text

XML = "XML"
_HEADINGS = frozenset({"title", "head", "heading", "bridgehead"})
_MAX_FACT_CHARACTERS = 300
_MAX_DEPTH = 200


def read_xml(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the file as one document, titled by its first heading."""
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    with open_file(path) as file:
        data = file.stream.read(options.max_document_bytes + 1)
    if len(data) > options.max_document_bytes:
        raise too_large("The file", options)
    require_text(data.strip(b" \t\r\n\0").decode("latin-1")[:1])
    if options.encoding is not None:
        data = data.decode(options.encoding, "replace").encode()
    composer = Composer()
    with parsing(XML):
        _element(parse_xml(data, XML), composer, depth=0)
    named = composer.headings[0].title if composer.headings else title
    return composer.document(source, named, "application/xml")


def _element(node: etree._Element, composer: Composer, depth: int) -> None:
    """Renders an element."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    children = [child for child in node if local_name(child)]
    name = local_name(node)
    if name in _HEADINGS and depth > 0:
        composer.add_heading(_text(node), min(depth, 9))
    elif not children or _is_mixed(node, children):
        composer.add(_text(node))
    elif _is_record(children):
        facts = [(local_name(child), _text(child)) for child in children]
        composer.add("\n".join(f"{key}: {fact}" for key, fact in facts if fact))
    else:
        for child in children:
            _element(child, composer, depth + 1)


def _is_mixed(node: etree._Element, children: Iterable[etree._Element]) -> bool:
    """Whether text stands beside the children, as in a paragraph with words in bold."""
    return any((text or "").strip() for text in (node.text, *(child.tail for child in children)))


def _is_record(children: list[etree._Element]) -> bool:
    names = {local_name(child) for child in children}
    are_facts = all(not len(child) and len(child.text or "") <= _MAX_FACT_CHARACTERS for child in children)
    return are_facts and len(names) == len(children) > 1 and not names <= _HEADINGS


def _text(node: etree._Element) -> str:
    return normalise_line("".join(map(str, node.itertext())), 10_000_000)
