import json

import pytest

from ingest.readers import Problem, ProblemKind, RawDocument
from tests.ingest.readers.conftest import Read, only_document, only_problem


@pytest.mark.parametrize("wrapped", [False, True])
def test_records_with_a_text_are_documents(read_bytes: Read, wrapped: bool) -> None:
    records = [{"id": "a/1", "title": "One", "text": "First"}, {"text": "Second", "year": 2020}]
    value = {"count": 2, "items": records} if wrapped else records
    first, second = read_bytes("a.json", json.dumps(value))
    assert isinstance(first, RawDocument)
    assert isinstance(second, RawDocument)
    assert (first.source.rpartition("#")[2], first.title, first.text) == ("a/1", "One", "First")
    assert (second.source.rpartition("#")[2], second.metadata) == ("item2", {"year": 2020})


def test_other_values_are_one_document_of_names_and_values(read_bytes: Read) -> None:
    value = {"name": "Pump", "tags": ["a", 2], "parts": [{"no": 1}, {"no": 2, "of": {"unit": None}}]}
    document = only_document(read_bytes("a.json", json.dumps(value)))
    assert document.text == ("name: Pump\ntags: a, 2\n\nparts.no: 1\n\nparts.no: 2\n\nparts.of.unit: null")


def test_record_without_text_is_named_by_its_number(read_bytes: Read) -> None:
    _, problem = read_bytes("a.json", json.dumps([{"text": "One"}, {"text": 5}]))
    assert isinstance(problem, Problem)
    assert problem.reason.startswith("record 2: ")


def test_named_field_has_to_be_there(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.json", '{"name": "x"}', text_field="body"))
    assert (problem.kind, "'name'" in problem.reason) == (ProblemKind.NO_TEXT, True)


def test_broken_file_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.json", '{"a": 1,\n"b": }'))
    assert problem.kind == ProblemKind.MALFORMED
    assert "line 2" in problem.reason


def test_deep_nesting_is_a_problem(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.json", "[" * 50_000 + "]" * 50_000)).kind == ProblemKind.MALFORMED
