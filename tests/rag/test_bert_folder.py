"""Folders that are read without sentence-transformers, and those that are left to it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rag.bert_folder import open_bert
from rag.encoder import Encoder, minilm_directory
from rag.errors import EncoderFilesError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(minilm_directory(), copy, ignore=shutil.ignore_patterns("data_config.json", "README.md"))
    return copy


def changed(file: Path, **said: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **said}))


def test_the_usual_model_is_read_whole() -> None:
    bert = open_bert(minilm_directory())
    assert bert and (bert.dimension, bert.layers, bert.heads, bert.window) == (384, 6, 12, 256)


def test_loading_it_imports_none_of_the_libraries_that_read_any_model() -> None:
    code = (
        "import sys; from rag.encoder import Encoder; Encoder().encode(['a text']); "
        "print({'transformers', 'sentence_transformers', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_what_sentence_transformers_writes_today_is_read(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_directory()), device="cpu", local_files_only=True)
    model.save(str(tmp_path))
    bert = open_bert(tmp_path)
    assert bert and bert.window == model.max_seq_length == 256


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"something_new": 1}),
        ("sentence_bert_config.json", {"max_seq_length": "256"}),
        ("config_sentence_transformers.json", {"prompts": {"q": "query: "}, "default_prompt_name": "q"}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
    ],
)
def test_another_kind_of_model_is_left_to_sentence_transformers(
    folder: Path, file: str, said: dict[str, Any]
) -> None:
    changed(folder / file, **said)
    assert open_bert(folder) is None


def test_a_model_of_embeddings_alone_gives_the_vectors_of_sentence_transformers(folder: Path) -> None:
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformer

    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if name.startswith("embeddings.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    changed(folder / "config.json", num_hidden_layers=0)
    bert = open_bert(folder)
    assert bert and bert.layers == 0
    texts = ["one text", "another, which is a little longer"]
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(texts)
    assert np.allclose(Encoder(str(folder)).encode(texts), theirs, atol=1e-6)


@pytest.mark.parametrize("file", ["modules.json", "sentence_bert_config.json", "model.safetensors"])
def test_a_folder_without_a_file_is_left_to_sentence_transformers(folder: Path, file: str) -> None:
    (folder / file).unlink()
    assert open_bert(folder) is None


def test_more_modules_are_left_to_sentence_transformers(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    assert open_bert(folder) is None


def test_weights_of_half_precision_under_other_names_are_read(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    expected = Encoder(str(folder)).encode(["a text"])
    save_file({f"bert.{name}": w.half() if w.is_floating_point() else w for name, w in weights.items()},
              folder / "model.safetensors")  # fmt: skip
    assert torch.float16 in {w.dtype for w in load_file(folder / "model.safetensors").values()}
    np.testing.assert_allclose(Encoder(str(folder)).encode(["a text"]), expected, atol=2e-3)


@pytest.mark.parametrize("file", ["model.safetensors", "modules.json", "config.json", "tokenizer.json"])
def test_a_damaged_file_is_named_with_its_mend(folder: Path, file: str) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:100])
    with pytest.raises(EncoderFilesError, match=r"cannot be loaded.*Give a folder"):
        Encoder(str(folder))
