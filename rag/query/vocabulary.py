"""The words of a corpus, as its keyword index and its texts have them."""

from store import chunk_reads
from store.index.local import LocalIndex
from store.postgres import Database

TEXTS_READ = 50


class Vocabulary:
    """Which words a corpus has, and where words stand that are spelt much like another."""

    def __init__(self, database: Database, index: LocalIndex, *, secret: bool = False) -> None:
        """Look into these; a secret vocabulary tells no word."""
        self._database = database
        self._index = index
        self._secret = secret

    def has_words(self) -> bool:
        """Tell whether there is anything at all in the corpus that may be told."""
        return not self._secret and len(self._index) > 0

    def knows(self, word: str) -> bool:
        """Tell whether a text of the corpus has a word in any form with the same stem."""
        return self._index.count_word(word) > 0

    def texts_like(self, word: str, distance: int) -> list[str]:
        """Return some texts with a word whose stem differs from this word's by at most so many letters."""
        ids = self._index.similar_words(word, distance, TEXTS_READ).tolist()
        if not ids:
            return []
        with self._database.each_alone() as session:
            return chunk_reads.texts(session, ids)
