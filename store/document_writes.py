"""Changing documents: what a batch of an ingestion writes, in few round trips.

At most one document of a corpus is current for a text; the others with that text, or nearly that text, are
its duplicates and near-duplicates and have no searchable chunks. When the current one changes or goes,
another takes its place: see `store.duplicates`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from store import corpora, places
from store.access_lists import write_readers
from store.document_reads import by_ids, by_sha256, get
from store.duplicates import copy_chunks, promote
from store.index_log import append_added, encode_embedding, lock_corpus, withdraw
from store.tables import DocumentRow, DocumentVersionRow, SignatureRow, among, array_text
from store.types import (
    Document,
    DocumentStatus,
    DocumentWithChunks,
    NewChunk,
    NewDocument,
    Origin,
)

SOURCE_LOCKS = 0x534F55524345
"""Sets the advisory locks of documents apart from others; the bytes spell SOURCE."""


@dataclass(frozen=True)
class _Placement:
    """Where an item of a batch goes: its row, its version, whose copy it is (None: it is current).

    `similarity` is that of a near-duplicate, else None.
    """

    id: UUID
    version: int
    item: DocumentWithChunks
    duplicate_of: UUID | None
    similarity: float | None = None
    restricted: bool = False

    @property
    def status(self) -> DocumentStatus:
        """The document's status once it is written."""
        if self.duplicate_of is None:
            return DocumentStatus.CURRENT
        return DocumentStatus.DUPLICATE if self.similarity is None else DocumentStatus.NEAR_DUPLICATE


def put(session: Session, corpus_id: int, document: NewDocument, chunks: Sequence[NewChunk]) -> Document:
    """Insert a document, or replace the one with the same source: see `put_many`."""
    return put_many(session, corpus_id, [DocumentWithChunks(document, chunks)])[0]


def put_duplicate(session: Session, corpus_id: int, document: NewDocument, duplicate_of: UUID) -> Document:
    """Store a document whose text `duplicate_of` has: see `put_many`."""
    return put_many(session, corpus_id, [DocumentWithChunks(document, duplicate_of=duplicate_of)])[0]


def put_many(session: Session, corpus_id: int, items: Sequence[DocumentWithChunks]) -> list[Document]:
    """Insert documents, or replace those with the same sources by a new version; returns them in their order.

    Old chunks leave the indexes and new ones enter; old versions stay readable. A document whose text
    another current document of the corpus has, or an earlier one of `items`, is stored as its duplicate,
    whatever chunks it brings. An item with `duplicate_of` whose original is no longer current takes over
    the original's chunks. One with `near_duplicate_of` is current, with its own chunks, where the other is
    not, or no longer with that text. A document with a list of its own is current, and nothing is its copy.

    Raises:
        UnknownCorpusError: The corpus is gone; it may have been deleted meanwhile.
        ValueError: Two items have the same source.
        UnknownDocumentError: An item is a duplicate of a document that never had its text.
        UnknownUserError, UnknownGroupError: An item's list names one that is not there.
    """
    lock_corpus(session, corpus_id)
    corpora.check_exists(session, corpus_id)
    placements = _place(session, corpus_id, items)
    leaving = [placement.id for placement in placements if placement.version > 1]
    _take_down(session, corpus_id, leaving)
    _write_documents(session, corpus_id, placements)
    _write_versions(session, placements)
    _write_chunks(session, corpus_id, placements)
    _write_signatures(session, placements)
    _write_lists(session, placements)
    append_added(
        session, corpus_id, [placement.id for placement in placements if placement.duplicate_of is None]
    )
    promote(session, corpus_id, leaving)
    written = by_ids(session, [placement.id for placement in placements])
    return [written[placement.id] for placement in placements]


def lock_source(session: Session, corpus_id: int, source: str) -> None:
    """Let nobody else who calls this for the document change it until the transaction ends.

    For those who compare before they change; `put_many` and `remove` do not ask for this lock.
    """
    key = func.hashtextextended(f"{corpus_id} {source}", SOURCE_LOCKS)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def update_metadata(
    session: Session,
    document_id: UUID,
    title: str,
    media_type: str,
    metadata: Mapping[str, Any],
    *,
    origin: Origin | None = None,
) -> Document:
    """Change what is known about a document whose text stays the same: no new version.

    `origin` None leaves it as it is.

    Raises:
        UnknownDocumentError: There is no such document.
    """
    document = get(session, document_id)
    lock_corpus(session, document.corpus_id)
    session.execute(
        update(DocumentRow)
        .where(DocumentRow.id == document_id)
        .values(
            title=title,
            media_type=media_type,
            document_metadata=dict(metadata),
            origin=DocumentRow.origin if origin is None else origin,
            updated_at=func.now(),
        )
    )
    session.execute(
        update(DocumentVersionRow)
        .where(
            DocumentVersionRow.document_id == DocumentRow.id,
            DocumentVersionRow.version == DocumentRow.current_version,
            DocumentRow.id == document_id,
        )
        .values(title=title)
        .execution_options(synchronize_session=False)
    )
    return get(session, document_id)


def remove(
    session: Session, corpus_id: int, ids: Sequence[UUID], *, updated_before: datetime | None = None
) -> int:
    """Take documents out of the corpus's indexes; returns how many were there.

    Their versions stay readable. Ids that are unknown, removed already or of another corpus count nothing,
    nor do documents that changed since `updated_before`; None removes documents of any age.
    """
    lock_corpus(session, corpus_id)
    statement = select(DocumentRow.id).where(
        DocumentRow.corpus_id == corpus_id,
        among(DocumentRow.id, ids),
        DocumentRow.status != DocumentStatus.REMOVED,
    )
    if updated_before is not None:
        statement = statement.where(DocumentRow.updated_at < updated_before)
    leaving = list(session.scalars(statement))
    _take_down(session, corpus_id, leaving)
    promote(session, corpus_id, leaving)
    return len(leaving)


def _place(session: Session, corpus_id: int, items: Sequence[DocumentWithChunks]) -> list[_Placement]:
    """Decide before anything is written which item becomes current and which a duplicate."""
    sources = [item.document.source for item in items]
    doubled = [source for source, times in Counter(sources).items() if times > 1]
    if doubled:
        raise ValueError(f"The batch holds {doubled[0]!r} more than once; put its last state only.")
    rows = session.execute(
        select(DocumentRow.source, DocumentRow.id, DocumentRow.current_version, DocumentRow.restricted).where(
            DocumentRow.corpus_id == corpus_id, among(DocumentRow.source, sources)
        )
    ).all()
    existing = {row.source: (row.id, row.current_version) for row in rows}
    listed = {row.source for row in rows if row.restricted}
    listed |= {item.document.source for item in items if item.document.readers is not None}
    nears = [item.near_duplicate_of.sha256 for item in items if item.near_duplicate_of is not None]
    originals = by_sha256(session, corpus_id, [*(item.document.sha256 for item in items), *nears])
    replaced = {document_id for document_id, _ in existing.values()}
    originals = {sha256: original for sha256, original in originals.items() if original not in replaced}
    placed = {}
    for item in sorted(items, key=lambda item: item.near_duplicate_of is not None):  # those first that stay
        document_id, version = existing.get(item.document.source) or (uuid4(), 0)
        if item.document.source in listed:
            placed[item.document.source] = _Placement(document_id, version + 1, item, None, restricted=True)
            continue
        original, similarity = originals.get(item.document.sha256), None
        if original is None and item.near_duplicate_of is not None:
            original = originals.get(item.near_duplicate_of.sha256)
            similarity = None if original is None else item.near_duplicate_of.similarity
        if original is None:
            originals[item.document.sha256] = document_id
        placed[item.document.source] = _Placement(document_id, version + 1, item, original, similarity)
    return [placed[source] for source in sources]


def _take_down(session: Session, corpus_id: int, ids: Sequence[UUID]) -> None:
    withdraw(session, corpus_id, ids)
    session.execute(
        update(DocumentRow)
        .where(among(DocumentRow.id, ids))
        .values(status=DocumentStatus.REMOVED, duplicate_of=None, similarity=None, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


# As JSON: SQLAlchemy takes several times as long to make the parameters of a statement for each document.
_WRITE_DOCUMENTS = text(
    """
    INSERT INTO documents (id, corpus_id, source, title, current_version, sha256, media_type, metadata,
        origin, status, duplicate_of, similarity, restricted)
    SELECT u.id, :corpus_id, u.source, u.title, u.current_version, u.sha256, u.media_type, u.metadata,
        u.origin, u.status, u.duplicate_of, u.similarity, u.restricted
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS u(
        id uuid, source text, title text, current_version int, sha256 text, media_type text, metadata jsonb,
        origin text, status text, duplicate_of uuid, similarity float, restricted bool)
    ON CONFLICT (corpus_id, source) DO UPDATE SET
        title = excluded.title, current_version = excluded.current_version, sha256 = excluded.sha256,
        media_type = excluded.media_type, metadata = excluded.metadata, origin = excluded.origin,
        status = excluded.status, duplicate_of = excluded.duplicate_of, similarity = excluded.similarity,
        restricted = excluded.restricted, updated_at = now()
    """
)


def _write_documents(session: Session, corpus_id: int, placements: Sequence[_Placement]) -> None:
    rows = [
        {
            "id": str(placement.id),
            "source": placement.item.document.source,
            "title": placement.item.document.title,
            "current_version": placement.version,
            "sha256": placement.item.document.sha256,
            "media_type": placement.item.document.media_type,
            "metadata": dict(placement.item.document.metadata),
            "origin": placement.item.document.origin,
            "status": placement.status,
            "duplicate_of": None if placement.duplicate_of is None else str(placement.duplicate_of),
            "similarity": placement.similarity,
            "restricted": placement.restricted,
        }
        for placement in placements
    ]
    if rows:
        given = {"corpus_id": corpus_id, "rows": json.dumps(rows, ensure_ascii=False)}
        session.execute(_WRITE_DOCUMENTS, given)


def _write_versions(session: Session, placements: Sequence[_Placement]) -> None:
    columns = "document_id, version, title, text, sha256, characters"
    with _cursor(session) as cursor, cursor.copy(f"COPY document_versions ({columns}) FROM STDIN") as copy:
        for placement in placements:
            document = placement.item.document
            copy.write_row(
                (
                    placement.id,
                    placement.version,
                    document.title,
                    document.text,
                    document.sha256,
                    len(document.text),
                )
            )


def _write_chunks(session: Session, corpus_id: int, placements: Sequence[_Placement]) -> None:
    """Write the chunks of all but duplicates; those of near-duplicates wait for their turn."""
    own = [p for p in placements if p.status != DocumentStatus.DUPLICATE]
    columns = (
        "corpus_id, document_id, version, ordinal, start_offset, end_offset, "
        "text, heading_path, places, embedding, searchable"
    )
    with (
        _cursor(session) as cursor,
        cursor.copy(f"COPY chunks ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        numbers = ["int8", "uuid", "int4", "int4", "int4", "int4"]
        copy.set_types([*numbers, "text", "text[]", "jsonb", "bytea", "bool"])
        for placement in own:
            for ordinal, chunk in enumerate(placement.item.chunks):
                copy.write_row(
                    (
                        corpus_id,
                        placement.id,
                        placement.version,
                        ordinal,
                        chunk.start,
                        chunk.end,
                        chunk.text,
                        list(chunk.heading_path),
                        Jsonb(places.to_json(chunk.places)),
                        encode_embedding(chunk.embedding),
                        placement.duplicate_of is None,
                    )
                )
    for placement in own:
        if placement.item.duplicate_of is not None:
            original, sha256 = placement.item.duplicate_of, placement.item.document.sha256
            copy_chunks(session, original, sha256, placement.id, placement.version, searchable=True)


def _write_signatures(session: Session, placements: Sequence[_Placement]) -> None:
    """Write the keys of new texts in place of those of the texts before."""
    session.execute(
        delete(SignatureRow).where(
            among(SignatureRow.document_id, [placement.id for placement in placements])
        )
    )
    with _cursor(session) as cursor, cursor.copy("COPY signatures (document_id, bands) FROM STDIN") as copy:
        for placement in placements:
            if placement.item.bands is not None:
                copy.write_row((placement.id, array_text(placement.item.bands)))


def _write_lists(session: Session, placements: Sequence[_Placement]) -> None:
    """Write who may see the documents that come with lists; those that do not keep theirs."""
    lists = {p.id: p.item.document.readers for p in placements if p.item.document.readers is not None}
    if lists:
        write_readers(session, lists)


def _cursor(session: Session) -> psycopg.Cursor:
    """The driver's own cursor, in the session's transaction: SQLAlchemy has no COPY."""
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver.cursor()
