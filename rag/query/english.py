"""English words that are spelt right, whether a corpus has them or not."""

import re
from functools import cache

from rag.encoder import minilm_pieces

MIN_LETTERS = 4

_BRITISH = (
    (re.compile(r"(?<=[a-z]{3})our(?!ed$|ing$)"), "or"),
    (re.compile(r"(?<=[a-z]{2})ys(?=e|ing)"), "yz"),
    (re.compile(r"(?<=[a-z]{3})is(?=e|ing|ation)"), "iz"),
    (re.compile(r"(?<=[a-z]{3})ence(?=s?$)"), "ense"),
    (re.compile(r"(?<=[a-z]{3})tre(?=s?$)"), "ter"),
    (re.compile(r"(?<=[a-z]{3})ogue(?=s?$)"), "og"),
    (re.compile(r"ll(?=ed$|ing$|ers?$)"), "l"),
    (re.compile(r"(?<=[a-z]{3})amme(?=s?$)"), "am"),
)
"""British endings and the American ones."""


@cache
def english_words() -> frozenset[str]:
    """Some 20,000 words in small letters: those that MiniLM, which comes with Groundwork, has whole.

    Raises:
        EncoderFilesError: the file with them cannot be read.
    """
    return frozenset(piece for piece in minilm_pieces() if piece.isalpha() and len(piece) >= MIN_LETTERS)


def same_word(one: str, other: str) -> bool:
    """Whether two words in small letters are one, as `licence` and `license` are."""
    return _american(one) == _american(other)


def _american(word: str) -> str:
    for british, american in _BRITISH:
        word = british.sub(american, word)
    return word
