"""Signals of how good a text is to find things in, and the thresholds below which it is refused."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.corpus_settings import QualitySettings

_RUN = 3


@dataclass(frozen=True)
class Quality:
    """What can be counted of a text.

    `symbol_share` is that of characters, white space apart, that are neither letters nor digits.
    `repetition` is the share of runs of three words that stood in the text before.
    """

    characters: int
    words: int
    symbol_share: float
    repetition: float


def measure(text: str) -> Quality:
    """Returns the signals of a text."""
    words = text.lower().split()
    visible = sum(map(len, words))
    symbols = visible - sum(sum(map(str.isalnum, word)) for word in words)
    runs = Counter(zip(*(words[offset:] for offset in range(_RUN)), strict=False))
    repeated = sum(runs.values()) - len(runs)
    return Quality(
        characters=len(text),
        words=len(words),
        symbol_share=symbols / max(visible, 1),
        repetition=repeated / max(sum(runs.values()), 1),
    )


def reason_to_refuse(text: str, settings: "QualitySettings") -> str | None:
    """Returns why a text is not good enough for a corpus; None for one that is."""
    if not settings.is_asked_for:
        return None
    found = measure(text)
    if found.characters < settings.min_characters:
        return f"it has {found.characters} characters, fewer than {settings.min_characters}"
    if found.words < settings.min_words:
        return f"it has {found.words} words, fewer than {settings.min_words}"
    if found.symbol_share > settings.max_symbol_share:
        return f"{found.symbol_share:.0%} of it are symbols, more than {settings.max_symbol_share:.0%}"
    if found.repetition > settings.max_repetition:
        return f"{found.repetition:.0%} of it repeats itself, more than {settings.max_repetition:.0%}"
    return None
