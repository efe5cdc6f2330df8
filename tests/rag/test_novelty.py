import logging
from pathlib import Path

import pytest

from rag import training_record
from rag.errors import CheckpointError, DataError
from rag.generator import checkpoint
from rag.generator.generate import model_name
from rag.scoring.novelty import novelty
from rag.scoring.records import TrainingRecords
from rag.sequences import ngrams
from rag.training.data import file_sha256
from rag.training.record import record_checkpoint, record_of, record_run
from rag.training_record import FILE, TrainedFile, TrainingRecord, hashes_of
from tests.rag.test_data import line, write

GIVEN = ("Anna of Bergen kept a ship.",)
SAID = "Anna of Bergen sailed to port 1 in May"
"""One of its seven sequences is given; "sailed to port", "to port 1", "port 1 in" stand in the examples."""


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    return write(tmp_path / "train.jsonl.gz", line(1), line(2, answers=[{"text": "Oslo", "start": -1}]))


@pytest.fixture
def folder(tmp_path: Path, examples: Path) -> Path:
    """A checkpoint, as far as it says what it was trained on."""
    folder = tmp_path / "model"
    folder.mkdir()
    source = {"name": examples.name, "sha256": file_sha256(examples)}
    checkpoint.write_description(folder, {"settings": {"sources": [source]}})
    return folder


def model_of(folder: Path) -> str:
    return model_name(checkpoint.describe(folder))


def test_what_only_training_data_have_is_not_new(folder: Path, examples: Path) -> None:
    record = record_checkpoint(folder, [examples])
    found = novelty(SAID, GIVEN, model_of(folder), TrainingRecords([str(folder)]))
    assert found.value == pytest.approx(1 - 3 / 7)
    assert found.details == {"of": 7, "unexplained": 6, "in_training_data": 3}
    assert found.version == f"2-{record.digest}"


def test_short_answer_is_compared_with_the_answers_trained_on(folder: Path, examples: Path) -> None:
    record_checkpoint(folder, [examples])
    records = TrainingRecords([str(folder)])
    values = [novelty(said, GIVEN, model_of(folder), records).value for said in ("Oslo.", "Rome", "Bergen")]
    assert values == [0, 1, 1]  # remembered, new, given; ‘ship’ stands in a passage, which is no answer
    assert novelty("sailed", GIVEN, model_of(folder), records).value == 1


def test_what_was_given_is_known_to_come_from_there_whatever_was_trained_on() -> None:
    found = novelty("a ship", GIVEN, "openai:http://host/v1#m", TrainingRecords([]))
    assert (found.value, found.version, found.unknown) == (1, "2", None)


@pytest.mark.parametrize("model", ["openai:http://host/v1#m", "hf:llama", "groundwork-0123456789"])
def test_of_a_model_without_a_record_novelty_is_not_known(model: str) -> None:
    found = novelty(SAID, GIVEN, model, TrainingRecords(["hf:/models/llama"]))
    assert found.value is None and found.details is None
    assert model in str(found.unknown)


def test_no_record_beside_a_checkpoint_is_told(folder: Path) -> None:
    found = novelty(SAID, GIVEN, model_of(folder), TrainingRecords([str(folder)]))
    assert "rag record-data" in str(found.unknown)


def test_record_of_other_data_does_not_count(folder: Path, examples: Path, tmp_path: Path) -> None:
    training_record.save(record_of([write(tmp_path / "other.jsonl.gz", line(3))]), folder)
    found = novelty(SAID, GIVEN, model_of(folder), TrainingRecords([str(folder)]))
    assert found.value is None
    assert "lacks train.jsonl.gz" in str(found.unknown)
    with pytest.raises(DataError, match=r"train\.jsonl\.gz"):
        record_checkpoint(folder, [tmp_path / "other.jsonl.gz"])


def test_damaged_record_is_told_and_not_used(
    folder: Path, examples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record_checkpoint(folder, [examples])
    content = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        training_record.load(folder)
    with caplog.at_level(logging.WARNING):
        assert novelty(SAID, GIVEN, model_of(folder), TrainingRecords([str(folder)])).value is None
    assert "damaged" in caplog.text


def test_record_read_again_holds_what_the_files_hold_and_no_text(folder: Path, examples: Path) -> None:
    made = record_checkpoint(folder, [examples])
    read = training_record.load(folder)
    assert read is not None
    assert (read.files, read.digest) == (made.files, made.digest)
    assert (read.hashes == made.hashes).all()
    wanted = ngrams(str(line(1)["passage"])) | ngrams(str(line(2)["question"])) | {"oslo", "port 1"}
    assert read.held(wanted | {"ship 1", "rome"}) == wanted
    assert b"sailed" not in (folder / FILE).read_bytes()


def test_few_sequences_are_taken_for_trained_ones_that_are_not() -> None:
    known = hashes_of([f"known {i}" for i in range(1_000_000)])
    known.sort()
    record = TrainingRecord((), known)
    found = record.held(f"other {i}" for i in range(200_000))
    assert 0.0005 < len(found) / 200_000 < 0.0015  # 1,000,000 of 2**30


def test_record_goes_back_to_the_checkpoint_that_training_started_from(
    folder: Path, examples: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = write(tmp_path / "more.jsonl.gz", line(9))
    later = tmp_path / "later"
    later.mkdir()
    with caplog.at_level(logging.WARNING):
        assert record_run(later, [more], [folder]) is None  # what was before is not known
    assert "rag record-data" in caplog.text
    record_checkpoint(folder, [examples])
    record = record_run(later, [more], [folder])
    assert record is not None
    assert [file.name for file in record.files] == ["train.jsonl.gz", "more.jsonl.gz"]
    assert record.held({"sailed to port", "port 9 in"}) == {"sailed to port", "port 9 in"}
    assert TrainedFile("more.jsonl.gz", file_sha256(more)) in record.files
