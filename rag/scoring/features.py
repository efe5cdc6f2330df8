"""Which words of a claim its evidence has: what the classifier is given beside the texts themselves.

These are also the floor: `lexical_support` needs no model.
"""

from dataclasses import dataclass

from rag.generator.words import FUNCTION_WORDS, WORD
from store.index.analysis import Analysis

SPEAKER = frozenset({"i", "my", "me", "mine", "we", "our", "us", "you", "your", "yours"})
"""Words by which a speaker speaks of himself or to another: no document bears them out."""
FEATURES = 9


@dataclass(frozen=True)
class Words:
    """The words of a text, lower-cased, and the stems of those that claim something."""

    all: tuple[str, ...]
    stems: frozenset[str]


class Lexicon:
    """Compares a claim with its evidence word by word."""

    def __init__(self) -> None:
        self._analysis = Analysis()

    def words(self, text: str) -> Words:
        """The words of a text."""
        found = tuple(w.lower() for w in WORD.findall(text))
        content = " ".join(w for w in found if w not in FUNCTION_WORDS)
        return Words(found, frozenset(self._analysis.terms(content)))

    def lexical_support(self, evidence: str, claim: str) -> float:
        """The share, 0 to 1, of the claim's content words that the evidence has; 1 where it has none."""
        return _share(self.words(claim).stems, self.words(evidence).stems)

    def features(self, evidence: str, claim: str) -> list[float]:
        """FEATURES numbers, each between 0 and 1."""
        have, said = self.words(evidence), self.words(claim)
        everything = frozenset(have.all)
        numbers = [w for w in said.all if w[0].isdigit()]
        missing = len(said.stems - have.stems)
        return [
            _share(said.stems, have.stems),
            _share(_in_a_row(said.all, 2), _in_a_row(have.all, 2)),
            _share(_in_a_row(said.all, 3), _in_a_row(have.all, 3)),
            float(missing == 0 and len(said.stems) > 1),
            min(missing, 8) / 8,
            float(not SPEAKER.isdisjoint(said.all)),
            float(any(n not in everything for n in numbers)),
            float("?" in claim),
            min(len(said.stems), 16) / 16,
        ]


def _in_a_row(words: tuple[str, ...], n: int) -> frozenset[str]:
    return frozenset(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 1.0
