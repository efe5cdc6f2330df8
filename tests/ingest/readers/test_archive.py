import io
import stat
import tarfile
import zipfile
from io import BytesIO

import pytest

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_problem
from tests.ingest.readers.samples import paragraph, word, zipped

Items = list[RawDocument | Problem]


def tarred(parts: dict[str, bytes], mode: str = "w:gz") -> bytes:
    file = BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as package:  # type: ignore[call-overload]
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            package.addfile(info, io.BytesIO(content))
    return file.getvalue()


def texts(items: Items) -> dict[str, str]:
    """What was read, by the part of the archive."""
    return {item.source.partition("#")[2]: item.text for item in items if isinstance(item, RawDocument)}


def problems(items: Items) -> list[tuple[str, ProblemKind]]:
    return [(item.source.partition("#")[2], item.kind) for item in items if isinstance(item, Problem)]


PARTS = {
    "docs/a b.md": b"# Title\n\nText",
    "data.jsonl": b'{"id": 7, "text": "Seven"}\n{"id": 8, "text": "Eight"}\n',
    "w.docx": word(paragraph("In Word")),
    "old.doc": b"\xd0\xcf",
    "logo.bin": b"\0",
    "__MACOSX/x.txt": b"hidden",
    ".hidden/x.txt": b"hidden",
}
READ = {
    "docs/a%20b.md": "# Title\n\nText",
    "data.jsonl/7": "Seven",
    "data.jsonl/8": "Eight",
    "w.docx": "In Word",
}
LEFT = [("old.doc", ProblemKind.UNSUPPORTED), ("logo.bin", ProblemKind.SKIPPED)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped(dict(PARTS))),
        ("a.tar", tarred(PARTS, "w")),
        ("a.tar.gz", tarred(PARTS)),
        ("a.tgz", tarred(PARTS)),
        ("a.tar.xz", tarred(PARTS, "w:xz")),
    ],
)
def test_every_file_is_read_by_its_name(read_bytes: Read, name: str, content: bytes) -> None:
    items = read_bytes(name, content)
    assert texts(items) == READ
    assert problems(items) == LEFT


def test_title_is_the_parts_own(read_bytes: Read) -> None:
    first, *_ = read_bytes("a.zip", zipped({"docs/plan.txt": "Text"}))
    assert isinstance(first, RawDocument)
    assert first.title == "plan"


def test_archive_in_an_archive_is_read(read_bytes: Read) -> None:
    items = read_bytes("a.zip", zipped({"in.zip": zipped({"deep.txt": "Deep"})}))
    assert texts(items) == {"in.zip/deep.txt": "Deep"}


def test_archives_nested_too_deeply_are_refused(read_bytes: Read) -> None:
    content = zipped({"a.txt": "Text"})
    for _ in range(4):
        content = zipped({"in.zip": content})
    [(_, kind)] = problems(read_bytes("a.zip", content))
    assert kind == ProblemKind.UNSAFE


@pytest.mark.parametrize("name", ["../../etc/a.txt", "/etc/a.txt", "..\\a.txt", "C:\\a.txt"])
def test_names_that_lead_out_are_refused_and_the_others_read(read_bytes: Read, name: str) -> None:
    items = read_bytes("a.zip", zipped({name: "Evil", "b.txt": "Good"}))
    assert list(texts(items).values()) == ["Good"]
    assert [kind for _, kind in problems(items)] == [ProblemKind.UNSAFE]


def test_bomb_is_refused_before_it_is_unpacked(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.zip", zipped({"a.txt": b" " * 30_000_000})))
    assert problem.kind == ProblemKind.UNSAFE
    assert "as bombs do" in problem.reason


def test_bomb_in_a_tar_is_refused(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.tgz", tarred({"a.txt": b" " * 30_000_000})))
    assert problem.kind == ProblemKind.UNSAFE


@pytest.mark.parametrize("limits", [{"max_parts": 1}, {"max_unpacked_bytes": 7}])
@pytest.mark.parametrize("packed", [zipped, tarred])
def test_archive_over_a_limit_is_refused(read_bytes: Read, packed: object, limits: dict[str, int]) -> None:
    assert callable(packed)
    name = "a.zip" if packed is zipped else "a.tgz"
    *_, problem = read_bytes(name, packed({"a.txt": b"Some", "b.txt": b"Text"}), **limits)
    assert isinstance(problem, Problem)
    assert problem.kind == ProblemKind.UNSAFE
    assert "ingest the folder" in problem.reason


def test_links_are_not_followed(read_bytes: Read) -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        link = zipfile.ZipInfo("a.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, "/etc/hostname")
        package.writestr("b.txt", "Text")
    assert texts(read_bytes("a.zip", file.getvalue())) == {"b.txt": "Text"}


def test_damaged_part_is_a_problem_and_the_others_are_read(read_bytes: Read) -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as package:
        package.writestr("a.txt", "Damaged text")
        package.writestr("b.txt", "Text")
    items = read_bytes("a.zip", file.getvalue().replace(b"Damaged", b"DAMAGED", 1))
    assert texts(items) == {"b.txt": "Text"}
    assert problems(items) == [("a.txt", ProblemKind.MALFORMED)]


def test_part_that_needs_a_password_says_so(read_bytes: Read) -> None:
    content = bytearray(zipped({"a.txt": "Text"}))
    content[6] |= 1  # the flag of encryption, in the part's own header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert problems(read_bytes("a.zip", bytes(content))) == [("a.txt", ProblemKind.ENCRYPTED)]


def test_truncated_archive_is_malformed(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.zip", zipped({"a.txt": "Text"})[:-10])).kind == ProblemKind.MALFORMED
    *_, problem = read_bytes("a.tgz", tarred(PARTS)[:-100])
    assert isinstance(problem, Problem)
