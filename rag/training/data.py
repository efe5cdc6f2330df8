"""Training examples, read from files of question, passage and answers.

The files' form is that of `rag evaluate`: one JSON object a line with `id, question, passage, title,
answers: [{text, start}], answerable` and, where there is one, `full_answer`.
"""

import codecs
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from rag.errors import DataError
from rag.generator.passages import Passage

LONGEST_WINDOW_BYTES = 2**31
"""Of what `zstd --long=27` to `--ultra --long=31` write."""
READ_BYTES = 2**18


@dataclass(frozen=True)
class Answer:
    """An answer's text and where it starts in its passage, −1 where it is not a span of it."""

    text: str
    start: int


@dataclass(frozen=True)
class Example:
    """A question with the passages to read and what should be said."""

    id: str
    source: str
    question: str
    passages: tuple[Passage, ...]
    gold: int | None
    """Which passage the answer is in; None when none of them holds it."""
    answers: tuple[Answer, ...]
    full_answer: str | None
    synthetic: bool = False
    question_type: str | None = None
    """What kind of answer is asked for, where the source says so: factoid, list, yesno, summary, …"""

    @property
    def answerable(self) -> bool:
        """Whether the passages hold the answer."""
        return self.gold is not None


@dataclass(frozen=True)
class Source:
    """A file of examples, how many of them to take (None: all), and how often each of those."""

    path: Path
    limit: int | None = None
    repeat: int = 1
    unanswerable_repeat: int = 1
    """How often those that have no answer are taken, on top of `repeat`."""


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a text file: plain, gzipped (`.gz`) or compressed with zstandard (`.zst`).

    Raises:
        DataError: it cannot be read to its end; the message says how far it was read.
    """
    number = 0
    try:
        for line in _zst_lines(path) if path.suffix == ".zst" else _plain_lines(path):
            number += 1
            yield line
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, UnicodeDecodeError) as error:
        after = f" after line {number}" if number else ""
        raise DataError(f"cannot read {path}{after}: {error}") from error


def _plain_lines(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from file


def _zst_lines(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = ""
    for part in _unpacked(path):
        *lines, rest = (rest + decoder.decode(part)).split("\n")
        yield from lines
    if rest:
        yield rest


def _unpacked(path: Path) -> Iterator[bytes]:
    """The content, part by part: zstandard's own file takes one that was cut off for one that ends there."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=LONGEST_WINDOW_BYTES)
    frame = decompressor.decompressobj()
    with path.open("rb") as file:
        while packed := frame.unused_data or file.read(READ_BYTES):
            if frame.eof:  # a file may be of several
                frame = decompressor.decompressobj()
            yield frame.decompress(packed)
    if not frame.eof:
        raise EOFError("the file ends before its content does")


def read_examples(path: Path) -> Iterator[Example]:
    """Read the examples of one file.

    Raises:
        DataError: the file cannot be read, or a line is not an example; the message has its number.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield _parse(line, path, number)


def _parse(line: str, path: Path, number: int) -> Example:
    try:
        record = json.loads(line)
        answers = tuple(Answer(_text(a["text"]), int(a.get("start", -1))) for a in record["answers"])
        full_answer = record.get("full_answer") or None
        answerable = bool(record["answerable"]) and bool(answers or full_answer)
        return Example(
            id=str(record["id"]),
            source=str(record.get("source", path.stem)),
            question=_text(record["question"]),
            passages=(Passage(_text(record["passage"]), _text(record.get("title") or "")),),
            gold=0 if answerable else None,
            answers=answers,
            full_answer=full_answer,
            synthetic=bool(record.get("synthetic", False)),
            question_type=record.get("question_type") or None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}, line {number}: not an example ({type(error).__name__}: {error}). "
            "Expected an object with id, question, passage, answers and answerable."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a data file, for the lineage of what is trained on it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
