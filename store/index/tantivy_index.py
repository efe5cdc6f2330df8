"""Keyword search with tantivy: on disk, incremental, the default."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Document, Occur, Query

from store.errors import IndexCorruptError
from store.index.analysis import ENGLISH, Analysis, with_identifiers
from store.index.files import link_files
from store.index.keywords import DECIMALS, last_of_each, rarest
from store.index.ranking import MAX_TIED, Ranking, check_k, nothing, rank

WRITER_BYTES = 64_000_000
TOKENIZER = "groundwork"
MAX_SIFTED = 2000
TIED = 22
"""So many more than are wanted are fetched at first, and eleven times as many each time after."""


class TantivyIndex:
    """A `KeywordIndex` whose files live in its folder and are mapped into memory as needed.

    The weight of a term in n of N texts is ln(1 + (N - n + 0.5) / (n + 0.5)), which is always positive.
    Lengths over 40 terms are rounded down to one of 256 sizes, and removed texts count in N and n until their
    segment is merged, so scores move slightly against exact BM25.
    """

    engine: ClassVar[str] = f"tantivy {tantivy.__version__}"

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._schema = _schema()
        self._analysis = Analysis(language)
        try:
            self._index = tantivy.Index(self._schema, str(folder))
            self._index.register_tokenizer(TOKENIZER, self._analysis.analyzer)
            self._index.config_reader("manual")
            self._index.reload()
        except (ValueError, OSError) as error:
            raise IndexCorruptError(str(folder), f"tantivy cannot open it ({error})") from error
        self._changing = threading.RLock()
        self._writer: Any = None

    def __len__(self) -> int:
        return int(self._index.searcher().num_docs)

    def add(self, ids: NDArray[np.int64], texts: Sequence[str]) -> None:
        """See `KeywordIndex.add`."""
        new = last_of_each(ids, texts)
        if not new:
            return
        with self._writing() as writer:
            writer.delete_documents_by_query(self._one_of(list(new)))
            for chunk_id, text in new.items():
                document = Document()
                document.add_unsigned("id", chunk_id)
                document.add_text("text", with_identifiers(text))
                writer.add_document(document)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """See `KeywordIndex.remove`."""
        if len(ids):
            with self._writing() as writer:
                writer.delete_documents_by_query(self._one_of(ids.tolist()))

    def commit(self) -> None:
        """See `KeywordIndex.commit`; it costs about 0.1 s, most of it waiting for the disk."""
        with self._changing:
            if self._writer is not None:
                with self._writing() as writer:
                    writer.commit()
                self._index.reload()

    def search(self, query: str, k: int, allowed: NDArray[np.int64] | None = None) -> Ranking:
        """See `KeywordIndex.search`."""
        check_k(k)
        terms = Counter(self._analysis.query_terms(query))
        searcher = self._index.searcher()
        terms = rarest(terms, lambda term: searcher.doc_freq("text", term))
        if not terms or not searcher.num_docs:
            return nothing()
        wanted = self._matching(terms)
        if allowed is None:
            return _settled(searcher, wanted, k)
        allowed = allowed[allowed >= 0]
        found = _sift(searcher, wanted, k, allowed) if 4 * len(allowed) >= searcher.num_docs else None
        if found is not None or not len(allowed):
            return found or nothing()
        permitted = Query.const_score_query(self._one_of(allowed.tolist()), 0.0)
        both = Query.boolean_query([(Occur.Must, wanted), (Occur.Must, permitted)])
        return _settled(searcher, both, k)

    def having(self, phrase: str) -> NDArray[np.int64] | None:
        """See `KeywordIndex.having`."""
        terms = self._analysis.phrase_terms(phrase)
        if not terms:
            return None
        searcher = self._index.searcher()
        if not searcher.num_docs:
            return nothing().ids
        one = Query.term_query(self._schema, "text", terms[0], "basic")
        wanted = one if len(terms) == 1 else Query.phrase_query(self._schema, "text", list(terms))
        unranked = Query.const_score_query(wanted, 0.0)
        hits = searcher.search(unranked, searcher.num_docs, count=False).hits
        ids = searcher.fast_field_values("id", [address for _, address in hits])
        return np.sort(np.array(ids, dtype=np.int64))

    def count(self, word: str) -> int:
        """See `KeywordIndex.count`; removed texts count until their segment is merged."""
        searcher = self._index.searcher()
        return min((searcher.doc_freq("text", term) for term in self._analysis.terms(word)), default=0)

    def similar(self, word: str, distance: int, k: int) -> NDArray[np.int64]:
        """See `KeywordIndex.similar`."""
        check_k(k)
        terms = self._analysis.terms(word)
        searcher = self._index.searcher()
        if len(terms) != 1 or not searcher.num_docs:
            return nothing().ids
        like = Query.fuzzy_term_query(self._schema, "text", terms[0], distance, True)
        return np.sort(_best(searcher, like, k).ids)

    def save(self, folder: Path) -> None:
        """See `KeywordIndex.save`; the new folder shares the disk space of this one."""
        with self._changing:
            self.commit()
            self._rest()
            link_files(self._folder, folder)

    def close(self) -> None:
        """See `KeywordIndex.close`; changes that were not committed are dropped."""
        with self._changing:
            self._rest()

    def _rest(self) -> None:
        """Wait until no thread of tantivy changes the files."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.wait_merging_threads()

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._changing:
            if self._writer is None:
                # One thread: then the same changes give the same segments, on every machine.
                self._writer = self._index.writer(WRITER_BYTES, 1)
            try:
                yield self._writer
            except BaseException:
                self._writer = None  # it may be dead (a full disk kills it) and holds half of a change
                raise

    def _matching(self, terms: Counter[str]) -> Query:
        alternatives = []
        for term, count in terms.items():
            one = Query.term_query(self._schema, "text", term, "freq")
            alternatives.append((Occur.Should, one if count == 1 else Query.boost_query(one, float(count))))
        return Query.boolean_query(alternatives)

    def _one_of(self, ids: list[int]) -> Query:
        return Query.term_set_query(self._schema, "id", ids)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_text_field("text", tokenizer_name=TOKENIZER, index_option="position")
    return builder.build()


def _settled(searcher: tantivy.Searcher, query: Query, k: int) -> Ranking:
    """Return the `k` best, ties at the cut decided by id: see `ranking.settle`.

    Short texts are often equal by dozens, so some more are fetched than are wanted, and many more where these
    do not settle it; ids are looked up only of those that are at least as good as the last one wanted.
    """
    tied = TIED
    while True:
        limit = k + tied
        hits = searcher.search(query, min(limit, searcher.num_docs), count=False).hits
        if not hits:
            return nothing()
        scores = np.array([score for score, _ in hits], dtype=np.float64).round(DECIMALS)
        if len(hits) < limit or scores[k - 1] > scores[-1] or limit >= MAX_TIED:
            break
        tied *= 11
    scores = scores[: np.searchsorted(-scores, -scores[min(k, len(scores)) - 1], side="right")]
    addresses = [address for _, address in hits[: len(scores)]]
    ids = np.array(searcher.fast_field_values("id", addresses), dtype=np.int64)
    order = np.lexsort((ids, -scores))[:k]
    return Ranking(ids[order], scores[order].astype(np.float32))


def _best(searcher: tantivy.Searcher, query: Query, limit: int) -> Ranking:
    hits = searcher.search(query, min(limit, searcher.num_docs), count=False).hits
    ids = searcher.fast_field_values("id", [address for _, address in hits])
    scores = np.array([score for score, _ in hits], dtype=np.float64)
    return rank(np.array(ids, dtype=np.int64), scores, limit, DECIMALS)


def _sift(searcher: tantivy.Searcher, query: Query, k: int, allowed: NDArray[np.int64]) -> Ranking | None:
    """Return what a search among the allowed ids would, or None if that takes more than a look at the best.

    Where many ids are allowed this is faster than to give them to tantivy, which costs nearly 1 µs for each.
    """
    width = 4 * (k + 1)
    while width <= MAX_SIFTED:
        found = _best(searcher, query, width)
        kept = np.flatnonzero(np.isin(found.ids, allowed))
        complete = len(found) < width
        if complete or (len(kept) >= k and found.scores[kept[k - 1]] > found.scores[-1]):
            return Ranking(found.ids[kept[:k]], found.scores[kept[:k]])
        width *= 4
    return None
