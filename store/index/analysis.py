"""From a text to the terms that keyword search counts; the same for both keyword indexes."""

import re
import unicodedata

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ANALYSIS_VERSION = 3
"""Counts up whenever the terms of any text change, so that older snapshots are rebuilt."""

ENGLISH = "english"
NO_LANGUAGE = "none"
"""Words are looked for as they are written: nothing is cut off, and no word is too common to count."""
LANGUAGES = (
    "arabic", "danish", "dutch", ENGLISH, "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish", NO_LANGUAGE,
)  # fmt: skip
"""What words can be reduced to their stems in."""

MAX_TERM_BYTES = 255
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"
WHOLE_START, WHOLE_END = "\ue000", "\ue001"
"""Characters for private use around an identifier that is one term; the last keeps it from being stemmed."""
WORD = (
    rf"{WHOLE_START}[^{WHOLE_START}{WHOLE_END}\s]+{WHOLE_END}|"
    rf"[{UNSPACED}\p{{Extended_Pictographic}}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+"
)
"""A run of letters, combining marks and digits; where no spaces are written, and of emoji, each character."""

IDENTIFIER = re.compile(
    r"(?<!\w)(?:\w++(?:[.:/\\@#-]{1,3}+\w++|->\w++)++|[^\W_]*+_\w*+|[A-Za-z](?:\+\+|#)(?!\w))"
)
"""What may be an identifier: words joined by signs without spaces, words with underscores, C++ and C#."""


class Analysis:
    """Words in lower case, without accents, reduced to their stem; identifiers besides as a whole.

    All that is neither letter nor digit separates words: of "max_tokens" there are the terms of "max" and
    "tokens", and one of the whole.
    """

    def __init__(self, language: str = ENGLISH) -> None:
        """Make the analysis of a language of `LANGUAGES`.

        Raises:
            ValueError: the language is none of them.
        """
        if language not in LANGUAGES:
            raise ValueError(f"There are no stems of {language!r}; choose one of {', '.join(LANGUAGES)}")
        self.language = language
        self.analyzer = _build(language)
        self._without_stop_words = (
            self.analyzer if language == NO_LANGUAGE else _build(language, Filter.stopword(language))
        )

    def terms(self, text: str) -> list[str]:
        """Return the terms of a text, in order, repeated as in the text; those of identifiers at the end."""
        terms: list[str] = self.analyzer.analyze(with_identifiers(text))
        return terms

    def query_terms(self, query: str) -> list[str]:
        """Return the terms to search for: without stop words, unless the query has nothing else.

        Every string is a query; nothing in it is syntax.
        """
        terms: list[str] = self._without_stop_words.analyze(with_identifiers(query))
        return terms or self.terms(query)

    def phrase_terms(self, phrase: str) -> list[str]:
        """Return the terms that stand one behind the other in every text that has a word or phrase.

        An identifier is one term, so parts of longer ones are not it.
        """
        phrase = clean(phrase).strip()
        match = IDENTIFIER.search(phrase)
        if match and is_identifier(match.group()) and not re.search(r"\w", phrase.replace(match.group(), "")):
            phrase = f"{WHOLE_START}{match.group()}{WHOLE_END}"
        terms: list[str] = self.analyzer.analyze(phrase)
        return terms


def clean(text: str) -> str:
    """Return the text with letters and their accents composed (NFC) and lone surrogates replaced."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))


def with_identifiers(text: str) -> str:
    """Return the cleaned text with its identifiers written once more at the end, marked as one term each."""
    text = clean(text)
    found = [match.group() for match in IDENTIFIER.finditer(text) if is_identifier(match.group())]
    return " ".join([text, *(f"{WHOLE_START}{whole}{WHOLE_END}" for whole in found)]) if found else text


def is_identifier(joined: str) -> bool:
    """Tell an identifier (max_tokens, os.path, ORA-00942) from words joined by a sign (and/or, mid-air)."""
    parts = re.split(r"[\W_]+", joined.strip("_"))
    if "_" in joined or joined.endswith(("+", "#")):
        return parts != [""]
    if any(character.isdigit() for character in joined):
        return True
    if len(max(parts, key=len)) == 1:
        return False
    return re.search(r"[.@#\\>]|[:/]{2}", joined) is not None or joined.count("/") > 1


def _build(language: str, *first: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.regex(WORD)).filter(Filter.lowercase())
    for each in first:
        builder = builder.filter(each)
    builder = builder.filter(Filter.remove_long(MAX_TERM_BYTES))
    if language == NO_LANGUAGE:
        return builder.filter(Filter.ascii_fold()).build()
    if language == ENGLISH:  # whose accents are those of borrowed words, written or not
        return builder.filter(Filter.ascii_fold()).filter(Filter.stemmer(language)).build()
    return builder.filter(Filter.stemmer(language)).filter(Filter.ascii_fold()).build()
