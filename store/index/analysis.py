"""From a text to the terms that keyword search counts; the same for both keyword indexes."""

import unicodedata

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ANALYSIS_VERSION = 1
"""Counts up whenever the terms of any text change, so that older snapshots are rebuilt."""

MAX_TERM_BYTES = 255
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"
WORD = rf"[{UNSPACED}\p{{Extended_Pictographic}}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+"
"""A run of letters, combining marks and digits; where no spaces are written, and of emoji, each character."""


class Analysis:
    """Words in lower case, without accents, reduced to their English stem; all else separates words."""

    def __init__(self) -> None:
        self.analyzer = _build()
        self._without_stop_words = _build(Filter.stopword("english"))

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text, in order, repeated as in the text."""
        terms: list[str] = self.analyzer.analyze(clean(text))
        return terms

    def query_terms(self, query: str) -> list[str]:
        """Return the terms to search for: without stop words, unless the query has nothing else.

        Every string is a query; nothing in it is syntax.
        """
        terms: list[str] = self._without_stop_words.analyze(clean(query))
        return terms or self.terms(query)


def clean(text: str) -> str:
    """Return the text with letters and their accents composed (NFC) and lone surrogates replaced."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))


def _build(*first: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.regex(WORD)).filter(Filter.lowercase())
    for each in first:
        builder = builder.filter(each)
    builder = builder.filter(Filter.ascii_fold()).filter(Filter.remove_long(MAX_TERM_BYTES))
    return builder.filter(Filter.stemmer("english")).build()
