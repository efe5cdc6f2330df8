"""The best hits ordered again by a model that reads query and passage together."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rag.errors import RerankerError
from rag.generator.passages import Passage
from rag.retriever.fusion import min_max

DEPTH = 50
"""How many of the best hits are read again at most."""
BATCH = 8


class Reranker(Protocol):
    """What tells how relevant passages are to a query: the generator's relevance head, or a cross-encoder."""

    @property
    def name(self) -> str:
        """The model's name."""

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """Return for each passage a number from 0 to 1."""


class CrossEncoderReranker:
    """A cross-encoder of sentence-transformers, from a folder. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        """Load a model with one output per pair; nothing is downloaded.

        Raises:
            RerankerError: there is none, or it gives more than one number per pair.
        """
        if not directory.is_dir():
            raise RerankerError(
                f"no reranker at {str(directory)!r}: give `generator`, or a folder with a cross-encoder"
            )
        from sentence_transformers import CrossEncoder
        from torch.nn import Sigmoid

        try:
            self._model: Any = CrossEncoder(str(directory), activation_fn=Sigmoid(), local_files_only=True)
        except Exception as error:  # the libraries raise all kinds
            raise RerankerError(f"the reranker at {str(directory)!r} cannot be loaded: {error}") from error
        if self._model.num_labels != 1:
            raise RerankerError(
                f"the model at {str(directory)!r} gives {self._model.num_labels} numbers per pair: "
                "a reranker gives one"
            )
        self.name = directory.name
        self._lock = threading.Lock()

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """Return for each passage a number from 0 to 1."""
        pairs = [(question, f"{p.title}\n{p.text}".strip()) for p in passages]
        if not pairs:
            return []
        with self._lock:  # tokenizers do not bear two threads at once
            scores = self._model.predict(pairs, show_progress_bar=False)
        return [float(score) for score in scores]


def relevance_in_time(
    reranker: Reranker,
    query: str,
    passages: Sequence[Passage],
    budget_ms: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[float]:
    """Score passages, best first, until the next batch would probably end after the time is up.

    Returns the relevance of the first passages: of all if time allows, of the first batch in any case.
    """
    begun = clock()
    slowest_s = 0.0
    scores: list[float] = []
    while len(scores) < len(passages):
        before = clock()
        if scores and (before - begun + slowest_s) * 1000 > budget_ms:
            break
        scores += reranker.relevance(query, passages[len(scores) : len(scores) + BATCH])
        slowest_s = max(slowest_s, clock() - before)
    return scores


@dataclass(frozen=True)
class Placed:
    """A hit's number in the fused order, counted from 0, its relevance, and the score it is placed by.

    `nearness` is how near it is to the best hits, from 0 to 1; None where that was not looked at.
    """

    number: int
    relevance: float
    final: float
    nearness: float | None = None


def mix(fused: Sequence[float], relevance: Sequence[float], weight: float) -> list[Placed]:
    """Order the hits that have a relevance: by fused score, scaled to 0 … 1, plus weight times relevance.

    Args:
        fused: the fused scores of the hits that could be reranked, best first; at most DEPTH of them.
        relevance: of the first of these hits; those after them keep their places behind.
        weight: of the relevance.
    """
    if not relevance:
        return []
    final = min_max(np.asarray(fused))[: len(relevance)] + weight * np.asarray(relevance, dtype=np.float64)
    order = np.argsort(-final, kind="stable")
    return [Placed(int(n), relevance[n], float(final[n])) for n in order]
