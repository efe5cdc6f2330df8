from pathlib import Path

import pytest

from rag.errors import DataError
from rag.evaluation.judgements import read_judged_queries


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    queries.write_text(
        '{"_id": "1", "text": "owls"}\n\n{"_id": 2, "text": "elk"}\n{"_id": "3", "text": "hen"}\n'
    )
    qrels.write_text("query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t0\n2\ta\t1\n")
    return queries, qrels


def test_queries_come_with_their_grades(files: tuple[Path, Path]) -> None:
    found = read_judged_queries(*files)
    assert [(q.id, q.text, q.grades) for q in found] == [
        ("1", "owls", {"a": 2.0, "b": 0.0}),
        ("2", "elk", {"a": 1.0}),
    ]


def test_a_header_is_not_needed(files: tuple[Path, Path]) -> None:
    queries, qrels = files
    qrels.write_text("3\tx\t1\n")
    assert [q.text for q in read_judged_queries(queries, qrels)] == ["hen"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("queries.jsonl", '{"_id": "1"}\n', "queries.jsonl, line 1: not a query"),
        ("queries.jsonl", "owls\n", "line 1: not a query"),
        ("qrels.tsv", "a\tb\tc\n1\ta\n", "qrels.tsv, line 2: not a judgement"),
        ("qrels.tsv", "1\ta\t1\n1\ta\tvery\n", "line 2: not a judgement"),
    ],
)
def test_what_is_of_another_form_is_named(
    files: tuple[Path, Path], tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_judged_queries(*files)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*qrels\.tsv"):
        read_judged_queries(tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
