"""Checkpoints of the classifier: bfloat16 safetensors beside a JSON file of what it is and comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.generator import checkpoint as generators
from rag.generator.checkpoint import describe, read_weights, write_description, write_weights
from rag.generator.config import GeneratorConfig
from rag.scoring.model import Scorer, ScorerConfig


def warm_start(config: ScorerConfig, start_from: Path | None = None) -> Scorer:
    """Return a classifier with an untrained head and the encoder of MiniLM, or of a generator's checkpoint.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    if start_from is None:
        generator = generators.warm_start(GeneratorConfig())
    else:
        generator = generators.load(start_from)
    source = generator.state_dict()
    model = Scorer(config)
    model.load_state_dict({name: source.get(name, tensor) for name, tensor in model.state_dict().items()})
    return model


def save(model: Scorer, directory: Path, description: Mapping[str, Any]) -> None:
    """Write a checkpoint; each file appears whole or not at all.

    Raises:
        CheckpointError: it could not be written; what was there before is still there.
    """
    write_weights(model, directory)
    write_description(directory, {**description, "config": model.config.to_dict()})


def load(directory: Path) -> Scorer:
    """Read a checkpoint, in float32, ready to score.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of another configuration.
    """
    model = Scorer(ScorerConfig.from_dict(describe(directory).get("config", {})))
    read_weights(model, directory)
    return model.eval()
