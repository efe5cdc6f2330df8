"""Keyword search with rank-bm25: in memory, rebuilt after every change; the reference."""

import json
import threading
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

from store.errors import IndexCorruptError
from store.index.analysis import ENGLISH, Analysis
from store.index.keywords import DECIMALS, K1, B, last_of_each, rarest
from store.index.ranking import Ranking, check_k, nothing, rank, settle
from store.index.spelling import edit_distance

FILE = "texts.jsonl"


class RankBM25Index:
    """A `KeywordIndex` that goes through all its texts for every term of a query.

    The weight of a term in n of N texts is ln((N - n + 0.5) / (n + 0.5)). For terms in more than half of the
    texts that would be negative; they get a quarter of the average weight instead, so a very frequent term
    can weigh more than a less frequent one, and in a tiny corpus even less than nothing. tantivy weighs all
    terms by another formula: the order of texts that match several terms can differ between the two.
    """

    engine: ClassVar[str] = f"rank-bm25 {version('rank-bm25')}"

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._analysis = Analysis(language)
        self._lock = threading.Lock()
        self._texts = _read(folder / FILE)
        self._changes: dict[int, str | None] = {}
        self._model: _Model | None = None

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, ids: NDArray[np.int64], texts: Sequence[str]) -> None:
        """See `KeywordIndex.add`."""
        with self._lock:
            self._changes.update(last_of_each(ids, texts))

    def remove(self, ids: NDArray[np.int64]) -> None:
        """See `KeywordIndex.remove`."""
        with self._lock:
            self._changes.update(dict.fromkeys(ids.tolist()))

    def commit(self) -> None:
        """See `KeywordIndex.commit`; the next search pays for it."""
        with self._lock:
            if not self._changes:
                return
            merged = {**self._texts, **self._changes}
            self._texts = {chunk_id: text for chunk_id, text in merged.items() if text is not None}
            self._changes = {}
            self._model = None

    def search(self, query: str, k: int, allowed: NDArray[np.int64] | None = None) -> Ranking:
        """See `KeywordIndex.search`."""
        model = self._current()
        counted = rarest(Counter(self._analysis.query_terms(query)), lambda term: model.counts.get(term, 0))
        terms = list(counted.elements())
        return settle(lambda limit: model.best(terms, limit, allowed), k)

    def having(self, phrase: str) -> NDArray[np.int64] | None:
        """See `KeywordIndex.having`."""
        terms = self._analysis.phrase_terms(phrase)
        return self._current().with_phrase(terms) if terms else None

    def count(self, word: str) -> int:
        """See `KeywordIndex.count`."""
        counts = self._current().counts
        return min((counts.get(term, 0) for term in self._analysis.terms(word)), default=0)

    def similar(self, word: str, distance: int, k: int) -> NDArray[np.int64]:
        """See `KeywordIndex.similar`."""
        check_k(k)
        terms = self._analysis.terms(word)
        model = self._current()
        if len(terms) != 1:
            return nothing().ids
        like = {term for term in model.counts if edit_distance(term, terms[0], distance) <= distance}
        return model.with_any(like)[:k]

    def _current(self) -> "_Model":
        with self._lock:
            if self._model is None:
                self._model = _Model(self._texts, self._analysis)
            return self._model

    def save(self, folder: Path) -> None:
        """See `KeywordIndex.save`."""
        self.commit()
        folder.mkdir(parents=True)
        with (folder / FILE).open("w", encoding="utf-8") as file:
            for chunk_id, text in self._texts.items():
                file.write(json.dumps({"id": chunk_id, "text": text}) + "\n")

    def close(self) -> None:
        """See `KeywordIndex.close`."""


class _Model:
    """BM25Okapi over the texts as they are at one moment."""

    def __init__(self, texts: dict[int, str], analysis: Analysis) -> None:
        self._ids = np.array(list(texts), dtype=np.int64)
        documents = [analysis.terms(text) for text in texts.values()]
        self._documents = documents
        # BM25Okapi divides by the number of terms, so it cannot be made without any.
        self._okapi: Any = BM25Okapi(documents, k1=K1, b=B) if any(documents) else None
        self.counts = Counter(term for document in documents for term in set(document))
        """How many texts have each term."""

    def best(self, terms: list[str], limit: int, allowed: NDArray[np.int64] | None) -> Ranking:
        if not terms or self._okapi is None:
            return nothing()
        # A term's weight can be zero or less, so the score does not tell whether a text matches.
        matching = self._matching(set(terms))
        if allowed is not None:
            matching &= np.isin(self._ids, allowed)
        scores = self._okapi.get_scores(terms)
        return rank(self._ids[matching], scores[matching], limit, DECIMALS)

    def with_any(self, terms: set[str]) -> NDArray[np.int64]:
        """The ids, ascending, of the texts that have one of the terms."""
        return np.sort(self._ids[self._matching(terms)]) if terms else nothing().ids

    def with_phrase(self, terms: list[str]) -> NDArray[np.int64]:
        """The ids, ascending, of the texts that have these terms one behind the other."""
        last = len(terms) - 1
        found = [
            chunk_id
            for chunk_id, document in zip(self._ids.tolist(), self._documents, strict=True)
            if any(document[i : i + last + 1] == terms for i in range(len(document) - last))
        ]
        return np.array(sorted(found), dtype=np.int64)

    def _matching(self, terms: set[str]) -> NDArray[np.bool_]:
        return np.array([not terms.isdisjoint(counts) for counts in self._okapi.doc_freqs], dtype=bool)


def _read(path: Path) -> dict[int, str]:
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return {int(row["id"]): str(row["text"]) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorruptError(str(path), f"it is not what was written ({error})") from error
