"""How a corpus is searched: the defaults, or what was chosen or learned for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag.errors import RetrievalSettingsError
from rag.retriever.fusion import Fusion
from store.types import Corpus

SUBJECT = "retrieval"
"""The key of these settings among a corpus's settings."""

KEYWORD_WEIGHT = 0.5
RERANK_WEIGHT = 0.8
NEARNESS_WEIGHT = 1.0
MAX_RERANK_WEIGHT = 10.0


@dataclass(frozen=True)
class RetrievalSettings:
    """How rankings become one.

    `learned` says from what the weights were learned and what that gained; None where nobody has.
    """

    fusion: Fusion = Fusion.WEIGHTED
    keyword_weight: float = KEYWORD_WEIGHT
    """Of the keyword ranking in the weighted fusion, from 0 to 1; the rest is the vector ranking's."""
    rerank_weight: float = RERANK_WEIGHT
    """Of the reranker's relevance, beside a fused score between 0 and 1."""
    learned: Mapping[str, Any] | None = None
    nearness_weight: float = NEARNESS_WEIGHT
    """Of how near a reranked hit is to the best ones."""

    @property
    def weights(self) -> tuple[float, float]:
        """The weights of the keyword and of the vector ranking; they add up to 1."""
        return self.keyword_weight, 1.0 - self.keyword_weight


def settings_of(corpus: Corpus, fusion: Fusion) -> RetrievalSettings:
    """The settings of a corpus; one without a choice of its own is searched with `fusion`.

    Weights that were learned for a corpus go with the weighted fusion.

    Raises:
        RetrievalSettingsError: they cannot be used.
    """
    chosen = corpus.settings.get(SUBJECT)
    if chosen is None:
        return RetrievalSettings(fusion)
    if not isinstance(chosen, Mapping):
        raise RetrievalSettingsError(corpus.name, f"{chosen!r:.80} is not an object with settings")
    usual = Fusion.WEIGHTED if "keyword_weight" in chosen else fusion
    try:
        kind = Fusion(chosen.get("fusion", usual))
    except ValueError:
        known = " or ".join(Fusion)
        raise RetrievalSettingsError(
            corpus.name, f"fusion is {chosen['fusion']!r:.80} instead of {known}"
        ) from None
    return RetrievalSettings(
        fusion=kind,
        keyword_weight=_weight(corpus, chosen, "keyword_weight", KEYWORD_WEIGHT, 1.0),
        rerank_weight=_weight(corpus, chosen, "rerank_weight", RERANK_WEIGHT, MAX_RERANK_WEIGHT),
        nearness_weight=_weight(corpus, chosen, "nearness_weight", NEARNESS_WEIGHT, MAX_RERANK_WEIGHT),
        learned=chosen.get("learned"),
    )


def to_json(settings: RetrievalSettings) -> dict[str, Any]:
    """The settings as a corpus keeps them."""
    return {
        "fusion": settings.fusion.value,
        "keyword_weight": settings.keyword_weight,
        "rerank_weight": settings.rerank_weight,
        "nearness_weight": settings.nearness_weight,
        "learned": dict(settings.learned) if settings.learned is not None else None,
    }


def _weight(corpus: Corpus, chosen: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    value = chosen.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise RetrievalSettingsError(
            corpus.name, f"{name} is {value!r:.80} instead of a number from 0 to {most:g}"
        )
    return float(value)
