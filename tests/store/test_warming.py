from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store import warming
from store.postgres import Database
from store.warming import Relation, files_of, read_files, read_through_server, relations

PREWARM = """
CREATE TABLE prewarmed (relation oid, first bigint, last bigint);
CREATE FUNCTION pg_prewarm(regclass, text, text, bigint, bigint) RETURNS bigint LANGUAGE sql AS
$$ INSERT INTO prewarmed VALUES ($1, $4, $5) RETURNING last - first + 1 $$
"""


@pytest.fixture
def filled(database: Database) -> Database:
    """A database whose table of users has a hundred blocks or so."""
    people = "SELECT gen_random_uuid(), 'u' || n FROM generate_series(1, 9000) n"
    with database.transaction() as session:
        session.execute(text(f"INSERT INTO users (id, name) {people}"))
    return database


@pytest.fixture
def prewarming(filled: Database) -> Iterator[Database]:
    """The same with a function of pg_prewarm's name that notes what it is asked for."""
    with filled.transaction() as session:
        session.execute(text(PREWARM))
    yield filled
    with filled.transaction() as session:
        session.execute(text("DROP FUNCTION pg_prewarm(regclass, text, text, bigint, bigint)"))
        session.execute(text("DROP TABLE prewarmed"))


def test_tables_and_their_indexes_are_read_the_smallest_first(filled: Database) -> None:
    with filled.transaction() as session:
        found = relations(session)
    sizes = [relation.size_bytes for relation in found]
    tables = {relation.name for relation in found if relation.is_table}
    indexes = {relation.name for relation in found if not relation.is_table}
    assert sizes == sorted(sizes)
    assert tables == {table.__tablename__ for table in warming.TABLES}
    assert {"pk_users", "ix_responses_trigrams", "pk_chunks"} <= indexes
    assert not {"signatures", "pk_signatures", "audit"} & (tables | indexes)


def test_files_are_read_whole_and_missing_ones_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "STRETCH_BYTES", 4)
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "b").write_bytes(b"01234")
    assert list(read_files([tmp_path / "a", tmp_path / "none", tmp_path / "b"])) == [4, 4, 2, 4, 1]


def test_relation_of_several_gigabytes_has_several_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    for name in ("70", "70.1", "70.2", "70_fsm", "70_vm", "701"):
        (tmp_path / "base" / name).touch()
    found = files_of(tmp_path, [Relation(1, "t", "base/70", 0, is_table=True)])
    assert [path.name for path in found] == ["70", "70.1", "70.2"]


def test_server_reads_tables_alone_without_its_extension(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "STRETCH_BYTES", 5 * 8192)
    with filled.transaction() as session:
        sizes = [relation.size_bytes for relation in relations(session) if relation.is_table]
    assert sum(read_through_server(filled)) == sum(sizes) > 40 * 8192


def test_server_reads_every_block_once_with_its_extension(
    prewarming: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warming, "STRETCH_BYTES", 5 * 8192)
    with prewarming.transaction() as session:
        blocks = {relation.oid: relation.size_bytes // 8192 for relation in relations(session)}
    assert sum(read_through_server(prewarming)) == 8192 * sum(blocks.values())
    read: dict[int, list[int]] = {}
    with prewarming.transaction() as session:
        for oid, first, last in session.execute(text("SELECT * FROM prewarmed ORDER BY 1, 2")):
            read.setdefault(oid, []).extend(range(first, last + 1))
    assert read == {oid: list(range(count)) for oid, count in blocks.items() if count}


def test_memory_is_what_postgresql_was_told_of(database: Database) -> None:
    with database.transaction() as session:
        told = session.scalar(text("SELECT pg_size_bytes(current_setting('effective_cache_size'))"))
    assert warming.memory_bytes(database) == told
