"""Checkpoints of the classifier: bfloat16 safetensors beside a JSON file of what it is and comes from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from rag.encoder import minilm_directory
from rag.errors import CheckpointError
from rag.generator import checkpoint as generators
from rag.generator.checkpoint import FROZEN, WEIGHTS, describe, write_description, write_whole
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
    tensors = {
        name: tensor.detach().to("cpu", torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != FROZEN
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(directory / WEIGHTS, lambda path: save_file(tensors, path, metadata={"format": "pt"}))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot write a scorer to {directory}: {error}") from error
    write_description(directory, {**description, "config": model.config.to_dict()})


def load(directory: Path) -> Scorer:
    """Read a checkpoint, in float32, ready to score.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of another configuration.
    """
    model = Scorer(ScorerConfig.from_dict(describe(directory).get("config", {})))
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(directory / WEIGHTS).items()}
        with safe_open(minilm_directory() / WEIGHTS, framework="pt") as file:
            tensors[FROZEN] = file.get_tensor("embeddings.word_embeddings.weight")
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"the scorer at {directory} cannot be loaded: {error}") from error
    return model.eval()
