"""What is known of the data that the generator of an answer was trained on."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag import training_record
from rag.errors import CheckpointError
from rag.generator import checkpoint
from rag.generator.generate import model_name
from rag.generator.load import CAUSAL, SERVICE
from rag.training_record import TrainingRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NotKnown:
    """Why it is not known what a model was trained on."""

    reason: str


NO_RECORDS = NotKnown("no records of training data are at hand")


class TrainingRecords:
    """The records of the generators at hand, by the names of their models; thread-safe."""

    def __init__(self, generators: Sequence[str]) -> None:
        """Nothing is read yet.

        Args:
            generators: as settings name them: folders of checkpoints, and others.
        """
        self._folders = [Path(g) for g in generators if not g.startswith((CAUSAL, SERVICE))]
        self._found: dict[str, TrainingRecord | NotKnown] = {}
        self._lock = threading.Lock()

    def of(self, model: str) -> TrainingRecord | NotKnown:
        """The record of a model, named as answers name it."""
        with self._lock:
            if model not in self._found:
                self._found[model] = self._read(model)
            return self._found[model]

    def _read(self, model: str) -> TrainingRecord | NotKnown:
        if model.startswith((CAUSAL, SERVICE)):
            return NotKnown(f"what {model} was trained on is not known here")
        for folder in self._folders:
            try:
                description = checkpoint.describe(folder)
                if model_name(description) != model:
                    continue
                record = training_record.load(folder)
            except CheckpointError as error:
                logger.warning("no record of training data: %s", error)
                continue
            if record is None:
                return NotKnown(f"no record of what {model} was trained on lies beside it: `rag record-data`")
            lacking = record.lacking(description)
            if lacking:
                return NotKnown(f"the record of what {model} was trained on lacks {', '.join(lacking)}")
            return record
        return NotKnown(f"no readable record of what {model} was trained on is at hand")
