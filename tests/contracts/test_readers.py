"""What holds for the reader of every media type, whatever is in the file."""

import random
from pathlib import Path

import pytest

from ingest.readers import Problem, ProblemKind, RawDocument, read
from ingest.readers.files import READERS
from ingest.readers.media_types import MEDIA_TYPES, OTHER_NAMES
from tests.ingest.readers.samples import paragraph, pdf, word, zipped

NOISE = random.Random(7).randbytes(20_000)
BROKEN = {
    "noise": NOISE,
    "noise after a ZIP signature": b"PK\x03\x04" + NOISE,
    "noise after a PDF signature": b"%PDF-1.4\n" + NOISE,
    "a ZIP archive of something else": zipped({"a.txt": "text"}),
    "half a Word document": word(paragraph("text"))[:300],
    "half a PDF file": pdf([(10, 10, 10, "text")])[:400],
}


def test_every_name_leads_to_a_reader() -> None:
    assert {*MEDIA_TYPES.values(), *OTHER_NAMES.values()} == set(READERS)


@pytest.mark.parametrize("media_type", READERS)
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken_content_is_a_problem_and_no_error(media_type: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    items = list(read(tmp_path / "a", media_type=media_type))
    assert items
    assert all(isinstance(item, Problem | RawDocument) for item in items)
    assert all(item.reason for item in items if isinstance(item, Problem))


@pytest.mark.parametrize("media_type", READERS)
def test_empty_file_has_no_documents(media_type: str, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert all(isinstance(item, Problem) for item in read(tmp_path / "a", media_type=media_type))


@pytest.mark.parametrize("media_type", READERS)
def test_missing_file_is_unreadable(media_type: str, tmp_path: Path) -> None:
    [item] = read(tmp_path / "gone", media_type=media_type)
    assert isinstance(item, Problem)
    passed_over = {"image/*", "audio/*"}  # until the settings say otherwise
    assert item.kind == (ProblemKind.SKIPPED if media_type in passed_over else ProblemKind.UNREADABLE)
