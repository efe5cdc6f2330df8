"""The texts that a dry run has come past, of which nothing is stored: later ones may be nearly the same."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.deduplicate import BANDS, Text
from store.near_duplicates import Candidate

KEPT_CHARACTERS = 200_000_000
"""Of the texts that later ones are compared with."""


class EarlierTexts:
    """Texts by the keys that near-duplicates share; a text takes 200 bytes for its keys, beside itself.

    The keys stand in sorted arrays, the largest first and each at least twice as large as the next.
    """

    def __init__(self, kept_characters: int = KEPT_CHARACTERS) -> None:
        self._kept_characters = kept_characters
        self._texts: list[Text] = []
        self._characters = 0
        self._keys: list[Sequence[int]] = []  # of the last texts, which are in no array yet
        self._sorted: list[_Sorted] = []

    def add(self, text: Text, bands: Sequence[int]) -> None:
        """Keeps a text for comparison, unless there are too many."""
        if self._characters + len(text.text) > self._kept_characters:
            return
        self._characters += len(text.text)
        self._texts.append(text)
        self._keys.append(bands)

    def find(self, bands: Sequence[Sequence[int]]) -> list[Candidate]:
        """Returns the texts that share keys with others: see `store.near_duplicates.find`."""
        self._sort()
        wanted = np.array(bands, np.int64).ravel()
        pairs = {(place // BANDS, text) for part in self._sorted for place, text in part.that_have(wanted)}
        found = ((number, self._texts[text]) for number, text in sorted(pairs))
        return [Candidate(number, text.source, text.sha256, text.text) for number, text in found]

    def _sort(self) -> None:
        """Puts the last keys into an array, and arrays together that are about as large."""
        if not self._keys:
            return
        first = len(self._texts) - len(self._keys)
        texts = np.repeat(np.arange(first, len(self._texts), dtype=np.int32), BANDS)
        self._sorted.append(_Sorted(np.array(self._keys, np.int64).ravel(), texts))
        self._keys = []
        while len(self._sorted) > 1 and len(self._sorted[-2].keys) < 2 * len(self._sorted[-1].keys):
            last, other = self._sorted.pop(), self._sorted.pop()
            keys = np.concatenate([other.keys, last.keys])
            self._sorted.append(_Sorted(keys, np.concatenate([other.texts, last.texts])))


class _Sorted:
    """Keys in order, and of each the text that has it."""

    def __init__(self, keys: NDArray[np.int64], texts: NDArray[np.int32]) -> None:
        order = np.argsort(keys, kind="stable")
        self.keys = keys[order]
        self.texts = texts[order]

    def that_have(self, wanted: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Returns the texts that have a wanted key, each with the key's place among those."""
        starts = np.searchsorted(self.keys, wanted, side="left")
        ends = np.searchsorted(self.keys, wanted, side="right")
        places = np.flatnonzero(ends > starts)
        return [
            (int(place), int(text)) for place in places for text in self.texts[starts[place] : ends[place]]
        ]
