"""How probably a claim is borne out by its evidence, by the trained classifier.

Long evidence is read in windows, of which the best counts. What the words alone make sure of bounds what the
classifier can say: a claim that stands in its evidence as it is, is borne out; one without evidence, or of
whose content words the evidence has none, is not.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import torch

from rag.errors import CheckpointError
from rag.generator.checkpoint import WEIGHTS, describe
from rag.scoring import checkpoint
from rag.scoring.calibration import Calibration
from rag.scoring.features import Lexicon
from rag.scoring.pairs import PairReader, Window, collate
from rag.training.data import file_sha256

WINDOWS_AT_ONCE = 32
VERSION_CHARACTERS = 12
VERBATIM = 0.95
"""What a claim gets at least that stands in its evidence as it is."""


class GroundednessScorer:
    """The classifier, ready to score; thread-safe."""

    def __init__(self, directory: Path, precision: str = "float32") -> None:
        """Load a checkpoint; `precision` is `float32` or `bfloat16`.

        Raises:
            CheckpointError: there is none, it is damaged, or it was never calibrated.
        """
        described = describe(directory).get("calibration")
        if not described:
            raise CheckpointError(f"the scorer at {directory} has no calibration. Train it: rag train-scorer")
        self.calibration = Calibration(**described)
        self._model = checkpoint.load(directory)
        if precision == "bfloat16":
            self._model.encoder.to(torch.bfloat16)
        self._model.lay_out()
        self._reader = PairReader(self._model.config)
        self._lexicon = Lexicon()
        self._lock = threading.Lock()  # the tokenizer is not to be used by two threads at once
        self.version = file_sha256(directory / WEIGHTS)[:VERSION_CHARACTERS]

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probability, 0 to 1 and never NaN, that each (evidence, claim) is borne out."""
        return [
            self._bounded(evidence, claim, self.calibration.probability(logit))
            for (evidence, claim), logit in zip(pairs, self.log_odds(pairs), strict=True)
        ]

    def log_odds(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """What the classifier itself says of each (evidence, claim), of its best window; not calibrated."""
        with self._lock:
            read = self._reader.read(pairs)
        logits = iter(self._logits([window for windows in read for window in windows]))
        return [max(next(logits) for _ in windows) for windows in read]

    def _bounded(self, evidence: str, claim: str, probability: float) -> float:
        stripped = " ".join(claim.split()).strip(" .").lower()
        if stripped and stripped in " ".join(evidence.split()).lower():
            return max(probability, VERBATIM)
        if not evidence.strip() or self._lexicon.lexical_support(evidence, claim) == 0:
            return min(probability, 1 - VERBATIM)
        return probability

    @torch.inference_mode()
    def _logits(self, windows: Sequence[Window]) -> list[float]:
        order = sorted(range(len(windows)), key=lambda i: len(windows[i].ids))
        logits = [0.0] * len(windows)
        for begin in range(0, len(order), WINDOWS_AT_ONCE):
            rows = order[begin : begin + WINDOWS_AT_ONCE]
            batch = collate([windows[i] for i in rows])
            for i, logit in zip(
                rows, self._model(batch.ids, batch.segments, batch.features).tolist(), strict=True
            ):
                logits[i] = logit
        return logits
