"""Reading documents and their chunks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from store import places
from store.errors import UnknownDocumentError
from store.filters import compile_filter
from store.index_log import decode_embedding
from store.statement import Statement
from store.tables import ChunkRow, DocumentRow, DocumentVersionRow, among
from store.types import (
    Chunk,
    Document,
    DocumentSource,
    DocumentStatus,
    DocumentText,
    ExportedDocument,
    IndexedChunk,
    Origin,
)
from store.visibility import Reader, document_visible

ROWS_PER_FETCH = 200
TEXTS_PER_FETCH = 8
"""Whole texts can be megabytes each."""

PRESENT = DocumentRow.status != DocumentStatus.REMOVED


def get(session: Session, document_id: UUID, reader: Reader | None = None) -> Document:
    """The document as it stands now, also when it was removed.

    Raises:
        UnknownDocumentError: There is none that the reader may see.
    """
    found = by_ids(session, [document_id], reader)
    if not found:
        raise UnknownDocumentError(document_id)
    return found[document_id]


def by_ids(session: Session, ids: Sequence[UUID], reader: Reader | None = None) -> dict[UUID, Document]:
    """The documents with these ids, removed ones included; unknown and hidden ones are left out."""
    rows = session.execute(_documents().where(among(DocumentRow.id, ids), document_visible(reader)))
    return {row.id: _document(row) for row in rows}


def known(session: Session, corpus_id: int, sources: Sequence[str]) -> dict[str, Document]:
    """The documents with these sources, by source: current ones and duplicates.

    Removed documents are left out, so that one which comes back is put again.
    """
    statement = _documents().where(
        DocumentRow.corpus_id == corpus_id, among(DocumentRow.source, sources), PRESENT
    )
    return {row.source: _document(row) for row in session.execute(statement)}


def by_sha256(session: Session, corpus_id: int, sha256s: Sequence[str]) -> dict[str, UUID]:
    """For each of these content hashes the current document with that text; there is at most one of each.

    Documents with lists of their own do not count: they stand for nothing but themselves.
    """
    statement = select(DocumentRow.sha256, DocumentRow.id).where(
        DocumentRow.corpus_id == corpus_id,
        among(DocumentRow.sha256, sha256s),
        DocumentRow.status == DocumentStatus.CURRENT,
        not_(DocumentRow.restricted),
    )
    return {row.sha256: row.id for row in session.execute(statement)}


def current_versions(session: Session, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The newest version of each of these documents; unknown ids are left out."""
    statement = select(DocumentRow.id, DocumentRow.current_version).where(among(DocumentRow.id, ids))
    return {row.id: row.current_version for row in session.execute(statement)}


def sources_under(
    session: Session,
    corpus_id: int,
    prefixes: Sequence[str],
    *,
    updated_before: datetime | None = None,
    reader: Reader | None = None,
) -> Iterator[DocumentSource]:
    """Ids and sources of documents whose source starts with one of `prefixes`, streamed.

    Removed and hidden ones are left out. A prefix is taken literally: a folder's should end with "/", that of
    a file's records with "#". `updated_before` None takes documents of any age.
    """
    statement = (
        select(DocumentRow.id, DocumentRow.source)
        .where(
            DocumentRow.corpus_id == corpus_id,
            PRESENT,
            document_visible(reader),
            or_(false(), *(DocumentRow.source.op("^@", is_comparison=True)(prefix) for prefix in prefixes)),
        )
        .order_by(DocumentRow.source)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    if updated_before is not None:
        statement = statement.where(DocumentRow.updated_at < updated_before)
    for document_id, source in session.execute(statement):
        yield DocumentSource(document_id, source)


def page(
    session: Session,
    corpus_id: int,
    *,
    after: str | None,
    limit: int,
    filter: Mapping[str, Any] | None = None,
    reader: Reader | None = None,
) -> list[Document]:
    """The next `limit` documents in the order of their sources; `after` is the previous page's last source.

    Raises:
        FilterError: `filter` has a shape that means nothing.
    """
    statement = _documents().where(
        DocumentRow.corpus_id == corpus_id, PRESENT, compile_filter(filter or {}), document_visible(reader)
    )
    if after is not None:
        statement = statement.where(DocumentRow.source > after)
    rows = session.execute(statement.order_by(DocumentRow.source).limit(limit))
    return [_document(row) for row in rows]


def page_of_all(
    session: Session,
    corpus_id: int | None,
    *,
    after: Document | None,
    limit: int,
    backwards: bool = False,
    reader: Reader | None = None,
) -> list[Document]:
    """The next `limit` documents of a corpus, or of all (None), in the order of corpora and sources.

    `after` is the last document of the page before; `backwards` turns the order round.
    """
    place = tuple_(DocumentRow.corpus_id, DocumentRow.source)
    statement = _documents().where(PRESENT, document_visible(reader))
    if corpus_id is not None:
        statement = statement.where(DocumentRow.corpus_id == corpus_id)
    if after is not None:
        last = (after.corpus_id, after.source)
        statement = statement.where(place < last if backwards else place > last)
    order = [column.desc() if backwards else column for column in (DocumentRow.corpus_id, DocumentRow.source)]
    return [_document(row) for row in session.execute(statement.order_by(*order).limit(limit))]


def text(
    session: Session, document_id: UUID, version: int | None = None, reader: Reader | None = None
) -> DocumentText:
    """The text of one version of a document; None means the newest.

    Raises:
        UnknownDocumentError: There is no such document that the reader may see, or it has no such version.
    """
    wanted = DocumentRow.current_version if version is None else version
    statement = (
        select(
            DocumentVersionRow.version, DocumentRow.source, DocumentVersionRow.title, DocumentVersionRow.text
        )
        .join(DocumentRow, DocumentRow.id == DocumentVersionRow.document_id)
        .where(DocumentRow.id == document_id, DocumentVersionRow.version == wanted, document_visible(reader))
    )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise UnknownDocumentError(document_id, version)
    return DocumentText(document_id, row.version, row.source, row.title, row.text)


def excerpt(session: Session, document_id: UUID, version: int, start: int, end: int) -> str:
    """The characters `start` to `end` of one version of a document; only they leave the database.

    Raises:
        UnknownDocumentError: There is no such document, or it has no such version.
    """
    statement = select(func.substr(DocumentVersionRow.text, start + 1, end - start)).where(
        DocumentVersionRow.document_id == document_id, DocumentVersionRow.version == version
    )
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise UnknownDocumentError(document_id, version)
    return str(found)


def export(session: Session, corpus_id: int) -> Iterator[ExportedDocument]:
    """Every document of the corpus that was not removed, in the order of sources, streamed."""
    statement = _exported(corpus_id).execution_options(yield_per=TEXTS_PER_FETCH)
    for row in session.execute(statement):
        yield ExportedDocument(*row)


def export_page(
    session: Session,
    corpus_id: int,
    *,
    after: str | None,
    limit: int = TEXTS_PER_FETCH,
    reader: Reader | None = None,
) -> list[ExportedDocument]:
    """The next `limit` of what `export` gives and the reader may see; `after` is the last source before."""
    statement = _exported(corpus_id).where(document_visible(reader))
    if after is not None:
        statement = statement.where(DocumentRow.source > after)
    return [ExportedDocument(*row) for row in session.execute(statement.limit(limit))]


def chunks_by_id(session: Session, ids: Sequence[int], reader: Reader | None = None) -> dict[int, Chunk]:
    """The searchable chunks among `ids`; those which have left the indexes, or are hidden, are left out."""
    statement = _chunks().where(
        among(ChunkRow.id, [int(number) for number in ids]), ChunkRow.searchable, document_visible(reader)
    )
    return {row.id: _chunk(row) for row in session.execute(statement)}


def unlisted_chunks_by_id(session: Session, ids: Sequence[int]) -> dict[int, Chunk]:
    """The searchable chunks among `ids` that whoever may read their corpus may read.

    It is `chunks_by_id` for a corpus whose documents have no lists, at half the time, as it need not be put
    together for each reader; documents that have got a list since are left out.
    """
    rows = _UNLISTED_CHUNKS.rows(session, {"ids": [int(number) for number in ids]})
    return {row.id: _chunk(row) for row in rows}


def chunks_of(session: Session, document_id: UUID, version: int) -> list[Chunk]:
    """The chunks of one version of a document in the order of its text, searchable or not."""
    statement = (
        _chunks()
        .where(ChunkRow.document_id == document_id, ChunkRow.version == version)
        .order_by(ChunkRow.ordinal)
    )
    return [_chunk(row) for row in session.execute(statement)]


def embedded_chunks(session: Session, versions: Mapping[UUID, int]) -> list[IndexedChunk]:
    """The chunks, with their vectors, of one version of each of these documents, searchable or not."""
    wanted = (
        func.unnest(
            literal(list(versions), ARRAY(Uuid())), literal(list(versions.values()), ARRAY(Integer()))
        )
        .table_valued("document_id", "version")
        .render_derived()
    )
    statement = select(ChunkRow.id, ChunkRow.text, ChunkRow.heading_path, ChunkRow.embedding).join(
        wanted, and_(wanted.c.document_id == ChunkRow.document_id, wanted.c.version == ChunkRow.version)
    )
    return [
        IndexedChunk(row.id, row.text, tuple(row.heading_path), decode_embedding(row.embedding))
        for row in session.execute(statement)
    ]


def _exported(corpus_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            DocumentRow.id,
            DocumentRow.source,
            DocumentRow.current_version,
            DocumentRow.title,
            DocumentVersionRow.text,
            DocumentRow.document_metadata,
        )
        .join(DocumentVersionRow, _newest())
        .where(DocumentRow.corpus_id == corpus_id, PRESENT)
        .order_by(DocumentRow.source)
    )


def _newest() -> ColumnElement[bool]:
    return and_(
        DocumentVersionRow.document_id == DocumentRow.id,
        DocumentVersionRow.version == DocumentRow.current_version,
    )


def _documents() -> Select[*tuple[Any, ...]]:
    # Columns, not entities: the writers work in bulk, behind the back of the session's identity map.
    return select(*DocumentRow.__table__.columns, DocumentVersionRow.characters).join(
        DocumentVersionRow, _newest()
    )


def _document(row: Row[*tuple[Any, ...]]) -> Document:
    return Document(
        id=row.id,
        corpus_id=row.corpus_id,
        source=row.source,
        title=row.title,
        version=row.current_version,
        sha256=row.sha256,
        media_type=row.media_type,
        metadata=row.metadata,
        origin=Origin(row.origin),
        status=DocumentStatus(row.status),
        duplicate_of=row.duplicate_of,
        similarity=row.similarity,
        kept_apart=row.kept_apart,
        characters=row.characters,
        created_at=row.created_at,
        updated_at=row.updated_at,
        restricted=row.restricted,
    )


def _unlisted_chunks() -> Select[*tuple[Any, ...]]:
    wanted = bindparam("ids", type_=ARRAY(ChunkRow.id.type))
    return _chunks().where(ChunkRow.id == any_(wanted), ChunkRow.searchable, not_(DocumentRow.restricted))


_UNLISTED_CHUNKS = Statement(_unlisted_chunks)


def _chunks() -> Select[*tuple[Any, ...]]:
    return select(
        ChunkRow.id,
        ChunkRow.document_id,
        ChunkRow.version,
        DocumentRow.source,
        DocumentRow.title,
        ChunkRow.start_offset,
        ChunkRow.end_offset,
        ChunkRow.text,
        ChunkRow.heading_path,
        DocumentRow.document_metadata.label("document_metadata"),  # the column has another name
        ChunkRow.places,
    ).join(DocumentRow, DocumentRow.id == ChunkRow.document_id)


def _chunk(row: Row[*tuple[Any, ...]]) -> Chunk:
    return Chunk(
        id=row.id,
        document_id=row.document_id,
        document_version=row.version,
        source=row.source,
        title=row.title,
        start=row.start_offset,
        end=row.end_offset,
        text=row.text,
        heading_path=tuple(row.heading_path),
        metadata=row.document_metadata,
        places=places.from_json(row.places),
    )
