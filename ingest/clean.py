"""One normal form for all stored text, so that equal texts have equal hashes and offsets never move."""

import hashlib
import re
import unicodedata

_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_EMPTY_LINES = re.compile(r"\n{4,}")


def normalise(text: str) -> str:
    r"""Returns the text as it is stored; `normalise(normalise(text)) == normalise(text)`.

    Composes characters (Unicode NFC), ends lines with ``\n``, removes control characters other than tab and
    newline, cuts spaces at line ends, leaves at most two empty lines in a row and strips both ends.
    Half surrogates, which JSON can carry and UTF-8 cannot, become U+FFFD.
    """
    if text.isascii() and text.isprintable():  # most fields of records; there is nothing but spaces to cut
        return text.strip()
    text = _SURROGATES.sub("\ufffd", text)
    text = _LINE_BREAKS.sub("\n", text)
    text = _CONTROLS.sub("", text)  # before NFC: removing one may bring a letter and its accent together
    text = unicodedata.normalize("NFC", text)
    text = "\n".join(line.rstrip() for line in text.split("\n"))  # a regex is quadratic on runs of blanks
    return _EMPTY_LINES.sub("\n\n\n", text).strip()


def normalise_line(text: str, max_characters: int = 300) -> str:
    """Returns the text as one line of at most `max_characters`, for titles and heading paths."""
    line = " ".join(normalise(text).split())
    return line if len(line) <= max_characters else line[: max_characters - 1].rstrip() + "…"


def sha256(text: str) -> str:
    """Returns the content identity of a normalised text: its SHA-256 over UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
