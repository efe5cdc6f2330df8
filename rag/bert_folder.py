"""A folder that holds a BERT as MiniLM is, read without the libraries that can read any model.

Importing sentence-transformers takes several seconds, which every command and every start of a server would
wait for. The few files of such a folder say all that is needed. A folder that says anything else is left to
sentence-transformers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

_WEIGHTS = "model.safetensors"
_PLAIN = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "quantization_config": (None,),
}
"""What config.json may say, for the arithmetic to be MiniLM's."""
_PLAIN_READING = {
    "do_lower_case": (False, None),
    "transformer_task": ("feature-extraction", None),
    "module_output_name": ("token_embeddings", None),
    "modality_config": ({"text": {"method": "forward", "method_output_name": "last_hidden_state"}}, None),
}
_OF_WINDOW = "max_seq_length"
_OTHER_POOLINGS = (
    "pooling_mode_cls_token",
    "pooling_mode_max_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
)


@dataclass(frozen=True)
class BertFolder:
    """A BERT whose texts' vectors are the means of their tokens'."""

    tokenizer: Path
    dimension: int
    layers: int
    heads: int
    epsilon: float
    window: int
    """Tokens that it reads of a text."""
    weights: Mapping[str, Tensor]
    """By the names that `transformers.BertModel` gives them."""


def open_bert(directory: Path) -> BertFolder | None:
    """Read a folder that sentence-transformers wrote; None if it holds another kind of model.

    Raises:
        OSError, ValueError, SafetensorError: a file is damaged.
    """
    config = _read(directory / "config.json")
    window = _window(directory, config)
    if not window or not _says(config, _PLAIN) or not _is_mean(directory):
        return None
    weights = {_name(name): tensor for name, tensor in load_file(directory / _WEIGHTS).items()}
    bert = BertFolder(
        directory / "tokenizer.json",
        config["hidden_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["layer_norm_eps"],
        window,
        weights,
    )
    last = f"encoder.layer.{bert.layers - 1}.output.dense.weight"
    return bert if not bert.layers or last in weights else None


def _read(path: Path) -> dict[str, Any]:
    """Returns what a file says; nothing if there is no such file."""
    if not path.is_file():
        return {}
    said = _json(path)
    if not isinstance(said, dict):
        raise ValueError(f"{path} holds no JSON object")
    return said


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error


def _says(said: Mapping[str, Any], plain: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(said.get(key) in allowed for key, allowed in plain.items())


def _name(name: str) -> str:
    return name.removeprefix("bert.")


def _window(directory: Path, config: Mapping[str, Any]) -> int:
    """Returns how many tokens of a text are read; 0 if they are read as sentence-transformers alone knows."""
    reading = _read(directory / "sentence_bert_config.json")
    if not reading or reading.keys() - {*_PLAIN_READING, _OF_WINDOW} or not _says(reading, _PLAIN_READING):
        return 0
    window = reading.get(_OF_WINDOW) or _read(directory / "tokenizer_config.json").get("model_max_length")
    return min(window, config.get("max_position_embeddings", 0)) if isinstance(window, int) else 0


def _is_mean(directory: Path) -> bool:
    """Whether vectors are means of tokens, and no words are put in front of texts."""
    modules_file, weights = directory / "modules.json", directory / _WEIGHTS
    if not modules_file.is_file() or not weights.is_file() or not (directory / "tokenizer.json").is_file():
        return False
    if _read(directory / "config_sentence_transformers.json").get("default_prompt_name"):
        return False
    modules = _json(modules_file)
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or any(kind != "Normalize" for kind in kinds[2:]):
        return False
    pooling = _read(directory / modules[1]["path"] / "config.json")
    mode = pooling.get("pooling_mode", "mean" if pooling.get("pooling_mode_mean_tokens") else None)
    return (
        not modules[0]["path"] and mode == "mean" and not any(pooling.get(other) for other in _OTHER_POOLINGS)
    )
