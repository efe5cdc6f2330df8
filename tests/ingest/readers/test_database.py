import logging
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from ingest.errors import DatabaseSourceError
from ingest.inputs import find_inputs
from ingest.readers import Problem, ProblemKind, RawDocument, ReadOptions
from ingest.readers.database import DatabaseQuery, is_database
from ingest.readers.sql import database_query, read_database
from store.postgres import Database

QUERY = "SELECT id, body AS text, day FROM notes ORDER BY id"


@pytest.fixture
def notes(tmp_path: Path) -> str:
    """The address of a database with two notes, one without text."""
    path = tmp_path / "notes.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER, body TEXT, day TEXT)")
        connection.execute("INSERT INTO notes VALUES (7, 'Seven', '2024-05-01'), (8, NULL, NULL)")
    connection.close()
    return f"sqlite:///{path}"


def read(url: str, query: str = QUERY, **options: str) -> list[RawDocument | Problem]:
    return list(read_database(database_query(url, query), ReadOptions(**options)))  # type: ignore[arg-type]


def test_rows_are_documents(notes: str) -> None:
    document, problem = read(notes)
    assert isinstance(document, RawDocument)
    assert (document.text, document.metadata) == ("Seven", {"day": "2024-05-01"})
    assert document.source.endswith("notes.db?query=" + document.source.partition("query=")[2])
    assert document.source.rpartition("#")[2] == "7"
    assert isinstance(problem, Problem)
    assert problem.reason.startswith("row 2: ")


def test_columns_can_be_named(notes: str) -> None:
    document, _ = read(notes, "SELECT * FROM notes", text_field="body", id_field="day")
    assert isinstance(document, RawDocument)
    assert document.source.endswith("#2024-05-01")


@pytest.mark.usefixtures("notes_table")
def test_rows_of_postgresql_are_read_without_changing_anything(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO notes SELECT n, 'Note ' || n FROM generate_series(1, 1200) AS n"))
    items = read(database.url, "SELECT id, body AS text FROM notes WHERE body LIKE 'Note %' AND id::int > 0")
    assert [item.text for item in items if isinstance(item, RawDocument)] == [
        f"Note {n}" for n in range(1, 1201)
    ]
    [problem] = read(database.url, "DELETE FROM notes RETURNING id, body AS text")
    assert isinstance(problem, Problem)
    with database.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM notes")) == 1200


def test_password_is_nowhere_to_be_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = "postgresql://ann:top5ecret@127.0.0.1:1/db"
    wanted = database_query(url, QUERY)
    [problem] = read(url)
    assert isinstance(problem, Problem)
    assert problem.kind == ProblemKind.UNREADABLE
    shown = f"{problem} {wanted!r} {wanted.source} {caplog.text}"
    assert "top5ecret" not in shown
    assert wanted.source.startswith("postgresql://127.0.0.1:1/db?query=")


def test_same_query_in_other_words_of_space_is_the_same_source() -> None:
    assert (
        database_query("sqlite:///a", "SELECT  1").source == database_query("sqlite:///a", "SELECT\n1").source
    )


def test_failing_query_is_a_problem(notes: str) -> None:
    [problem] = read(notes, "SELECT text FROM nowhere")
    assert isinstance(problem, Problem)
    assert "no such table" in problem.reason


def test_inputs_know_databases(notes: str) -> None:
    inputs = find_inputs([notes], QUERY)
    [found] = inputs.found
    assert isinstance(found.origin, DatabaseQuery)
    [scope] = inputs.scopes
    assert scope.covers(f"{found.origin.source}#7")
    assert not scope.covers(f"{database_query(notes, 'SELECT 1').source}#7")


@pytest.mark.parametrize(("url", "query"), [("sqlite:///a.db", None), ("nothing://a:pw@b/c", QUERY)])
def test_unusable_address_is_refused_at_once(url: str, query: str | None) -> None:
    with pytest.raises(DatabaseSourceError) as raised:
        find_inputs([url], query)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("postgresql://h/d", True), ("mysql+pymysql://h/d", True), ("file:///a", False), ("a.txt", False)],
)
def test_address_is_told_from_a_path(path: str, expected: bool) -> None:
    assert is_database(path) == expected


def test_address_of_the_source_can_be_parsed(notes: str) -> None:
    assert make_url(database_query(notes, QUERY).source).database == str(
        Path(notes.removeprefix("sqlite:///"))
    )
