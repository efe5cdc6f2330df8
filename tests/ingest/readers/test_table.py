import pytest

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_document, only_problem


def test_row_with_a_text_column_is_a_document(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.csv", 'id,text,year,zip\n7,"one,\ntwo",2020,02134\n'))
    assert document.source.endswith("a.csv#7")
    assert document.text == "one,\ntwo"
    assert document.metadata == {"year": 2020, "zip": "02134"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_table_without_a_text_column_is_one_document(read_bytes: Read, delimiter: str) -> None:
    rows = [["Name", "Town"], ["Ann", "Rome"], ["Bob", ""], ["Cy", "Oslo", "extra"]]
    document = only_document(read_bytes("people.csv", "\n".join(delimiter.join(row) for row in rows)))
    assert document.text == "Name: Ann\nTown: Rome\n\nName: Bob\n\nName: Cy\nTown: Oslo\ncolumn 3: extra"
    assert document.title == "people"


def test_rows_without_id_are_known_by_their_first_line(read_bytes: Read) -> None:
    first, second = read_bytes("a.csv", 'text\n"a\nb"\nc\n')
    assert first.source.endswith("#L2")
    assert second.source.endswith("#L4")


def test_broken_row_is_reported_and_the_next_one_read(read_bytes: Read) -> None:
    problem, document = read_bytes("a.csv", 'text\n"a" b\nc\n')
    assert isinstance(problem, Problem)
    assert (problem.line, problem.kind) == (2, ProblemKind.MALFORMED)
    assert isinstance(document, RawDocument)


def test_unclosed_quote_is_reported_at_its_line(read_bytes: Read) -> None:
    document, problem = read_bytes("a.csv", 'text\na\n"b\nc\nd\n')
    assert isinstance(document, RawDocument)
    assert isinstance(problem, Problem)
    assert (problem.line, problem.kind) == (3, ProblemKind.MALFORMED)


def test_missing_named_column_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.csv", "a,b\n1,2\n", text_field="c"))
    assert problem.kind == ProblemKind.NO_TEXT
    assert "'a', 'b'" in problem.reason


def test_row_without_text_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.csv", "text,year\n,2020\n"))
    assert (problem.line, problem.kind) == (2, ProblemKind.EMPTY)


def test_broken_encoding_ends_the_reading(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.csv", b"text\nCaf\xe9\n"))
    assert problem.kind == ProblemKind.ENCODING
    assert "--encoding" in problem.reason


def test_utf16_table_is_read(read_bytes: Read) -> None:
    assert only_document(read_bytes("a.csv", "text\nCafé\n".encode("utf-16"))).text == "Café"


def test_long_cell_is_read(read_bytes: Read) -> None:
    assert len(only_document(read_bytes("a.csv", "text\n" + "x" * 200_000)).text) == 200_000


def test_over_long_line_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.csv", "text\n" + "x" * 200, max_document_bytes=100))
    assert problem.kind == ProblemKind.TOO_LARGE


def test_empty_lines_before_the_header_are_passed_over(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.csv", "\n \r\n\nid;text\n7;one\n"))
    assert (document.source.rpartition("#")[2], document.text) == ("7", "one")
