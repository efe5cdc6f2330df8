"""The generator as the rest of the system sees it: a question and passages in, an answer with sources out."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.encoder import minilm_directory
from rag.errors import CheckpointError
from rag.generator import checkpoint
from rag.generator.compose import Segment, compose
from rag.generator.decode import Decoded, GenerationSettings, decode, relevance_logits
from rag.generator.passages import Passage, Reader, Reading

GREEDY = GenerationSettings()


def sigmoid(x: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


@dataclass(frozen=True)
class Calibration:
    """Logistic regression from the model's signals to the probability that there is an answer.

    The more passages are read, the more places the null entry competes with: their number is a signal too.
    """

    null_weight: float = -1.0
    relevance_weight: float = 0.0
    passages_weight: float = 0.0
    bias: float = 0.0
    threshold: float = 0.5
    """Below this probability the system abstains."""
    risk: float | None = None
    """The share of wrong answers among given ones that the threshold was chosen for; None: not for one."""
    coverage: float | None = None
    """The share of development questions that were answered at that threshold."""

    def probability(self, null_log_odds: float, relevance: float, passages: int) -> float:
        """Between 0 and 1.

        Args:
            null_log_odds: log p(abstain) − log p(anything else) at the first step.
            relevance: the largest relevance logit of the passages.
            passages: how many were read.
        """
        return sigmoid(
            self.null_weight * null_log_odds
            + self.relevance_weight * relevance
            + self.passages_weight * math.log(passages)
            + self.bias
        )


@dataclass(frozen=True)
class Generated:
    """An answer, the parts it is made of, and what the model thinks of the evidence."""

    text: str
    segments: tuple[Segment, ...]
    answerable_probability: float
    null_log_odds: float
    relevance: tuple[float, ...]
    """For each passage, between 0 and 1: it holds the answer."""
    focus: tuple[int, int] | None
    """Passage, and character in it, that the first step points at most; None without passages."""


class LocalGenerator:
    """The checkpoint of `rag train`, loaded and ready to answer."""

    def __init__(self, directory: Path, device: str = "cpu") -> None:
        """Load a checkpoint.

        Raises:
            CheckpointError: there is none, it is damaged, or it is of another configuration.
        """
        description = checkpoint.describe(directory)
        self.model = checkpoint.load(directory, device)
        self.reader = Reader(minilm_directory() / "tokenizer.json", self.model.config)
        try:
            self.calibration = Calibration(**description.get("calibration", {}))
        except TypeError as error:
            raise CheckpointError(
                f"the calibration of the checkpoint at {directory} is odd: {error}"
            ) from error
        self.name = model_name(description)

    def generate(
        self, question: str, passages: Sequence[Passage], settings: GenerationSettings = GREEDY
    ) -> Generated:
        """Answer one question; without passages there is nothing to answer from and the text is empty."""
        return self.generate_many([(question, passages)], settings)[0]

    def generate_many(
        self,
        asked: Sequence[tuple[str, Sequence[Passage]]],
        settings: GenerationSettings = GREEDY,
    ) -> list[Generated]:
        """Answer several questions, each from its own passages, in one pass of the encoder."""
        readings = [self.reader.read(question, passages) for question, passages in asked]
        readable = [r for r in readings if r.windows]
        decoded = iter(decode(self.model, self.reader, readable, settings))
        return [self._finish(r, next(decoded)) if r.windows else EMPTY for r in readings]

    def relevance(self, question: str, passages: Sequence[Passage], batch_size: int = 16) -> list[float]:
        """For each passage, between 0 and 1: it holds the answer. No answer is decoded."""
        logits: list[float] = []
        for begin in range(0, len(passages), batch_size):
            readings = [self.reader.read(question, [p]) for p in passages[begin : begin + batch_size]]
            logits += relevance_logits(self.model, readings)
        return [sigmoid(x) for x in logits]

    def _finish(self, reading: Reading, decoded: Decoded) -> Generated:
        composed = compose(decoded.actions, reading, self.reader)
        by_passage = [-30.0] * len(reading.passages)
        for window, logit in zip(reading.windows, decoded.relevance, strict=True):
            by_passage[window.passage] = max(by_passage[window.passage], logit)
        passage, start, _ = reading.characters(decoded.focus[0], decoded.focus[1], decoded.focus[1])
        return Generated(
            text=composed.text,
            segments=composed.segments,
            answerable_probability=self.calibration.probability(
                decoded.null_log_odds, max(by_passage), len(by_passage)
            ),
            null_log_odds=decoded.null_log_odds,
            relevance=tuple(sigmoid(x) for x in by_passage),
            focus=(passage, start) if passage >= 0 else None,
        )


EMPTY = Generated("", (), 0.0, 30.0, (), None)


def model_name(description: dict[str, Any]) -> str:
    """Name a checkpoint by what it is: `groundwork-` and a digest of its description."""
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
    return f"groundwork-{digest[:10]}"
