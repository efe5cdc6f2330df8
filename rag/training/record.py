"""The record of what a checkpoint was trained on, made of the files themselves."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag import training_record
from rag.errors import DataError
from rag.generator import checkpoint
from rag.sequences import ngrams, sequences
from rag.training.data import Example, file_sha256, read_examples
from rag.training_record import TrainedFile, TrainingRecord, hashes_of, join

logger = logging.getLogger(__name__)

AT_ONCE = 1_000_000
"""So many sequences are hashed before doubles are left out."""


def record_of(files: Sequence[Path]) -> TrainingRecord:
    """Record all sequences of words in files of examples, also of those that training left out.

    These are every three words in a row of questions, answers and passages, and answers of fewer words.

    Raises:
        DataError: a file cannot be read.
    """
    return join([_record_of(path) for path in files])


def record_run(folder: Path, files: Sequence[Path], earlier: Sequence[Path] = ()) -> TrainingRecord | None:
    """Write the record of a checkpoint that was just made; None where one that it goes back to has none.

    Args:
        folder: of the checkpoint.
        files: what it was trained on.
        earlier: the folders of the checkpoints that it started from, or is the mean of.

    Raises:
        DataError, CheckpointError: a file cannot be read, or the record cannot be written.
    """
    (folder / training_record.FILE).unlink(missing_ok=True)  # it would be that of a checkpoint before
    before = [training_record.load(each) for each in earlier]
    known = [record for record in before if record is not None]
    if len(known) < len(before):
        logger.warning(
            "no record of training data is written: what a checkpoint that this one goes back to was trained "
            "on is not recorded. `rag record-data` makes it up."
        )
        return None
    record = join([*known, record_of(files)])
    training_record.save(record, folder)
    return record


def record_checkpoint(folder: Path, files: Sequence[Path]) -> TrainingRecord:
    """Write the record of a checkpoint that has none, of all files that it, and what came before it, took.

    Raises:
        DataError: a file cannot be read, or one that the checkpoint names is not among them.
        CheckpointError: there is no checkpoint, or the record cannot be written.
    """
    description = checkpoint.describe(folder)
    given = {file_sha256(path) for path in files}
    absent = [f for f in training_record.files_behind(description) if f.sha256 not in given]
    if absent:
        names = ", ".join(f"{file.name} (SHA-256 {file.sha256[:12]}…)" for file in absent)
        raise DataError(f"{folder} was trained on {names} too: give all of its files")
    record = record_of(files)
    training_record.save(record, folder)
    return record


def texts_of_files(files: Sequence[Path]) -> Iterator[str]:
    """Each different text of the examples, one after the other; a passage now and then twice.

    Raises:
        DataError: a file cannot be read.
    """
    for text, _ in _texts(files):
        yield text


def _record_of(path: Path) -> TrainingRecord:
    parts: list[NDArray[np.uint32]] = []
    found: set[str] = set()
    for text, is_answer in _texts([path]):
        found |= sequences(text) if is_answer else ngrams(text)
        if len(found) >= AT_ONCE:
            parts.append(hashes_of(found))
            found = set()
    hashes = np.unique(np.concatenate([*parts, hashes_of(found)]))
    return TrainingRecord((TrainedFile(path.name, file_sha256(path)),), hashes)


def _texts(files: Iterable[Path]) -> Iterator[tuple[str, bool]]:
    """Texts, and whether each is an answer."""
    last = ""  # examples on the same passage mostly stand together
    for path in files:
        for example in read_examples(path):
            for text, is_answer in _texts_of(example):
                if text != last:
                    yield text, is_answer
            last = example.passages[-1].text


def _texts_of(example: Example) -> Iterator[tuple[str, bool]]:
    yield example.question, False
    yield from ((answer.text, True) for answer in example.answers)
    yield example.full_answer or "", True
    yield from ((passage.text, False) for passage in example.passages)
