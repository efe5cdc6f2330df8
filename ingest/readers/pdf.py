"""PDF: the text of every page in reading order, with page numbers, headings and tables.

Headings are the file's own bookmarks where they stand in the text, otherwise lines in larger letters. Pages
without text that show a picture are scanned: they are read by Tesseract where it is installed, and reported
where it is not.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from ingest.clean import normalise_line
from ingest.readers.bytes import UnfitTextError
from ingest.readers.compose import Composer
from ingest.readers.document import Problem, ProblemKind, RawDocument, Reading, ReadOptions, Remark
from ingest.readers.packages import encrypted, local_file, parsing
from ingest.readers.page_layout import Block, arrange
from ingest.readers.pdf_pages import PDFIUM, has_picture, picture_of, read_segments
from ingest.readers.recognise import can_recognise, missing, recognise

PDF = "a PDF file"
MEDIA_TYPE = "application/pdf"

_HEADING_SIZE = 1.15
"""How much larger than those of the text a heading's letters are."""
_MAX_HEADING_CHARACTERS = 150
_MAX_HEADING_LEVELS = 4
_SHOWN_PAGES = 12
_PAGE_MARK = re.compile(r"page\s+\d+\b(?:\s*(?:of|/)\s*\d+)?", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"untitled|microsoft \w+ - |.*\.(docx?|pptx?|xlsx?|indd|qxd|pdf|tex|dvi)$", re.IGNORECASE
)


@dataclass(frozen=True)
class _Bookmark:
    title: str
    level: int
    page: int


@dataclass(frozen=True)
class _Content:
    """What a file holds; `pages` has an entry for each page, `scanned` those that need recognising."""

    pages: tuple[tuple[Block, ...], ...]
    scanned: tuple[int, ...]
    bookmarks: tuple[_Bookmark, ...]
    title: str
    metadata: dict[str, str]


def read_pdf(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the file as one document, with a remark on scanned pages that cannot be read.

    If there are no others, that is a problem.
    """
    with local_file(path, options) as local:
        content = _content(local, options)
        content, unread = _recognised(content, local, options)
    try:
        document = _document(content, source, title, options)
    except UnfitTextError as error:
        if not unread or error.kind != ProblemKind.EMPTY:
            raise
        yield Problem(source, None, ProblemKind.SCANNED, _left_out(unread, options))
    else:
        remark = Remark(ProblemKind.SCANNED, _left_out(unread, options)) if unread else None
        yield replace(document, remark=remark)


def _content(path: Path, options: ReadOptions) -> _Content:
    pages: list[tuple[Block, ...]] = []
    scanned: list[int] = []
    characters = 0
    with PDFIUM, parsing(PDF):
        document = _open(path)
        try:
            for number in range(len(document)):
                page = document[number]
                try:
                    segments = read_segments(page)
                    if not segments and has_picture(page):
                        scanned.append(number)
                finally:
                    page.close()
                pages.append(tuple(arrange(segments)))
                characters += sum(len(block.text) for block in pages[-1])
                if characters > options.max_document_bytes:
                    break  # the document will be refused for its size
            facts = document.get_metadata_dict()
            bookmarks = tuple(_bookmarks(document))
        finally:
            document.close()
    named = normalise_line(facts.get("Title", ""))
    author, created = normalise_line(facts.get("Author", "")), _date(facts.get("CreationDate", ""))
    return _Content(
        tuple(pages),
        tuple(scanned),
        bookmarks,
        "" if _NO_TITLE.match(named) else named,
        {name: fact for name, fact in {"author": author, "created": created}.items() if fact},
    )


def _open(path: Path) -> pypdfium2.PdfDocument:
    """Opens a file; raises UnfitTextError when it is encrypted, the library's own error for broken ones."""
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if pdfium.FPDF_GetLastError() in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise encrypted(PDF) from error
        raise


def _bookmarks(document: pypdfium2.PdfDocument) -> Iterator[_Bookmark]:
    for bookmark in document.get_toc():
        target = bookmark.get_dest()
        page = target.get_index() if target is not None else None
        title = normalise_line(bookmark.get_title(), 120)
        if page is not None and title:
            yield _Bookmark(title, bookmark.level + 1, page)


def _recognised(content: _Content, path: Path, options: ReadOptions) -> tuple[_Content, list[int]]:
    """Returns the content with the scanned pages read, and those that could not be."""
    if not content.scanned or not can_recognise(options):
        return content, list(content.scanned)
    pages = list(content.pages)
    unread = []
    for number in content.scanned:
        try:
            text = recognise(_picture(path, number), options)
        except UnfitTextError:
            unread.append(number)
        else:
            pages[number] = tuple(Block(block, 0.0, 1) for block in text.split("\n\n") if block.strip())
    return replace(content, pages=tuple(pages)), unread


def _picture(path: Path, number: int) -> bytes:
    with PDFIUM, parsing(PDF):
        document = _open(path)
        try:
            page = document[number]
            try:
                return picture_of(page)
            finally:
                page.close()
        finally:
            document.close()


def _document(content: _Content, source: str, title: str, options: ReadOptions) -> RawDocument:
    composer = Composer()
    levels = _levels(content)
    sentence_ended = True
    for number, blocks in enumerate(content.pages):
        composer.move_to(page=number + 1)
        for position, block in enumerate(blocks):
            level = levels.get((number, position))
            if level:
                composer.add_heading(block.text, level)
            else:
                goes_on = block.goes_on and not sentence_ended
                composer.add(block.text, separator="\n" if goes_on else "\n\n")
            sentence_ended = block.is_table or bool(level) or block.text.endswith((".", "!", "?", ":"))
        composer.check_size(options)
    headings = composer.headings
    first = headings[0].title if headings and composer.places and _on_first_page(composer) else ""
    metadata = {"pages": len(content.pages), **content.metadata}
    return composer.document(source, content.title or first or title, MEDIA_TYPE, metadata)


def _on_first_page(composer: Composer) -> bool:
    """Whether the first heading stands on the first page that has text."""
    return len(composer.places) < 2 or composer.headings[0].start < composer.places[1].start


def _levels(content: _Content) -> dict[tuple[int, int], int]:
    """Returns the level of each heading by page and position of its block."""
    marked = {}
    for bookmark in content.bookmarks:
        wanted = _letters(bookmark.title)
        blocks = content.pages[bookmark.page] if bookmark.page < len(content.pages) else ()
        for position, block in enumerate(blocks):
            is_short = len(block.text) <= _MAX_HEADING_CHARACTERS
            if wanted and is_short and _letters(block.text).endswith(wanted):
                marked[bookmark.page, position] = min(bookmark.level, 9)
                break
    if len(marked) > len(content.bookmarks) // 2:
        return marked
    return _levels_by_size(content.pages)


def _levels_by_size(pages: Sequence[Sequence[Block]]) -> dict[tuple[int, int], int]:
    """Returns as headings the short blocks in letters larger than most, the largest as level 1."""
    written: Counter[float] = Counter()
    for block in (block for blocks in pages for block in blocks):
        written[round(block.size, 1)] += len(block.text)
    if not written:
        return {}
    body = written.most_common(1)[0][0]
    found = {
        (number, position): round(block.size * 2) / 2
        for number, blocks in enumerate(pages)
        for position, block in enumerate(blocks)
        if body and block.size >= _HEADING_SIZE * body and _may_be_heading(block)
    }
    sizes = sorted(set(found.values()), reverse=True)
    return {place: min(sizes.index(size) + 1, _MAX_HEADING_LEVELS) for place, size in found.items()}


def _may_be_heading(block: Block) -> bool:
    if _PAGE_MARK.match(block.text):
        return False
    is_short = len(block.text) <= _MAX_HEADING_CHARACTERS and block.lines <= 3
    is_item = block.text.startswith(("•", "●", "▪", "■", "-", "–", "*"))
    return is_short and not block.is_table and not is_item and sum(map(str.isalpha, block.text)) >= 3


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _left_out(unread: Sequence[int], options: ReadOptions) -> str:
    shown = ", ".join(str(number + 1) for number in unread[:_SHOWN_PAGES])
    more = ", …" if len(unread) > _SHOWN_PAGES else ""
    why = "Tesseract could not read them" if can_recognise(options) else missing(options)
    are = "1 page is a picture" if len(unread) == 1 else f"{len(unread):,} pages are pictures"
    return f"{are} without text ({shown}{more}) and left out: {why}"


def _date(stated: str) -> str:
    """Returns the day of a PDF date (`D:20240131…`)."""
    found = re.match(r"D:(\d{4})(\d{2})(\d{2})", stated)
    return "-".join(found.groups()) if found else ""
