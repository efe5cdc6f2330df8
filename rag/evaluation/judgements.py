"""Judged queries in the BEIR layout: `queries.jsonl`, and `qrels.tsv` with the grades of documents."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DataError
from rag.training.data import read_lines


@dataclass(frozen=True)
class JudgedQuery:
    """A query, and by document how relevant it is: more is better, 0 and what is missing is not."""

    id: str
    text: str
    grades: Mapping[str, float]


def read_judged_queries(queries: Path, qrels: Path) -> list[JudgedQuery]:
    """Read the queries that have judgements, in the order of their file.

    Args:
        queries: a JSON object a line, with `_id` and `text`.
        qrels: a line each of query, document and grade, separated by tabs; a header is passed over.

    Raises:
        DataError: a file is missing or not of this form.
    """
    grades = _read_grades(qrels)
    judged = []
    for number, line in enumerate(read_lines(queries), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            query_id, text = str(record["_id"]), str(record["text"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{queries}, line {number}: not a query ({type(error).__name__}: {error}). "
                "Expected an object with _id and text."
            ) from error
        if query_id in grades:
            judged.append(JudgedQuery(query_id, text, grades[query_id]))
    return judged


def _read_grades(qrels: Path) -> dict[str, dict[str, float]]:
    grades: dict[str, dict[str, float]] = {}
    for number, line in enumerate(read_lines(qrels), start=1):
        if not line.strip():
            continue
        try:
            query, document, grade = line.rstrip("\n").split("\t")
            value = float(grade)
        except ValueError as error:
            if number == 1:
                continue  # a header
            raise DataError(
                f"{qrels}, line {number}: not a judgement ({error}). "
                "Expected query, document and grade, separated by tabs."
            ) from error
        grades.setdefault(query, {})[document] = value
    return grades
