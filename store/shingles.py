"""How alike texts are: the Jaccard similarity of their sets of five words in a row.

The words are what stands between white space, in lower case. Where almost nothing does, as in Chinese and
Japanese, each character counts as a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS = 5
"""In a row."""

_LONG_WORD = 30  # characters on average: no language with spaces comes near
_NO_WORD = "\0"  # stands where a text has fewer than five words; no stored text has it
_HASHED_AT_ONCE = 100_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Shingles:
    """The shingles of several texts as hashes, with repetitions, those of each text in a row.

    `hashes` has shape `(s,)`, `offsets` has shape `(n + 1,)`: text i has `hashes[offsets[i]:offsets[i + 1]]`.
    """

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    def of(self, text: int) -> NDArray[np.uint64]:
        """Return the set of one text's shingles, sorted."""
        return np.unique(self.hashes[self.offsets[text] : self.offsets[text + 1]])


def shingle(texts: Sequence[str]) -> Shingles:
    """Return the shingles of texts; one of fewer than five words has a single shingle, all of it."""
    words: list[str] = []
    ends = np.empty(len(texts), np.int64)
    for number, text in enumerate(texts):
        before = len(words)
        words += _words(text)
        words += [_NO_WORD] * (WORDS - (len(words) - before))
        ends[number] = len(words)
    hashes = _word_hashes(words)  # (w,)
    starts = len(hashes) - WORDS + 1
    if starts <= 0:
        return Shingles(np.empty(0, np.uint64), np.zeros(len(texts) + 1, np.int64))
    rolled = hashes[:starts].copy()
    for offset in range(1, WORDS):
        rolled *= _FACTOR  # wraps around, as it should
        rolled += hashes[offset : offset + starts]
    rolled ^= rolled >> np.uint64(31)
    rolled *= _MIX
    rolled ^= rolled >> np.uint64(29)
    within = np.ones(starts, np.bool_)
    for offset in range(1, WORDS):
        within[ends[:-1] - offset] = False  # these would reach into the next text
    counts = np.diff(ends, prepend=0) - WORDS + 1
    return Shingles(rolled[within], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def jaccard(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """Return the similarity of two sets, each sorted: from 0 to 1."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def similarity(a: str, b: str) -> float:
    """Return how alike two texts are: from 0 to 1."""
    both = shingle([a, b])
    return jaccard(both.of(0), both.of(1))


def _word_hashes(words: Sequence[str]) -> NDArray[np.uint64]:
    """Return a hash of each word, the same in every process: shape `(w,)`."""
    hashes = np.empty(len(words), np.uint64)
    for start in range(0, len(words), _HASHED_AT_ONCE):
        some = words[start : start + _HASHED_AT_ONCE]
        hashes[start : start + len(some)] = _hash_between_spaces(" ".join(some).encode())
    return hashes


def _hash_between_spaces(text: bytes) -> NDArray[np.uint64]:
    """Return Σ bᵢ fⁱ, modulo 2⁶⁴, of the bytes of each word, counted from its start.

    The sum over a word is a difference of two sums over the text, divided by f to the power of its start:
    no loop over words, and a tenth of the time that one takes.
    """
    characters = np.frombuffer(text, np.uint8)  # (c,)
    powers = np.ones(len(characters) + 1, np.uint64)
    powers[1:] = _FACTOR
    np.cumprod(powers, out=powers)
    sums = np.zeros(len(characters) + 1, np.uint64)
    np.cumsum((characters + np.uint64(1)) * powers[:-1], out=sums[1:])
    powers[1:] = _INVERSE
    powers[0] = 1
    np.cumprod(powers, out=powers)
    spaces = np.flatnonzero(characters == ord(" "))
    starts = np.concatenate([[0], spaces + 1])
    ends = np.append(spaces, len(characters))
    found: NDArray[np.uint64] = (sums[ends] - sums[starts]) * powers[starts]
    return found


def _words(text: str) -> list[str]:
    words = text.lower().split()
    if len(text) > _LONG_WORD * len(words):
        return list("".join(words))
    return words
