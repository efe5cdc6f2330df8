"""How an answer is chosen among all that could be said."""

import math
from dataclasses import dataclass
from enum import StrEnum

from rag.errors import GenerationError

MAX_BEAMS = 8
GREEDY_BELOW = 1e-3
"""Temperatures under which the most probable action is taken: dividing by them would overflow."""


class Style(StrEnum):
    """What form an answer has; `auto` lets the question decide."""

    AUTO = "auto"
    SPAN = "span"
    SENTENCE = "sentence"


@dataclass(frozen=True)
class GenerationSettings:
    """How an answer is chosen; temperature 0 takes the most probable action at each step.

    Raises:
        GenerationError: a value is out of its range, or two of them contradict each other.
    """

    temperature: float = 0.0
    seed: int = 0
    style: Style = Style.AUTO
    beams: int = 1
    """Answers that are followed side by side; the one with the best normalised probability is given."""
    length_penalty: float = 1.0
    """With beams: a log-probability is divided by the number of actions to this power."""
    top_k: int | None = None
    """With a temperature: only the so many most probable actions are drawn from; None for all."""
    top_p: float = 1.0
    """With a temperature: only the most probable actions that together have this probability."""
    min_p: float = 0.0
    """With a temperature: only actions with at least this share of the best one's probability."""
    repetition_penalty: float = 1.0
    """A word's probability is divided by this for each time that the answer already has it."""
    quotes: bool = True
    """With sentences: what the model is not sure to say well is quoted; False gives what it writes."""
    max_tokens: int | None = None
    """The most word pieces of an answer; None for as many as the model can say."""

    def __post_init__(self) -> None:
        self._check("temperature", self.temperature, 0, 2)
        self._check("seed", self.seed, 0, 2**63 - 1)
        self._check("beams", self.beams, 1, MAX_BEAMS)
        self._check("length_penalty", self.length_penalty, 0, 2)
        self._check("top_k", 1 if self.top_k is None else self.top_k, 1, 100_000)
        self._check("top_p", self.top_p, 0, 1)
        self._check("min_p", self.min_p, 0, 1)
        self._check("repetition_penalty", self.repetition_penalty, 1, 10)
        self._check("max_tokens", 1 if self.max_tokens is None else self.max_tokens, 1, 4096)
        if self.style not in list(Style):
            raise GenerationError(f"style is {self.style!r}: give one of {', '.join(Style)}")
        if self.beams > 1 and self.samples:
            raise GenerationError(
                f"beams is {self.beams} and temperature is {self.temperature:g}: beams look for the most "
                "probable answer, a temperature draws one. Set beams to 1 or the temperature to 0."
            )

    @property
    def samples(self) -> bool:
        """Whether answers are drawn by chance."""
        return self.temperature >= GREEDY_BELOW

    def _check(self, name: str, value: float, least: float, most: float) -> None:
        if not math.isfinite(value) or not least <= value <= most:
            raise GenerationError(f"{name} is {value:g}: give a number from {least:g} to {most:g}")


GREEDY = GenerationSettings()
