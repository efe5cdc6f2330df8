"""What a keyword index does, whichever engine it has."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from store.index.analysis import ENGLISH
from store.index.ranking import Ranking

logger = logging.getLogger(__name__)

K1 = 1.2
"""How soon more occurrences of a term in a text stop counting (k1 of BM25)."""
B = 0.75
"""How much longer texts are discounted (b of BM25)."""

DECIMALS = 4

MAX_QUERY_TERMS = 1024
"""How many different terms of a query are looked for at most: the rarest."""


class KeywordIndex(Protocol):
    """Texts by id, searched by BM25 (Robertson and Zaragoza 2009, equation 3.15), with k1 = 1.2 and b = 0.75.

    Every string is a query: its terms are looked for, each of them may match, none has to, and nothing in it
    is syntax; what has to match is found with `having`. Safe to use from several threads.
    """

    engine: ClassVar[str]
    """Name and version of what wrote the files; other engines do not read them."""

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        """Open the index that `save` wrote into `folder`, or an empty one; it works in this folder.

        Args:
            folder: of this index alone.
            language: of `analysis.LANGUAGES`; words are reduced to their stems in it. The same as when the
                index was written.

        Raises:
            IndexCorruptError: the folder holds something that cannot be read.
        """

    def __len__(self) -> int:
        """Return how many texts are there, as of the last commit."""

    def add(self, ids: NDArray[np.int64], texts: Sequence[str]) -> None:
        """Add texts, replacing those whose id is there already; of an id given twice the last one counts.

        Raises:
            ValueError: the numbers of ids and texts differ, or an id is negative. Nothing is added then.
        """

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Remove texts; ids that are not there are ignored."""

    def commit(self) -> None:
        """Let searches see what was added and removed; collect many changes before, as each commit costs."""

    def search(self, query: str, k: int, allowed: NDArray[np.int64] | None = None) -> Ranking:
        """Return the `k` best texts that have a term of the query, fewer only where there are not so many.

        Args:
            query: any text.
            k: how many, at least 1.
            allowed: `(m,)`, the only ids that may be found; None allows all.

        Raises:
            ValueError: `k` is less than 1.
        """

    def having(self, phrase: str) -> NDArray[np.int64] | None:
        """Return the ids, ascending, of all texts that have a word, or several words in this order.

        Any form of a word with the same stem counts; an identifier counts as a whole. None: the phrase has
        no words.
        """

    def count(self, word: str) -> int:
        """Return how many texts have a word, in any form that has the same stem; 0 of what is no word."""

    def similar(self, word: str, distance: int, k: int) -> NDArray[np.int64]:
        """Return the ids of up to `k` texts with a word whose stem is like this word's.

        Args:
            word: a single word.
            distance: by how many letters left out, added, changed or swapped the stems may differ; 1 or 2.
            k: how many ids, at least 1; which, if there are more, is up to the engine.
        """

    def save(self, folder: Path) -> None:
        """Commit, and write the index into `folder`, which must not exist yet."""

    def close(self) -> None:
        """Free what the index holds; it cannot be used afterwards."""


def last_of_each(ids: NDArray[np.int64], texts: Sequence[str]) -> dict[int, str]:
    """Return the text of every id, the last where an id comes twice.

    Raises:
        ValueError: the numbers of ids and texts differ, or an id is negative.
    """
    if ids.shape != (len(texts),):
        raise ValueError(f"{len(texts)} texts came with ids of shape {ids.shape}; give one id per text")
    if len(ids) and ids.min() < 0:
        raise ValueError(f"id {ids.min()} is negative; ids count from 0")
    return dict(zip(ids.tolist(), texts, strict=True))


def rarest(terms: Counter[str], count: Callable[[str], int]) -> Counter[str]:
    """Return the terms of a query that are in any text: of very many the rarest, which tell most.

    Args:
        terms: with how often each is in the query.
        count: tells how many texts have a term.
    """
    if len(terms) <= MAX_QUERY_TERMS:
        return terms
    counts = {term: count(term) for term in terms}
    known = sorted((n, term) for term, n in counts.items() if n)[:MAX_QUERY_TERMS]
    logger.info("a query of %d different words is searched by %d of them", len(terms), len(known))
    return Counter({term: terms[term] for _, term in known})
