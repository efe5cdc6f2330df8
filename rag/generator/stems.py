"""What a text claims, as a set of stems."""

from rag.generator.words import FUNCTION_WORDS, WORD
from store.index.analysis import Analysis


class ContentStems:
    """Stems of the words that are no function words, by English rules."""

    def __init__(self) -> None:
        self._analysis = Analysis()

    def of(self, text: str) -> frozenset[str]:
        """Stems of the words of a text that claim something."""
        words = {w.lower() for w in WORD.findall(text)} - FUNCTION_WORDS
        return frozenset(self._analysis.terms(" ".join(words)))

    def share_missing(self, claim: str, text: str) -> float:
        """Share of a claim's stems that a text lacks, 0 to 1; 0 for a claim without content words."""
        claimed = self.of(claim)
        return len(claimed - self.of(text)) / len(claimed) if claimed else 0.0
