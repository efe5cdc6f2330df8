"""Erasing a person: covering what tells of them in stored texts, at the same length.

Whatever pointed at a place of a text still does: chunks, citations and hits keep their offsets, and the
quotes in the log are covered like the texts that they were taken from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.document_reads import by_sha256
from store.duplicates import promote
from store.index_log import encode_embedding, lock_corpus, withdraw
from store.postgres import Database
from store.resealing import change_sealed
from store.tables import (
    Base,
    ChunkRow,
    DocumentRow,
    DocumentVersionRow,
    IndexLogRow,
    SignatureRow,
    among,
)
from store.types import DocumentStatus, Float16Vector

Cover = Callable[[str], str]
"""Gives a text of the same length in which nothing tells of the person any more."""

TEXTS_PER_FETCH = 8
ROWS_PER_FETCH = 500

HANDLED_APART = frozenset({"documents", "document_versions", "chunks", "signatures", "index_log", "vault"})
KEPT = frozenset({"corpora", "users", "keys", "vault_openings", "audit"}) | {
    "passwords",
    "logins",
    "login_failures",
    "data_keys",
}
"""Names and hashes that other rows go by, the note of who opened the vault, and the audit log."""

EMPTIED = frozenset({"idempotent_requests"})
"""Copies of responses for requests that are sent twice: gone within a day anyway."""


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as the database has it, searchable or not."""

    id: int
    version: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    searchable: bool


@dataclass(frozen=True)
class StoredVersion:
    """One version of a document."""

    version: int
    title: str
    text: str


@dataclass(frozen=True)
class StoredDocument:
    """A document with all its versions and all their chunks."""

    id: UUID
    source: str
    title: str
    metadata: Mapping[str, Any]
    version: int
    has_signature: bool
    versions: tuple[StoredVersion, ...]
    chunks: tuple[StoredChunk, ...]


@dataclass(frozen=True)
class CoveredChunk:
    """A chunk whose text or headings have changed, with its new vector."""

    id: int
    text: str
    heading_path: tuple[str, ...]
    embedding: Float16Vector
    searchable: bool


@dataclass(frozen=True)
class CoveredDocument:
    """What a document becomes; `bands` are its new keys, None where it had none."""

    id: UUID
    source: str
    title: str
    metadata: Mapping[str, Any]
    version: int
    versions: tuple[StoredVersion, ...]
    chunks: tuple[CoveredChunk, ...]
    bands: Sequence[int] | None


def find(session: Session, corpus_id: int, cover: Cover) -> Iterator[UUID]:
    """The documents of a corpus, removed ones too, that tell of the person in any version; streamed."""
    rows = session.execute(
        select(
            DocumentRow.id,
            DocumentRow.source,
            DocumentRow.title,
            DocumentRow.document_metadata,
            DocumentVersionRow.title.label("old_title"),
            DocumentVersionRow.text,
        )
        .join(DocumentVersionRow, DocumentVersionRow.document_id == DocumentRow.id)
        .where(DocumentRow.corpus_id == corpus_id)
        .order_by(func.coalesce(DocumentRow.duplicate_of, DocumentRow.id), DocumentRow.id)
        .execution_options(yield_per=TEXTS_PER_FETCH)
    )
    last = None
    for row in rows:
        strings = (row.text, row.source, row.title, row.old_title)
        if row.id != last and (
            any(cover(string) != string for string in strings)
            or covered(row.document_metadata, cover) != row.document_metadata
        ):
            last = row.id
            yield row.id


def read(session: Session, corpus_id: int, ids: Sequence[UUID]) -> list[StoredDocument]:
    """These documents, whole; nobody else writes to the corpus until the transaction ends."""
    lock_corpus(session, corpus_id)
    signed = set(
        session.scalars(select(SignatureRow.document_id).where(among(SignatureRow.document_id, ids)))
    )
    versions: dict[UUID, list[StoredVersion]] = {}
    of_versions = select(
        DocumentVersionRow.document_id,
        DocumentVersionRow.version,
        DocumentVersionRow.title,
        DocumentVersionRow.text,
    ).where(among(DocumentVersionRow.document_id, ids))
    for version in session.execute(of_versions):
        stored = StoredVersion(version.version, version.title, version.text)
        versions.setdefault(version.document_id, []).append(stored)
    chunks: dict[UUID, list[StoredChunk]] = {}
    for chunk in session.execute(_chunks().where(among(ChunkRow.document_id, ids))):
        path = tuple(chunk.heading_path)
        place = StoredChunk(
            chunk.id, chunk.version, chunk.start_offset, chunk.end_offset, path, chunk.searchable
        )
        chunks.setdefault(chunk.document_id, []).append(place)
    rows = session.execute(
        select(
            DocumentRow.id,
            DocumentRow.source,
            DocumentRow.title,
            DocumentRow.document_metadata,
            DocumentRow.current_version,
        ).where(among(DocumentRow.id, ids))
    )
    return [
        StoredDocument(
            id=row.id,
            source=row.source,
            title=row.title,
            metadata=row.document_metadata,
            version=row.current_version,
            has_signature=row.id in signed,
            versions=tuple(versions.get(row.id, ())),
            chunks=tuple(chunks.get(row.id, ())),
        )
        for row in rows
    ]


def _chunks() -> Select[*tuple[Any, ...]]:
    return select(
        ChunkRow.document_id,
        ChunkRow.id,
        ChunkRow.version,
        ChunkRow.start_offset,
        ChunkRow.end_offset,
        ChunkRow.heading_path,
        ChunkRow.searchable,
    )


def write(session: Session, corpus_id: int, documents: Sequence[CoveredDocument]) -> None:
    """Write what documents became; one whose text another current one has now becomes its duplicate."""
    lock_corpus(session, corpus_id)
    for document in documents:
        _write_versions(session, document)
        _write_chunks(session, corpus_id, document.chunks)
        _write_document(session, corpus_id, document)
        if document.bands is not None:
            session.execute(
                update(SignatureRow)
                .where(SignatureRow.document_id == document.id)
                .values(bands=list(document.bands))
            )


def _write_versions(session: Session, document: CoveredDocument) -> None:
    for version in document.versions:
        session.execute(
            update(DocumentVersionRow)
            .where(
                DocumentVersionRow.document_id == document.id,
                DocumentVersionRow.version == version.version,
            )
            .values(title=version.title, text=version.text, sha256=_sha256(version.text))
            .execution_options(synchronize_session=False)
        )


def _write_chunks(session: Session, corpus_id: int, chunks: Sequence[CoveredChunk]) -> None:
    for chunk in chunks:
        session.execute(
            update(ChunkRow)
            .where(ChunkRow.id == chunk.id)
            .values(
                text=chunk.text,
                heading_path=list(chunk.heading_path),
                embedding=encode_embedding(chunk.embedding),
            )
            .execution_options(synchronize_session=False)
        )
    # To add a chunk again replaces it in every index that reads the log.
    again = [chunk.id for chunk in chunks if chunk.searchable]
    rows = select(literal(corpus_id), ChunkRow.id, literal("add")).where(among(ChunkRow.id, again))
    session.execute(
        insert(IndexLogRow).from_select(["corpus_id", "chunk_id", "operation"], rows.order_by(ChunkRow.id))
    )


def _write_document(session: Session, corpus_id: int, document: CoveredDocument) -> None:
    newest = next(version for version in document.versions if version.version == document.version)
    digest = _sha256(newest.text)
    values = {
        "source": _free_source(session, corpus_id, document),
        "title": document.title,
        "document_metadata": dict(document.metadata),
        "sha256": digest,
        "updated_at": func.now(),
    }
    row = select(DocumentRow.status).where(DocumentRow.id == document.id, not_(DocumentRow.restricted))
    other = by_sha256(session, corpus_id, [digest]).get(digest)
    merged = session.scalar(row) == DocumentStatus.CURRENT and other is not None and other != document.id
    if merged:
        values |= {"status": DocumentStatus.DUPLICATE, "duplicate_of": other}
    session.execute(
        update(DocumentRow)
        .where(DocumentRow.id == document.id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if merged:
        withdraw(session, corpus_id, [document.id])
        promote(session, corpus_id, [document.id])


def _free_source(session: Session, corpus_id: int, document: CoveredDocument) -> str:
    """The covered source, or one with the document's id where two sources differed in the person only."""
    taken = select(DocumentRow.id).where(
        DocumentRow.corpus_id == corpus_id,
        DocumentRow.source == document.source,
        DocumentRow.id != document.id,
    )
    is_taken = session.scalar(taken) is not None
    return f"{document.source}~{document.id}" if is_taken else document.source


def cover_elsewhere(session: Session, cover: Cover, *, write: bool) -> dict[str, int]:
    """Cover the person in every text column of every other table; returns how many rows of which table.

    A row whose key tells of the person, and would be the same as another's without, is deleted. Without
    `write` rows are counted only. Stored copies of responses are not looked through but all deleted.
    """
    for name in EMPTIED if write else ():
        session.execute(delete(Base.metadata.tables[name]))
    counts: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if _holds_text(column)]
        if columns and table.name not in HANDLED_APART | KEPT | EMPTIED:
            counts[table.name] = _cover_table(session, table, columns, cover, write=write)
    sealed = change_sealed(session, lambda content: covered(content, cover), write=write)
    counts = {name: count + sealed.get(name, 0) for name, count in counts.items()}
    return {name: count for name, count in counts.items() if count}


def _cover_table(
    session: Session, table: Table, columns: Sequence[Column[Any]], cover: Cover, *, write: bool
) -> int:
    keys = list(table.primary_key.columns)
    rows = session.execute(select(*keys, *columns).execution_options(yield_per=ROWS_PER_FETCH))
    changed: list[tuple[Sequence[Any], dict[str, Any]]] = []
    for row in rows:
        values = {column.name: value for column, value in zip(columns, row[len(keys) :], strict=True)}
        new = {name: covered(value, cover) for name, value in values.items()}
        if new != values:
            different = {name: value for name, value in new.items() if value != values[name]}
            changed.append((row[: len(keys)], different))
    for key, values in changed if write else ():
        is_row = [column == value for column, value in zip(keys, key, strict=True)]
        try:
            with session.begin_nested():
                session.execute(update(table).where(*is_row).values(values))
        except IntegrityError:
            session.execute(delete(table).where(*is_row))
    return len(changed)


def covered(value: Any, cover: Cover) -> Any:
    """A JSON value with the person covered in all its strings."""
    if isinstance(value, str):
        return cover(value)
    if isinstance(value, list):
        return [covered(part, cover) for part in value]
    if isinstance(value, dict):
        return {key: covered(part, cover) for key, part in value.items()}
    return value


def vacuum(database: Database) -> None:
    """Let PostgreSQL overwrite the rows as they were before."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(text(f"VACUUM {table.name}"))


def _holds_text(column: Column[Any]) -> bool:
    kind = column.type
    return isinstance(kind, Text | JSONB) or (isinstance(kind, ARRAY) and isinstance(kind.item_type, Text))


def _sha256(content: str) -> str:
    return sha256(content.encode()).hexdigest()
