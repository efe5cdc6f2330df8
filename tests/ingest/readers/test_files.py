import gzip
import os
from pathlib import Path

import pytest

from ingest.errors import UnknownEncodingError, UnknownMediaTypeError
from ingest.readers import Problem, ProblemKind, RawDocument, Reading, ReadOptions, media_type_of, plain, read
from ingest.readers.plain import read_plain
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import paragraph, word


def test_text_file_is_one_document(read_bytes: Read, tmp_path: Path) -> None:
    document = only_document(read_bytes("My notes.txt", "  Hello\r\nworld \n"))
    assert document.text == "Hello\nworld"
    assert document.title == "My notes"
    assert document.source == (tmp_path / "My notes.txt").as_uri()
    assert document.source.endswith("/My%20notes.txt")
    assert document.media_type == "text/plain"


def test_packed_file_is_unpacked(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.md.gz", gzip.compress(b"# Title\n\nText")))
    assert (document.title, document.media_type) == ("Title", "text/markdown")


def test_cut_off_packed_file_is_unreadable(read_bytes: Read) -> None:
    packed = gzip.compress(b"text " * 1000)
    assert only_problem(read_bytes("a.txt.gz", packed[:-20])).kind == ProblemKind.UNREADABLE


def test_corrupt_packed_file_is_unreadable(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.txt.gz", b"no gzip at all")).kind == ProblemKind.UNREADABLE


@pytest.mark.parametrize("content", ["\ufeffCafé".encode(), "Café".encode("utf-16")])
def test_byte_order_marks_tell_the_encoding(read_bytes: Read, content: bytes) -> None:
    assert only_document(read_bytes("a.txt", content)).text == "Café"


def test_broken_encoding_names_the_byte_and_the_mend(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.txt", b"Caf\xe9 au lait"))
    assert problem.kind == ProblemKind.ENCODING
    assert "byte 3 (0xe9)" in problem.reason
    assert "--encoding" in problem.reason


def test_named_encoding_is_used(read_bytes: Read) -> None:
    assert only_document(read_bytes("a.txt", b"Caf\xe9", encoding="latin-1")).text == "Café"


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(UnknownEncodingError, match="'klingon'"):
        ReadOptions(encoding="klingon")


@pytest.mark.parametrize("content", [b"%PDF-1.7 text", b"\x89PNG\r\n", b"PK\x03\x04", b"a\0b\0", b"\x7fELF"])
def test_binary_is_refused(read_bytes: Read, content: bytes) -> None:
    assert only_problem(read_bytes("a.txt", content)).kind == ProblemKind.BINARY


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv"])
def test_empty_document_is_a_problem(read_bytes: Read, name: str) -> None:
    assert only_problem(read_bytes(name, " \n\n")).kind == ProblemKind.EMPTY


def test_too_large_file_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.txt", "x" * 101, max_document_bytes=100))
    assert problem.kind == ProblemKind.TOO_LARGE


def test_missing_file_is_unreadable(tmp_path: Path) -> None:
    problem = only_problem(list(read(tmp_path / "gone.txt")))
    assert problem.kind == ProblemKind.UNREADABLE
    assert "No such file" in problem.reason


def test_unknown_ending_is_unsupported(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.xyz", "text"))
    assert problem.kind == ProblemKind.UNSUPPORTED
    assert ".md" in problem.reason


def test_upload_has_its_own_source_and_media_type(tmp_path: Path) -> None:
    path = tmp_path / "tmp1234"
    path.write_text("# Hi\n\nText")
    items = list(read(path, source="upload:hi.md", media_type="text/markdown; charset=utf-8", title="hi"))
    document = only_document(items)
    assert (document.source, document.title) == ("upload:hi.md", "Hi")


def test_uploaded_records_get_fragments(tmp_path: Path) -> None:
    path = tmp_path / "tmp1234"
    path.write_text('{"id": 7, "text": "Seven"}\n')
    items = list(read(path, source="upload:a.jsonl", media_type="application/x-ndjson"))
    assert only_document(items).source == "upload:a.jsonl#7"


def test_unknown_media_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownMediaTypeError, match="application/x-what"):
        read(tmp_path / "a", media_type="application/x-what")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.MD", "text/markdown"),
        ("a.jsonl.gz", "application/jsonl"),
        ("a.tar.gz", "application/x-tar"),
        ("a.xyz", None),
        ("README", None),
    ],
)
def test_media_type_goes_by_the_name(name: str, expected: str | None) -> None:
    assert media_type_of(Path(name)) == expected


@pytest.mark.parametrize("name", ["undefined", "base64", "a\0b"])
def test_codec_that_is_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(UnknownEncodingError):
        ReadOptions(encoding=name)


def test_name_that_is_not_utf8_gives_a_title_that_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("Text")
    assert only_document(list(read(path))).title == "caf\ufffd"


class Writer:
    """A file that something writes to whenever it has been read, `times` times."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.times = path, times

    def read(self, path: Path, options: ReadOptions, source: str, title: str) -> Reading:
        yield from read_plain(path, options, source, title)
        if self.times:
            self.times -= 1
            self.path.write_text(self.path.read_text() + " more")


@pytest.mark.parametrize(("times", "expected"), [(1, "text more"), (2, ProblemKind.CHANGED)])
def test_file_that_changes_while_it_is_read_is_read_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, expected: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    monkeypatch.setattr(plain, "read_plain", Writer(path, times).read)
    [item] = read(path)
    assert (item.kind if isinstance(item, Problem) else item.text) == expected


def test_records_read_before_a_change_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n')
    reading = read(path)
    first = next(reading)
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    *_, last = reading
    assert isinstance(first, RawDocument)
    assert isinstance(last, Problem)
    assert last.kind == ProblemKind.CHANGED


def test_binary_document_is_unpacked_first(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.docx.gz", gzip.compress(word(paragraph("Packed")))))
    assert (document.text, document.title) == ("Packed", "a")


@pytest.mark.parametrize(("name", "mend"), [("a.doc", ".docx"), ("a.msg", ".eml"), ("a.xls", ".xlsx")])
def test_old_formats_are_refused_with_the_mend(read_bytes: Read, name: str, mend: str) -> None:
    problem = only_problem(read_bytes(name, b"\xd0\xcf\x11\xe0"))
    assert problem.kind == ProblemKind.UNSUPPORTED
    assert mend in problem.reason
