import re
from pathlib import Path

import pytest
import torch

from rag import training_record
from rag.errors import CheckpointError, TrainingError
from rag.generator import checkpoint
from rag.generator.config import GeneratorConfig
from rag.generator.model import Generator
from rag.training.average import average
from rag.training.record import record_run
from tests.rag.test_data import line, write


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Two checkpoints whose gate biases are 1 and 5."""
    model = Generator(GeneratorConfig(encoder_layers=1, decoder_layers=1))
    folders = [tmp_path / "one", tmp_path / "five"]
    for folder, value in zip(folders, (1.0, 5.0), strict=True):
        with torch.no_grad():
            model.gate.bias.fill_(value)
        checkpoint.save(model, folder, {"command": folder.name, "seed": 7})
    return folders


def test_the_mean_of_two_says_what_it_is_made_of(parts: list[Path], tmp_path: Path) -> None:
    description = average(parts, [0.75, 0.25], tmp_path / "mean")
    assert checkpoint.load(tmp_path / "mean").gate.bias.item() == 2.0
    assert checkpoint.describe(tmp_path / "mean")["averaged"] == description["averaged"]
    first, second = description["averaged"]
    assert (first["share"], first["command"], second["share"]) == (0.75, "one", 0.25)
    assert first["sha256"] != second["sha256"]


def test_the_mean_is_not_pruned_as_the_first_one_was(parts: list[Path], tmp_path: Path) -> None:
    described = checkpoint.describe(parts[0])
    checkpoint.write_description(parts[0], {**described, "pruning": {"after": 1}, "pruning_dev": {}})
    assert "pruning" not in average(parts, [0.5, 0.5], tmp_path / "mean")
    assert checkpoint.describe(tmp_path / "mean").keys() == {*described, "corpora", "averaged"}


@pytest.mark.parametrize("shares", [[0.5, 0.6], [1.5, -0.5], [1.0]])
def test_shares_are_parts_of_one(parts: list[Path], tmp_path: Path, shares: list[float]) -> None:
    with pytest.raises(TrainingError, match=re.escape(f"{shares[0]:g}")):
        average(parts, shares, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_folder_without_a_checkpoint_is_named(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        average([parts[0], tmp_path / "nowhere"], [0.5, 0.5], tmp_path / "mean")


def test_the_mean_learned_from_all_that_its_parts_learned_from(parts: list[Path], tmp_path: Path) -> None:
    checkpoint.write_description(parts[0], {**checkpoint.describe(parts[0]), "corpora": ["letters"]})
    checkpoint.write_description(parts[1], {**checkpoint.describe(parts[1]), "corpora": ["handbook"]})
    assert average(parts, [0.5, 0.5], tmp_path / "mean")["corpora"] == ["handbook", "letters"]


def test_the_mean_has_the_records_of_all_its_parts_or_none(parts: list[Path], tmp_path: Path) -> None:
    first = record_run(parts[0], [write(tmp_path / "a.jsonl.gz", line(1))])
    average(parts, [0.5, 0.5], tmp_path / "mean")
    assert training_record.load(tmp_path / "mean") is None  # of the other one nothing is known
    second = record_run(parts[1], [write(tmp_path / "b.jsonl.gz", line(2))])
    average(parts, [0.5, 0.5], tmp_path / "mean")
    mean = training_record.load(tmp_path / "mean")
    assert first is not None and second is not None and mean is not None
    assert set(mean.hashes) == set(first.hashes) | set(second.hashes)
    assert [file.name for file in mean.files] == ["a.jsonl.gz", "b.jsonl.gz"]
