import stat
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import Line, pdf, place_of


def lines(*texts: str, left: float = 72, top: float = 700, size: float = 10) -> list[Line]:
    return [(left, top - 12 * number, size, text) for number, text in enumerate(texts)]


def test_lines_make_paragraphs_with_page_numbers(read_bytes: Read) -> None:
    first = [*lines("The first paragraph goes", "on in this line."), *lines("The second one.", top=640)]
    document = only_document(read_bytes("a.pdf", pdf(first, lines("Page two."))))
    assert document.text == "The first paragraph goes on in this line.\n\nThe second one.\n\nPage two."
    assert place_of(document.places, document.text, "second one") == {"page": 1}
    assert place_of(document.places, document.text, "Page two") == {"page": 2}
    assert document.metadata["pages"] == 2


def test_larger_lines_are_headings(read_bytes: Read) -> None:
    page = [
        *lines("Great Results", size=20),
        *lines("Text of the page in small letters, much of it.", top=660),
    ]
    document = only_document(read_bytes("a.pdf", pdf(page)))
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Great Results")]
    assert document.title == "Great Results"


def test_a_page_mark_in_large_letters_is_no_heading_and_no_title(read_bytes: Read) -> None:
    page = [
        *lines("Page 1 of 4", size=20, top=760),
        *lines("Great Results", size=20),
        *lines("Text of the page in small letters, much of it.", top=660),
    ]
    document = only_document(read_bytes("a.pdf", pdf(page)))
    assert document.title == "Great Results"
    assert "Page 1 of 4" in document.text


def test_bookmarks_are_headings_where_they_stand_in_the_text(read_bytes: Read) -> None:
    writer = PdfWriter(BytesIO(pdf(lines("1 Aims"), lines("2 Methods"))))
    top = writer.add_outline_item(title="Aims", page_number=0)
    writer.add_outline_item(title="Methods", page_number=1, parent=top)
    file = BytesIO()
    writer.write(file)
    document = only_document(read_bytes("a.pdf", file.getvalue()))
    assert [(heading.level, heading.title) for heading in document.headings] == [
        (1, "1 Aims"),
        (2, "2 Methods"),
    ]


def test_columns_drawn_line_by_line_are_read_one_after_the_other(read_bytes: Read) -> None:
    left = [f"left line number {number} of the first column" for number in range(6)]
    right = [f"right line number {number} of the second column" for number in range(6)]
    page = []
    for number, (a, b) in enumerate(zip(left, right, strict=True)):
        page += [(50.0, 700.0 - 12 * number, 10.0, a), (320.0, 700.0 - 12 * number, 10.0, b)]
    document = only_document(read_bytes("a.pdf", pdf(page)))
    assert document.text.split() == " ".join([*left, *right]).split()


def test_rows_of_a_table_keep_their_cells_apart(read_bytes: Read) -> None:
    page = [
        (x, 700.0 - 14 * row, 10.0, f"{name}{row}")
        for row in range(3)
        for x, name in [(72.0, "a"), (250.0, "b")]
    ]
    assert only_document(read_bytes("a.pdf", pdf(page))).text == "a0 | b0\na1 | b1\na2 | b2"


def test_text_drawn_from_the_bottom_up_is_read_from_the_top(read_bytes: Read) -> None:
    said = [f"Sentence number {number}." for number in range(12)]
    page = list(reversed(lines(*said)))
    document = only_document(read_bytes("a.pdf", pdf(page)))
    assert document.text.replace("\n\n", " ") == " ".join(said)


def test_scanned_pages_without_tesseract_are_remarked_on(read_bytes: Read) -> None:
    content = pdf(lines("Readable."), [], picture_on=[1])
    document = only_document(read_bytes("a.pdf", content, tesseract="no-such-program"))
    assert document.text == "Readable."
    assert document.remark is not None
    assert document.remark.kind == ProblemKind.SCANNED
    assert "(2)" in document.remark.reason
    assert "install Tesseract" in document.remark.reason


def test_file_of_scanned_pages_alone_is_only_a_problem(read_bytes: Read) -> None:
    content = pdf([], picture_on=[0])
    assert only_problem(read_bytes("a.pdf", content, tesseract="no-such-program")).kind == ProblemKind.SCANNED


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Stands in for Tesseract: says how it was called and what kind of picture it got."""
    path = tmp_path / "recognise"
    path.write_text('#!/bin/sh\necho "$@"\necho\nhead -c 2\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_scanned_pages_are_recognised(read_bytes: Read, program: str) -> None:
    content = pdf(lines("Readable."), [], picture_on=[1])
    options = {"tesseract": program, "ocr_languages": "eng+deu"}
    document = only_document(read_bytes("a.pdf", content, **options))
    assert document.text == "Readable.\n\nstdin stdout -l eng+deu --psm 3\n\nP5"
    assert place_of(document.places, document.text, "stdin") == {"page": 2}


def test_encrypted_file_says_so(read_bytes: Read) -> None:
    writer = PdfWriter(BytesIO(pdf(lines("Secret."))))
    writer.encrypt("password")
    file = BytesIO()
    writer.write(file)
    problem = only_problem(read_bytes("a.pdf", file.getvalue()))
    assert problem.kind == ProblemKind.ENCRYPTED
    assert "without a password" in problem.reason


@pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing more", b"no PDF at all", b"\0" * 5000])
def test_broken_file_is_a_problem(read_bytes: Read, content: bytes) -> None:
    assert only_problem(read_bytes("a.pdf", content)).kind == ProblemKind.MALFORMED


def test_truncated_file_gives_what_can_be_read_or_a_problem(read_bytes: Read) -> None:
    content = pdf(lines("One."), lines("Two."))
    [item] = read_bytes("a.pdf", content[:-200])
    assert isinstance(item, RawDocument | Problem)


def test_blank_page_is_empty(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.pdf", pdf([]))).kind == ProblemKind.EMPTY


def test_text_over_the_limit_is_too_large(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.pdf", pdf(lines("x" * 200)), max_document_bytes=100))
    assert problem.kind == ProblemKind.TOO_LARGE


def test_words_equal_those_of_another_library(read_bytes: Read) -> None:
    content = pdf(lines("Some words, on two lines", "of a page; and 3 numbers: 1,000."))
    expected = PdfReader(BytesIO(content)).pages[0].extract_text()
    assert only_document(read_bytes("a.pdf", content)).text.split() == expected.split()


def test_title_of_the_file_goes_first(read_bytes: Read) -> None:
    assert only_document(read_bytes("a.pdf", pdf(lines("Text."), title="The Title"))).title == "The Title"
    named = pdf(lines("Text."), title="Microsoft Word - draft.doc")
    assert only_document(read_bytes("a.pdf", named)).title == "a"
