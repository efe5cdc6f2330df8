"""Words that a corpus does not have, spelt as the corpus spells what was probably meant."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from rag.query.english import english_words, same_word
from rag.query.phrases import FUNCTION_WORDS
from store.index.spelling import edit_distance

MIN_LETTERS = 4
LONG_LETTERS = 8
"""Words from this length on may differ by two letters, shorter ones by one."""
MAX_UNKNOWN = 3
"""Words that are looked for in the vocabulary at most: a query with more unknown ones is another language."""
MAX_LETTERS = 30
ENDINGS = (0, 2, 3)
"""How many letters are cut off a word to look for its stem: a misspelt word may not have its right one."""

WORD = re.compile(r"[^\W\d_]+")
QUOTED = re.compile(r'"[^"]*"')
PART_OF_MORE = re.compile(r"[\w@/\\.:+#-]")
"""What beside a word makes it part of a name, an address or a number."""


class Words(Protocol):
    """What is needed of a vocabulary."""

    def has_words(self) -> bool:
        """Tell whether there is anything at all."""

    def knows(self, word: str) -> bool:
        """Tell whether a word is there in any form."""

    def texts_like(self, word: str, distance: int) -> list[str]:
        """Return some texts with a word whose stem differs by so many letters at most."""


@dataclass(frozen=True)
class Correction:
    """A word as it was written, and as the corpus spells it."""

    word: str
    variant: str


@dataclass(frozen=True)
class Corrected:
    """A query with the spelling of its corpus."""

    query: str
    corrections: tuple[Correction, ...]


def correct(query: str, words: Words) -> Corrected:
    """Replace words that the corpus does not have by the nearest that it has; most queries stay as they are.

    Left alone are words in double quotes, short and function words, parts of names such as `max_tokens`,
    a query in which most words are unknown, and English words: that a small corpus lacks `sent` does not
    make it a slip of `set`. Only where the corpus spells the very word as the other side of the Atlantic
    does is it spelt so.
    """
    unknown = [] if not words.has_words() else [w for w in _candidates(query) if not words.knows(w)]
    if not unknown or len(unknown) > MAX_UNKNOWN:
        return Corrected(query, ())
    corrections = []
    for word in unknown:
        variant = _variant(word, words)
        if variant is not None and (word.lower() not in english_words() or same_word(word.lower(), variant)):
            corrections.append(Correction(word, _in_the_case_of(word, variant)))
    for correction in corrections:
        query = re.sub(rf"(?<!\w){re.escape(correction.word)}(?!\w)", correction.variant, query)
    return Corrected(query, tuple(corrections))


def _candidates(query: str) -> list[str]:
    """The different words that could be misspelt, in order."""
    bare = QUOTED.sub(lambda m: " " * len(m.group()), query)
    found: dict[str, None] = {}
    for match in WORD.finditer(bare):
        word, before, after = match.group(), bare[: match.start()][-1:], bare[match.end() :][:2]
        inside = PART_OF_MORE.match(before) or (
            PART_OF_MORE.match(after) and not re.fullmatch(r"[.:]\W?", after)
        )
        meant = word.lower() in FUNCTION_WORDS  # a small corpus may lack even "what"
        if MIN_LETTERS <= len(word) <= MAX_LETTERS and not inside and not meant:
            found[word] = None
    return list(found)


def _variant(word: str, words: Words) -> str | None:
    """The spelling nearest to a word, of several the one in the most texts; None where none is near."""
    most = 2 if len(word) >= LONG_LETTERS else 1
    lower = word.lower()
    for distance, cut in product(range(1, most + 1), ENDINGS):
        counts: Counter[str] = Counter()
        if len(lower) - cut < MIN_LETTERS:
            continue
        for text in words.texts_like(lower[: len(lower) - cut], distance):
            counts.update({w.lower() for w in WORD.findall(text)})
        near = [
            (edit_distance(lower, other, most), -count, other)
            for other, count in counts.items()
            if len(other) >= MIN_LETTERS - 1 and other != lower
        ]
        near = [
            (d, count, other) for d, count, other in near if d == 1 or (d <= most and other[0] == lower[0])
        ]
        if near:
            return min(near)[2]
    return None


def _in_the_case_of(word: str, variant: str) -> str:
    if word.isupper():
        return variant.upper()
    return variant.capitalize() if word[0].isupper() else variant
