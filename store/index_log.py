"""The log of what became searchable when: an index is its last snapshot plus a replay of this log.

Sequence numbers are handed out before their transaction commits, so a reader that tails `sequence > last`
could pass over numbers of a transaction that commits late. Therefore every writer of a corpus holds that
corpus's advisory lock from before it takes a number until it has committed: for one corpus, numbers become
visible in their order.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
from sqlalchemy import and_, func, insert, literal, select, update
from sqlalchemy.orm import Session

from store.tables import ChunkRow, IndexLogRow, among
from store.types import Float16Vector, IndexChange, IndexedChunk

CORPUS_LOCK = 0x47574C0000000000
"""First of the advisory locks for writing to a corpus; the corpus's id is added."""

ROWS_PER_FETCH = 1000


def lock_corpus(session: Session, corpus_id: int) -> None:
    """Keep all other writers out of the corpus until this transaction ends; waits for the one inside.

    Every function that writes to a corpus calls this before it touches a row, which also rules out deadlocks
    between transactions that write to one corpus.
    """
    session.execute(select(func.pg_advisory_xact_lock(CORPUS_LOCK + corpus_id)))


def append_added(session: Session, corpus_id: int, document_ids: Sequence[UUID]) -> None:
    """Log that the searchable chunks of these documents entered; their chunks were written just now."""
    lock_corpus(session, corpus_id)
    entered = (
        select(ChunkRow.corpus_id, ChunkRow.id, literal("add"))
        .where(among(ChunkRow.document_id, document_ids), ChunkRow.searchable)
        .order_by(ChunkRow.id)
    )
    session.execute(insert(IndexLogRow).from_select(["corpus_id", "chunk_id", "operation"], entered))


def withdraw(session: Session, corpus_id: int, document_ids: Sequence[UUID]) -> None:
    """Make the chunks of these documents unsearchable, and log that they left."""
    lock_corpus(session, corpus_id)
    left = (
        update(ChunkRow)
        .where(among(ChunkRow.document_id, document_ids), ChunkRow.searchable)
        .values(searchable=False)
        .returning(ChunkRow.corpus_id, ChunkRow.id)
        .cte("withdrawn")
    )
    rows = select(left.c.corpus_id, left.c.id, literal("delete"))
    session.execute(insert(IndexLogRow).from_select(["corpus_id", "chunk_id", "operation"], rows))


def position(session: Session, corpus_id: int) -> int:
    """The sequence number of the corpus's last change; 0 when nothing ever changed."""
    last = select(func.max(IndexLogRow.sequence)).where(IndexLogRow.corpus_id == corpus_id)
    return session.scalar(last) or 0


def read_after(session: Session, corpus_id: int, sequence: int, limit: int) -> list[IndexChange]:
    """The first `limit` changes of the corpus after `sequence`, oldest first.

    A chunk that entered and has left since reads as having left, at both places.
    """
    statement = (
        select(
            IndexLogRow.sequence,
            IndexLogRow.chunk_id,
            ChunkRow.text,
            ChunkRow.heading_path,
            ChunkRow.embedding,
        )
        .outerjoin(
            ChunkRow,
            and_(ChunkRow.id == IndexLogRow.chunk_id, IndexLogRow.operation == "add", ChunkRow.searchable),
        )
        .where(IndexLogRow.corpus_id == corpus_id, IndexLogRow.sequence > sequence)
        .order_by(IndexLogRow.sequence)
        .limit(limit)
    )
    changes = []
    for number, chunk_id, text, heading_path, embedding in session.execute(statement):
        chunk = None
        if embedding is not None:
            chunk = IndexedChunk(chunk_id, text, tuple(heading_path), decode_embedding(embedding))
        changes.append(IndexChange(number, chunk_id, chunk))
    return changes


def snapshot_rows(session: Session, corpus_id: int) -> Iterator[IndexedChunk]:
    """All searchable chunks of the corpus in the order of their ids, streamed.

    Read `position` before, in the same `Database.snapshot()`: then the chunks are exactly those of that
    position. In an ordinary transaction they may be ahead of it, which a replay from that position makes
    good, because adding and deleting can be repeated.
    """
    statement = (
        select(ChunkRow.id, ChunkRow.text, ChunkRow.heading_path, ChunkRow.embedding)
        .where(ChunkRow.corpus_id == corpus_id, ChunkRow.searchable)
        .order_by(ChunkRow.id)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    for chunk_id, text, heading_path, embedding in session.execute(statement):
        yield IndexedChunk(chunk_id, text, tuple(heading_path), decode_embedding(embedding))


def count_searchable(session: Session, corpus_id: int) -> int:
    """How many chunks of the corpus are searchable."""
    statement = select(func.count()).where(ChunkRow.corpus_id == corpus_id, ChunkRow.searchable)
    return session.scalar(statement) or 0


def encode_embedding(vector: Float16Vector) -> bytes:
    """The bytes that the table holds: float16, little endian."""
    return np.ascontiguousarray(vector, dtype="<f2").tobytes()


def decode_embedding(stored: bytes) -> Float16Vector:
    """The vector of shape `(dimension,)` that `encode_embedding` stored; read-only."""
    return np.frombuffer(stored, dtype="<f2")
