"""PDF pages as segments of text, read with PDFium.

PDFium may run in one thread at a time, so everything that touches it happens inside `PDFIUM`.
"""

import ctypes
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium

from ingest.readers.page_layout import WIDE_GAP, Segment

PDFIUM = threading.Lock()

_LINE_ENDS = (0x0A, 0x0D)
_BROKEN_WORDS = (0x02, 0xFFFE)
"""What PDFium gives in place of a hyphen that divides a word at the end of a line."""
_SPACES = (0x20, 0x09, 0xA0)
_LEFT_TO_RIGHT = re.compile(r"[0-9A-Za-z\u00c0-\u024f]+(?:[.,:/-][0-9A-Za-z\u00c0-\u024f]+)*")
_MAX_SIDE_PIXELS = 8_000


@dataclass(frozen=True)
class _Letter:
    """A character with its box; spaces have none, for many are not in the file but between two letters."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def read_segments(page: pypdfium2.PdfPage) -> list[Segment]:
    """Returns the pieces of a page's lines in the order in which they are drawn."""
    textpage = page.get_textpage()
    try:
        segments: list[Segment] = []
        for number, (letters, is_broken) in enumerate(_lines(textpage)):
            pieces = list(_pieces(letters))
            segments += [_segment(piece, number, is_broken and piece is pieces[-1]) for piece in pieces]
        return segments
    finally:
        textpage.close()


def has_picture(page: pypdfium2.PdfPage) -> bool:
    """Whether a page shows a picture, so that one without text may be scanned."""
    return next(iter(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE])), None) is not None


def picture_of(page: pypdfium2.PdfPage, dots_per_inch: int = 300) -> bytes:
    """Returns the page as a grey picture in the PGM format."""
    scale = min(dots_per_inch / 72, _MAX_SIDE_PIXELS / max(*page.get_size(), 1))
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        pixels = bitmap.to_numpy().reshape(bitmap.height, -1)[:, : bitmap.width]
        head = f"P5 {bitmap.width} {bitmap.height} 255\n".encode()
        return head + bytes(pixels.tobytes())
    finally:
        bitmap.close()


def _is_mirrored(letters: Sequence[_Letter]) -> bool:
    """Whether a piece is written from right to left, but was drawn from left to right."""
    written = [letter for letter in letters if unicodedata.bidirectional(letter.text) in ("R", "AL")]
    rising = sum(after.left > before.left for before, after in pairwise(written))
    return 2 * len(written) > len(letters) and 2 * rising > len(written)


def _lines(textpage: pypdfium2.PdfTextPage) -> Iterator[tuple[list[_Letter], bool]]:
    """Gives the letters of each line, and whether its last word goes on in the next."""
    raw = textpage.raw
    box = pdfium.FS_RECTF()
    letters: list[_Letter] = []
    is_broken = False
    for index in range(pdfium.FPDFText_CountChars(raw)):
        code = pdfium.FPDFText_GetUnicode(raw, index)
        if code in _LINE_ENDS:
            if letters:
                yield letters, is_broken
            letters, is_broken = [], False
        elif code in _BROKEN_WORDS:
            is_broken = True
        elif code >= 0x20 and pdfium.FPDFText_GetLooseCharBox(raw, index, ctypes.byref(box)):
            if code in _SPACES:
                letters.append(_Letter(" ", 0, 0, 0, 0))
            else:
                letters.append(_Letter(chr(code), box.left, box.bottom, box.right, box.top))
                is_broken = False
    if letters:
        yield letters, is_broken


def _pieces(letters: Sequence[_Letter]) -> Iterator[list[_Letter]]:
    """Cuts a line where a gap is too wide to be a space, or where it goes back to the left."""
    piece: list[_Letter] = []
    last: _Letter | None = None
    for letter in letters:
        if letter.text == " ":
            if piece:
                piece.append(letter)
            continue
        if last is not None:
            gap = WIDE_GAP * max(last.top - last.bottom, letter.top - letter.bottom)
            if letter.left - last.right > gap or letter.right < last.left - gap:
                yield piece
                piece = []
        piece.append(letter)
        last = letter
    if last is not None:
        yield piece


def _segment(letters: Sequence[_Letter], line: int, is_broken: bool) -> Segment:
    seen = [letter for letter in letters if letter.text != " "]
    text = "".join(letter.text for letter in letters)
    if _is_mirrored(seen):
        text = _LEFT_TO_RIGHT.sub(lambda found: found.group()[::-1], text[::-1])
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Segment(
        " ".join(whole.split()),
        min(letter.left for letter in seen),
        min(letter.bottom for letter in seen),
        max(letter.right for letter in seen),
        max(letter.top for letter in seen),
        line,
        is_broken,
    )
