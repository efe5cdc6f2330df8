"""Reading from the disk what questions and pages are answered from, so that it is in memory.

What reads gives the bytes of each stretch when it has read it: whoever runs it decides how fast it goes on,
and when it is enough.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from store.postgres import Database
from store.tables import (
    ChunkRow,
    CorpusRow,
    CorrectionRow,
    DocumentReaderRow,
    DocumentRow,
    DocumentVersionRow,
    FeedbackRow,
    ResponseCitationRow,
    ResponseHitRow,
    ResponseRow,
    ScoreRow,
    SessionRow,
    UserRow,
)

STRETCH_BYTES = 8 << 20
TABLES = (
    CorpusRow,
    DocumentRow,
    DocumentVersionRow,
    DocumentReaderRow,
    ChunkRow,
    UserRow,
    SessionRow,
    ResponseRow,
    ResponseHitRow,
    ResponseCitationRow,
    ScoreRow,
    FeedbackRow,
    CorrectionRow,
)
"""What answers, lists and the overview are made from."""

_RELATIONS = text("""
    WITH ours AS (
        SELECT oid, reltoastrelid FROM pg_class WHERE oid = ANY(CAST(CAST(:tables AS text[]) AS regclass[]))
    )
    SELECT relation.oid, CAST(CAST(relation.oid AS regclass) AS text), pg_relation_filepath(relation.oid),
           pg_relation_size(relation.oid), ours.oid IS NOT NULL
    FROM pg_class AS relation LEFT JOIN ours USING (oid)
    WHERE ours.oid IS NOT NULL OR relation.oid IN (
        SELECT indexrelid FROM pg_index JOIN ours ON indrelid IN (ours.oid, ours.reltoastrelid)
    )
    ORDER BY 4, 1
""")
_MEMORY = text("SELECT CAST(setting AS bigint) * :block FROM pg_settings WHERE name = 'effective_cache_size'")
_BLOCK = text("SELECT CAST(current_setting('block_size') AS integer)")
_CAN_PREWARM = text("SELECT to_regprocedure('pg_prewarm(regclass, text, text, bigint, bigint)') IS NOT NULL")
# What was cut off since the sizes were taken would be refused.
_PREWARM = text("""
    SELECT pg_prewarm(CAST(:relation AS regclass), 'read', 'main', :first, least(:after, blocks) - 1)
    FROM (SELECT pg_relation_size(CAST(:relation AS regclass)) / :block AS blocks) AS now
    WHERE blocks > :first
""")


@dataclass(frozen=True)
class Relation:
    """A table, without what is too long for its rows, or an index; `path` is from PostgreSQL's folder."""

    oid: int
    name: str
    path: str
    size_bytes: int
    is_table: bool


def relations(session: Session) -> list[Relation]:
    """The tables that answers and pages are made from and all their indexes, the smallest first."""
    names = [table.__tablename__ for table in TABLES]
    return [Relation(*row) for row in session.execute(_RELATIONS, {"tables": names})]


def files_of(folder: Path, relations: Iterable[Relation]) -> list[Path]:
    """The files of relations in PostgreSQL's folder, which begins another with each gigabyte."""
    firsts = [folder / relation.path for relation in relations]
    return [path for first in firsts for path in (first, *sorted(first.parent.glob(f"{first.name}.*")))]


def read_files(paths: Iterable[Path]) -> Iterator[int]:
    """Read files whole; gives the bytes of each stretch. A file that is gone by then is passed over."""
    stretch = bytearray(STRETCH_BYTES)
    for path in paths:
        with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
            while size_bytes := file.readinto(stretch):
                yield size_bytes


def memory_bytes(database: Database) -> int:
    """How much of the database PostgreSQL was told that its machine keeps in memory."""
    with database.transaction() as session:
        return int(session.scalar(_MEMORY, {"block": session.scalar(_BLOCK)}) or 0)


def read_through_server(database: Database) -> Iterator[int]:
    """Have PostgreSQL read the relations; gives the bytes of each stretch.

    Indexes are passed over where the extension pg_prewarm is not in the database.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    with database.transaction() as session:
        found = relations(session)
        block = int(session.scalar(_BLOCK) or 0)
        can_prewarm = bool(session.scalar(_CAN_PREWARM))
    step = STRETCH_BYTES // block
    for relation in found:
        if not can_prewarm and not relation.is_table:
            continue
        for first in range(0, relation.size_bytes // block, step):
            with database.transaction() as session:
                if can_prewarm:
                    values = {"relation": relation.oid, "first": first, "after": first + step, "block": block}
                    session.execute(_PREWARM, values)
                else:
                    _scan(session, relation, first, first + step)
            yield min(STRETCH_BYTES, relation.size_bytes - first * block)


def _scan(session: Session, table: Relation, first: int, after: int) -> None:
    """Have PostgreSQL look at the rows of some blocks."""
    # The name comes from PostgreSQL, quoted where it has to be.
    statement = text(
        f"SELECT count(*) FROM {table.name} WHERE ctid >= CAST(:begin AS tid) AND ctid < CAST(:end AS tid)"
    )
    session.execute(statement, {"begin": f"({first},0)", "end": f"({after},0)"})
