"""Judged queries: of the BEIR layout (`queries.jsonl`, `qrels.tsv` with the grades of documents), and those
that reviewers judged by marking where a corrected answer stands.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DataError
from rag.training.data import read_lines
from store.marked_queries import marked_queries
from store.postgres import Database
from store.types import Corpus


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


def reviewed_queries(database: Database, corpus: Corpus) -> list[JudgedQuery]:
    """Return a judged query for every question whose corrected answer reviewers found in documents.

    A document in which they marked something has the grade 1, named by its id.

    Raises:
        EncryptionKeyError: the log is sealed, and there is no key, or it is another.
    """
    with database.transaction() as session:
        marked = marked_queries(session, corpus.id)
    return [
        JudgedQuery(f"review {number}", one.query, {str(document): 1.0 for document in one.documents})
        for number, one in enumerate(marked, start=1)
    ]


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
