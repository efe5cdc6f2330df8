from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow
from pyarrow import parquet

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import place_of


def written(**columns: list[Any]) -> bytes:
    file = BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def test_row_with_a_text_is_a_document(read_bytes: Read) -> None:
    content = written(id=[7, 8], text=["Seven", None], day=[date(2024, 5, 1)] * 2, cost=[Decimal("1.50")] * 2)
    document, problem = read_bytes("a.parquet", content)
    assert isinstance(document, RawDocument)
    assert (document.source.rpartition("#")[2], document.text) == ("7", "Seven")
    assert document.metadata == {"day": "2024-05-01", "cost": 1.5}
    assert isinstance(problem, Problem)
    assert (problem.kind, problem.reason.startswith("row 2: ")) == (ProblemKind.NO_TEXT, True)


def test_table_without_a_text_is_one_document(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.parquet", written(name=["Ann", "Bob"], age=[30, None])))
    assert document.text == "name: Ann\nage: 30\n\nname: Bob"
    assert place_of(document.places, document.text, "Bob") == {"row": 2}


def test_named_column_has_to_be_there(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.parquet", written(name=["Ann"]), text_field="body"))
    assert (problem.kind, "'name'" in problem.reason) == (ProblemKind.NO_TEXT, True)


def test_damaged_file_is_malformed(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.parquet", written(text=["One"])[:-20])).kind == ProblemKind.MALFORMED
