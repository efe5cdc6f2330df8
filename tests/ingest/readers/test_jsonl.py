import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions, read
from tests.ingest.readers.conftest import Read, only_document, only_problem


def test_record_becomes_a_document(read_bytes: Read, tmp_path: Path) -> None:
    record = {
        "_id": "a b#1",
        "title": "T",
        "text": "Body",
        "year": 2020,
        "tags": ["x", "y"],
        "deep": {"z": 1},
    }
    document = only_document(read_bytes("a.jsonl", json.dumps(record)))
    assert document.source == (tmp_path / "a.jsonl").as_uri() + "#a%20b%231"
    assert (document.title, document.text) == ("T", "Body")
    assert document.metadata == {"year": 2020, "tags": ["x", "y"]}
    assert [(heading.level, heading.title) for heading in document.headings] == [(0, "T")]


def test_fields_can_be_named(read_bytes: Read) -> None:
    line = json.dumps({"text": "no", "deep": "yes", "key": 5, "head": "H"})
    document = only_document(
        read_bytes("a.jsonl", line, text_field="deep", id_field="key", title_field="head")
    )
    assert (document.text, document.title, document.metadata) == ("yes", "H", {"text": "no"})
    assert document.source.endswith("#5")


def test_record_without_id_is_known_by_its_line(read_bytes: Read) -> None:
    first, second = read_bytes("a.jsonl", '{"text": "a"}\n\n{"text": "b"}')
    assert first.source.endswith("a.jsonl#L1")
    assert second.source.endswith("a.jsonl#L3")


def test_question_is_the_title_of_an_answer(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.jsonl", '{"question": "Why?", "answer": "Because."}'))
    assert (document.title, document.text) == ("Why?", "Because.")


def test_exported_metadata_comes_back(read_bytes: Read) -> None:
    line = json.dumps({"document_id": "d", "text": "a", "metadata": {"year": 2020}, "version": 3})
    assert only_document(read_bytes("a.jsonl", line)).metadata == {"year": 2020, "version": 3}


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        ("{oops}", ProblemKind.MALFORMED, "character 2"),
        ("[1]", ProblemKind.MALFORMED, "object"),
        ('{"text": NaN}', ProblemKind.MALFORMED, "NaN"),
        ('{"text": ' + "[" * 100_000, ProblemKind.MALFORMED, ""),
        ('{"text": ' + "9" * 5_000 + "}", ProblemKind.MALFORMED, ""),
        ('{"text": " "}', ProblemKind.EMPTY, "no text"),
        ('{"text": null}', ProblemKind.NO_TEXT, "null"),
        ('{"words": "a"}', ProblemKind.NO_TEXT, "--text-field"),
        ('{"text": "a", "id": "' + "x" * 600 + '"}', ProblemKind.MALFORMED, "--id-field"),
    ],
)
def test_bad_line_is_reported_by_number(read_bytes: Read, line: str, kind: ProblemKind, reason: str) -> None:
    before, problem, after = read_bytes("a.jsonl", f'{{"text": "a"}}\n{line}\n{{"text": "b"}}\n')
    assert isinstance(problem, Problem)
    assert (problem.line, problem.kind) == (2, kind)
    assert reason in problem.reason
    assert isinstance(before, RawDocument)
    assert isinstance(after, RawDocument)


def test_missing_named_id_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.jsonl", '{"text": "a"}', id_field="key"))
    assert "'key'" in problem.reason


def test_badly_encoded_line_is_reported(read_bytes: Read) -> None:
    problem, document = read_bytes("a.jsonl", b'{"text": "Caf\xe9"}\n{"text": "b"}')
    assert isinstance(problem, Problem)
    assert (problem.line, problem.kind) == (1, ProblemKind.ENCODING)
    assert isinstance(document, RawDocument)


def test_unstorable_characters_are_cleaned(read_bytes: Read) -> None:
    line = r'{"text": "a\u0000b\ud800", "key\u0000": "v\u0000", "big": 1e999}'
    document = only_document(read_bytes("a.jsonl", line))
    assert (document.text, document.metadata) == ("ab\ufffd", {"key": "v"})


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"x\n" * 50, '{"text": "a"}\n'.encode("utf-16")])
def test_binary_file_is_one_problem(read_bytes: Read, content: bytes) -> None:
    assert only_problem(read_bytes("a.jsonl", content)).kind == ProblemKind.BINARY


def test_over_long_line_is_skipped_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"text": "a"}\n{"text": "')
        for _ in range(30):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "b"}\n')
    tracemalloc.start()
    first, problem, last = read(path, ReadOptions(max_document_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(problem, Problem)
    assert (problem.line, problem.kind) == (2, ProblemKind.TOO_LARGE)
    assert first.source.endswith("#L1")
    assert last.source.endswith("#L3")
    assert peak < 10_000_000


def test_line_of_just_the_limit_is_read(read_bytes: Read) -> None:
    line = '{"text": "abc"}'
    first, second = read_bytes("a.jsonl", f"{line}\n{line}\n", max_document_bytes=len(line))
    assert isinstance(first, RawDocument)
    assert isinstance(second, RawDocument)


def test_position_grows_to_the_file_size(read_bytes: Read, tmp_path: Path) -> None:
    items = read_bytes("a.jsonl", '{"text": "a"}\n' * 3)
    assert items[-1].position == (tmp_path / "a.jsonl").stat().st_size
