import gzip
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ingest.errors import ReaderStartError
from ingest.inputs import Input
from ingest.limits import Limits
from ingest.reader_process import InputReading, Reading, Retried, read_apart
from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions
from ingest.worker import Begun, Ended, GivenUp, Items


@contextmanager
def reading(inputs: Sequence[Path], limits: Limits, options: ReadOptions) -> Iterator[InputReading]:
    started = InputReading([Input(path) for path in inputs], options, limits)
    try:
        yield started
    finally:
        started.close()


def all_of(
    inputs: Sequence[Path], limits: Limits | None = None, options: ReadOptions | None = None
) -> list[Reading]:
    with reading(inputs, limits or Limits(), options or ReadOptions()) as started:
        return list(started)


def texts(readings: Sequence[Reading]) -> list[str]:
    return [
        item.text
        for reading in readings
        if isinstance(reading, Items)
        for item in reading.items
        if isinstance(item, RawDocument)
    ]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def hanging(path: Path) -> Path:
    """A pipe that nobody writes into: opening it waits for ever."""
    os.mkfifo(path)
    return path


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "ingest.worker" in " ".join(child.cmdline())]


def test_inputs_come_in_order_with_their_ends(tmp_path: Path) -> None:
    inputs = [write(tmp_path / f"{number}.txt", f"Text {number}") for number in range(20)]
    readings = all_of(inputs)
    assert texts(readings) == [f"Text {number}" for number in range(20)]
    assert [one.number for one in readings if isinstance(one, Begun)] == list(range(20))
    assert [one.number for one in readings if isinstance(one, Ended)] == list(range(20))
    assert children() == []


def test_document_that_hangs_is_given_up_alone(tmp_path: Path) -> None:
    inputs = [
        write(tmp_path / "a.txt", "A"),
        hanging(tmp_path / "b.txt"),
        write(tmp_path / "c.txt", "C"),
    ]
    readings = all_of(inputs, Limits(document_s=1.0))
    [given_up] = [one for one in readings if isinstance(one, GivenUp)]
    assert texts(readings) == ["A", "C"]
    assert (given_up.number, given_up.kind, given_up.over_limit) == (1, ProblemKind.LIMIT, True)
    assert "in 1 s" in given_up.reason


def test_packed_file_that_takes_all_memory_is_given_up_alone(tmp_path: Path) -> None:
    bomb = tmp_path / "a.txt.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    inputs = [bomb, write(tmp_path / "b.txt", "B")]
    limits = Limits(memory_bytes=200_000_000)
    readings = all_of(inputs, limits, ReadOptions(max_document_bytes=110_000_000))
    [given_up] = [one for one in readings if isinstance(one, GivenUp)]
    assert texts(readings) == ["B"]
    assert (given_up.number, given_up.kind) == (0, ProblemKind.LIMIT)
    assert "200 MB of memory" in given_up.reason


def test_file_that_gives_too_much_text_is_given_up(tmp_path: Path) -> None:
    long = write(tmp_path / "a.jsonl", '{"id": 1, "text": "12345"}\n{"id": 2, "text": "678901"}\n')
    readings = all_of([long, write(tmp_path / "b.txt", "B")], Limits(input_characters=10))
    assert texts(readings) == ["12345", "B"]
    assert [one.reason for one in readings if isinstance(one, GivenUp)] == [
        "it gives more than 10 characters of text"
    ]


def test_input_that_the_process_dies_of_is_tried_three_times(tmp_path: Path) -> None:
    inputs = [hanging(tmp_path / "a.txt"), write(tmp_path / "b.txt", "B")]
    seen: list[Reading] = []
    with reading(inputs, Limits(), ReadOptions()) as started:
        for one in started:
            seen.append(one)
            if one == Begun(0):
                [child] = children()
                child.kill()
    assert sum(isinstance(one, Retried) for one in seen) == 2
    [given_up] = [one for one in seen if isinstance(one, GivenUp)]
    assert (given_up.number, given_up.kind) == (0, ProblemKind.CRASHED)
    assert "3 times (signal 9)" in given_up.reason
    assert texts(seen) == ["B"]


def test_mistake_of_a_reader_has_a_trace_without_text(tmp_path: Path) -> None:
    secret = write(tmp_path / "a.txt", "secret")
    unknown = Input(secret, media_type="image/x-secret")
    started = InputReading([unknown], ReadOptions())
    readings = list(started)
    started.close()
    [given_up] = [one for one in readings if isinstance(one, GivenUp)]
    assert (given_up.kind, given_up.over_limit) == (ProblemKind.INTERNAL, False)
    assert given_up.trace is not None
    assert "UnknownMediaTypeError" in given_up.trace
    assert "files.py" in given_up.trace


def test_single_input_that_is_given_up_is_a_problem(tmp_path: Path) -> None:
    hangs = Input(hanging(tmp_path / "a.txt"), name="upload://a.txt")
    [problem] = read_apart(hangs, ReadOptions(), Limits(document_s=0.5))
    assert isinstance(problem, Problem)
    assert (problem.source, problem.kind) == ("upload://a.txt", ProblemKind.LIMIT)
    written = Input(write(tmp_path / "b.txt", "B"), name="upload://b.txt")
    assert [getattr(item, "source", None) for item in read_apart(written, ReadOptions(), Limits())] == [
        "upload://b.txt"
    ]


def test_closing_ends_the_process_whatever_it_does(tmp_path: Path) -> None:
    begun = time.monotonic()
    with reading([hanging(tmp_path / "a.txt")], Limits(), ReadOptions()) as started:
        assert started.next(30.0) == Begun(0)
        assert started.next(0.01) is None
    assert children() == []
    assert time.monotonic() - begun < 30


def test_reading_waits_for_those_who_take(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = '{"text": "%s"}\n' % ("x" * 100_000)
    path.write_text(line * 200)
    with reading([path], Limits(), ReadOptions()) as started:
        time.sleep(1.0)
        assert started._buffer._characters < 3_000_000
        assert len(texts(list(started))) == 200


def test_process_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ReaderStartError, match="No module named"):
        all_of([write(tmp_path / "a.txt", "A")])
