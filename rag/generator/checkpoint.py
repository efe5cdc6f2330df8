"""Checkpoints: weights as safetensors beside a JSON file of what they are and where they come from.

The word embeddings are MiniLM's and are not stored; they are read from the installed package.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module

from rag.encoder import minilm_directory
from rag.errors import CheckpointError
from rag.generator.config import GeneratorConfig
from rag.generator.model import Generator

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
FROZEN = "words.weight"


def warm_start(config: GeneratorConfig) -> Generator:
    """Return a generator whose encoder is MiniLM and whose decoder starts from MiniLM's last layers."""
    model = Generator(config)
    source = load_file(minilm_directory() / WEIGHTS)
    state = model.state_dict()
    state["words.weight"] = source["embeddings.word_embeddings.weight"]
    state["positions.weight"] = source["embeddings.position_embeddings.weight"]
    state["decoder_positions.weight"] = source["embeddings.position_embeddings.weight"].clone()
    state["segments.weight"] = source["embeddings.token_type_embeddings.weight"]
    for norm in ("input_norm", "decoder_norm"):
        for part in ("weight", "bias"):
            state[f"{norm}.{part}"] = source[f"embeddings.LayerNorm.{part}"].clone()
    for number in range(config.encoder_layers):
        state |= _layer(source, number, f"encoder.{number}", ("attention",))
    for number in range(config.decoder_layers):
        from_layer = config.encoder_layers - config.decoder_layers + number
        state |= _layer(source, from_layer, f"decoder.{number}", ("attention", "cross_attention"))
    model.load_state_dict(state)
    return model


def _layer(
    source: Mapping[str, Tensor], number: int, to: str, attentions: tuple[str, ...]
) -> dict[str, Tensor]:
    at = f"encoder.layer.{number}"
    state = {}
    for part in ("weight", "bias"):
        q, k, v = (source[f"{at}.attention.self.{name}.{part}"] for name in ("query", "key", "value"))
        for attention in attentions:
            state[f"{to}.{attention}.query.{part}"] = q.clone()
            state[f"{to}.{attention}.key_value.{part}"] = torch.cat([k, v])
            state[f"{to}.{attention}.out.{part}"] = source[f"{at}.attention.output.dense.{part}"].clone()
            state[f"{to}.{attention}_norm.{part}"] = source[f"{at}.attention.output.LayerNorm.{part}"].clone()
        state[f"{to}.feed_forward.up.{part}"] = source[f"{at}.intermediate.dense.{part}"]
        state[f"{to}.feed_forward.down.{part}"] = source[f"{at}.output.dense.{part}"]
        state[f"{to}.feed_forward_norm.{part}"] = source[f"{at}.output.LayerNorm.{part}"]
    return state


def save(model: Generator, directory: Path, description: Mapping[str, Any]) -> None:
    """Write a checkpoint, bfloat16; each file appears whole or not at all.

    Raises:
        CheckpointError: it could not be written; what was there before is still there.
    """
    write_weights(model, directory)
    write_description(directory, {**description, "config": model.config.to_dict()})


def write_weights(model: Module, directory: Path) -> None:
    """Write a model's weights but for the word embeddings, bfloat16.

    Raises:
        CheckpointError: they could not be written; what was there before is still there.
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
        raise CheckpointError(f"cannot write a checkpoint to {directory}: {error}") from error


def write_description(directory: Path, description: Mapping[str, Any]) -> None:
    """Write what a checkpoint says of itself.

    Raises:
        CheckpointError: it could not be written; what was there before is still there.
    """
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    try:
        write_whole(directory / DESCRIPTION, lambda path: path.write_text(text))
    except OSError as error:
        raise CheckpointError(f"cannot write {directory / DESCRIPTION}: {error}") from error


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under another name and put it in place when it is on the disk."""
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def describe(directory: Path) -> dict[str, Any]:
    """Read what a checkpoint says of itself: configuration, data, metrics, command, seed.

    Raises:
        CheckpointError: there is no readable checkpoint.
    """
    path = directory / DESCRIPTION
    try:
        description: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"no generator checkpoint at {directory}: {error}. Train one: rag train"
        ) from error
    return description


def restart(directory: Path, config: GeneratorConfig) -> Generator:
    """Read a checkpoint to train it further under a configuration with the same shapes.

    Raises:
        CheckpointError: there is none, it is damaged, or its shapes differ.
    """
    before = load(directory)
    model = Generator(config)
    try:
        model.load_state_dict(before.state_dict())
    except RuntimeError as error:
        raise CheckpointError(f"the checkpoint at {directory} has another shape: {error}") from error
    return model


def load(directory: Path, device: str = "cpu") -> Generator:
    """Read a checkpoint, in float32, ready to answer.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of another configuration.
    """
    config = GeneratorConfig.from_dict(describe(directory).get("config", {}))
    model = Generator(config)
    read_weights(model, directory)
    return model.eval().to(device)


def read_weights(model: Module, directory: Path) -> None:
    """Fill a model with a checkpoint's weights, in float32, and with MiniLM's word embeddings.

    Raises:
        CheckpointError: there are none, they are damaged, or they are of another configuration.
    """
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(directory / WEIGHTS).items()}
        with safe_open(minilm_directory() / WEIGHTS, framework="pt") as file:
            tensors[FROZEN] = file.get_tensor("embeddings.word_embeddings.weight")
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"the checkpoint at {directory} cannot be loaded: {error}") from error
