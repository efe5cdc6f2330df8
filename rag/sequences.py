"""Sequences of words: by these, what an answer says is looked for in its evidence and in training data."""

import re
from collections.abc import Iterable

N = 3
WORD = re.compile(r"\w+")


def ngrams(text: str, n: int = N) -> set[str]:
    """Every n words in a row, lower-cased, with a space between them."""
    words = WORD.findall(text.lower())
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


def sequences(text: str) -> set[str]:
    """The n-grams of a text; of a shorter one that has words, all of it."""
    return ngrams(text) or ({spaced} if (spaced := " ".join(WORD.findall(text.lower()))) else set())


def missing(wanted: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Those of the sequences that none of the texts has."""
    left = set(wanted)
    for text in texts:
        if not left:
            break
        words = f" {' '.join(WORD.findall(text.lower()))} "
        left = {sequence for sequence in left if f" {sequence} " not in words}
    return left
