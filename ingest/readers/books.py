"""EPUB books: the chapters in reading order, each rendered like a web page."""

import posixpath
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote

from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from ingest.clean import normalise_line
from ingest.readers.bytes import UnfitTextError, decode
from ingest.readers.compose import Composer
from ingest.readers.document import ProblemKind, RawDocument, Reading, ReadOptions
from ingest.readers.html import render
from ingest.readers.packages import encrypted, local_name, open_package, parse_xml, parsing, read_member

BOOK = "an EPUB book"
MEDIA_TYPE = "application/epub+zip"

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")
# Closed at once, as XML allows, these would swallow the rest of the page in HTML.
_CLOSED = re.compile(r"<((title|script|style|iframe|textarea|noscript)\b[^<>]*)/>", re.IGNORECASE)
_METADATA = {"author": "creator", "language": "language", "publisher": "publisher", "date": "date"}
_PAGES = ("application/xhtml+xml", "text/html")


def read_book(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the book as one document, titled by its metadata."""
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    composer = Composer()
    with open_package(path, BOOK, options) as package, parsing(BOOK):
        _refuse_encrypted(package)
        name = _package_name(package)
        opf = parse_xml(read_member(package, name, BOOK), BOOK)
        for number, chapter in enumerate(_chapters(opf, name), start=1):
            composer.move_to(chapter=number)
            page = decode(read_member(package, chapter, BOOK), None)
            render(LexborHTMLParser(_CLOSED.sub(r"<\1></\2>", page)), composer)
            composer.check_size(options)
    facts = _facts(opf)
    metadata = {ours: facts[theirs] for ours, theirs in _METADATA.items() if theirs in facts}
    return composer.document(source, facts.get("title") or title, MEDIA_TYPE, metadata)


def _refuse_encrypted(package: zipfile.ZipFile) -> None:
    """Raises UnfitTextError for a book with digital rights management; fonts alone may be scrambled."""
    if _ENCRYPTION not in package.namelist():
        return
    methods = {
        str(node.get("Algorithm")).encode()
        for node in parse_xml(read_member(package, _ENCRYPTION, BOOK), BOOK).iter()
        if local_name(node) == "EncryptionMethod"
    }
    if methods - {*_FONT_OBFUSCATION}:
        raise encrypted(BOOK)


def _package_name(package: zipfile.ZipFile) -> str:
    root = parse_xml(read_member(package, _CONTAINER, BOOK), BOOK)
    found = (node.get("full-path") for node in root.iter() if local_name(node) == "rootfile")
    name = next((name for name in found if name), None)
    if name is None:
        reason = f"it is no whole EPUB book: {_CONTAINER} names no package; get it again"
        raise UnfitTextError(ProblemKind.MALFORMED, reason)
    return str(name)


def _chapters(opf: etree._Element, opf_name: str) -> list[str]:
    """Returns the names of the chapters' parts in reading order, without the table of contents."""
    folder = posixpath.dirname(opf_name)
    items = {}
    for node in opf.iter():
        is_page = local_name(node) == "item" and node.get("media-type") in _PAGES
        if is_page and "nav" not in (node.get("properties") or "").split():
            part = posixpath.join(folder, unquote(node.get("href") or ""))
            items[node.get("id")] = posixpath.normpath(part)
    order = (node.get("idref") for node in opf.iter() if local_name(node) == "itemref")
    return [items[key] for key in order if key in items]


def _facts(opf: etree._Element) -> dict[str, str]:
    """Returns the first of each kind of metadata."""
    facts: dict[str, str] = {}
    for node in opf.iter():
        text = normalise_line(node.text or "")
        if text and local_name(node) in ("title", "language", "creator", "publisher", "date"):
            facts.setdefault(local_name(node), text)
    return facts
