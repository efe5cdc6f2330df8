"""The repository of near-duplicates: finding what a text may be one of; what a person sees and decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session, aliased

from store.document_reads import by_ids, get
from store.duplicates import set_apart
from store.errors import NotNearDuplicateError
from store.index_log import lock_corpus
from store.tables import DocumentRow, among, array_text
from store.types import Document, DocumentStatus
from store.visibility import Reader

MATCHES_LOOKED_AT = 500
"""Of the documents that share a key with a text, how many are compared by how many keys they share."""
CANDIDATES = 10
"""How many of these are compared word for word."""

# LATERAL, so that each text has its own limit. A bitmap scan of the GIN index is the only good plan, but the
# planner, which knows little of arrays, would sometimes rather read the whole table for the sake of LIMIT.
# Documents are asked for a value, and not joined: without statistics it began with all those of the corpus.
_FIND = text(
    """
    WITH wanted AS MATERIALIZED (
        SELECT number, array_agg(key) AS bands
          FROM unnest(CAST(:numbers AS int[]), CAST(:keys AS bigint[])) AS given (number, key) GROUP BY number
    )
    SELECT wanted.number, documents.source, documents.sha256, document_versions.text
      FROM wanted
     CROSS JOIN LATERAL (
        SELECT shared.document_id
          FROM (SELECT signatures.document_id, signatures.bands
                  FROM signatures
                 WHERE signatures.bands && wanted.bands
                   AND (SELECT status = 'current' AND corpus_id = :corpus_id AND NOT restricted
                          FROM documents WHERE documents.id = signatures.document_id)
                 LIMIT :looked_at) AS shared
         ORDER BY (SELECT count(*) FROM unnest(shared.bands) AS band WHERE band = ANY (wanted.bands)) DESC,
                  shared.document_id
         LIMIT :candidates
     ) AS nearest
      JOIN documents ON documents.id = nearest.document_id
      JOIN document_versions ON document_versions.document_id = documents.id
                            AND document_versions.version = documents.current_version
     ORDER BY wanted.number, documents.created_at, documents.id
    """
)


@dataclass(frozen=True)
class Candidate:
    """A current document that may be nearly the same as the text of this number."""

    number: int
    source: str
    sha256: str
    text: str


@dataclass(frozen=True)
class Cluster:
    """Documents with the same or nearly the same text: the one that is indexed, and its copies."""

    canonical: Document
    copies: tuple[Document, ...]


def find(session: Session, corpus_id: int, bands: Sequence[Sequence[int]]) -> list[Candidate]:
    """The current documents that share keys with texts, for each text those first that were there first.

    A text is known by its place in `bands`, which holds its keys. Use a transaction that does nothing else:
    sequential scans are off until it ends.
    """
    numbers = [number for number, keys in enumerate(bands) for _ in keys]
    if not numbers:
        return []
    session.execute(text("SET LOCAL enable_seqscan = off"))
    rows = session.execute(
        _FIND,
        {
            "numbers": array_text(numbers),
            "keys": array_text(key for keys in bands for key in keys),
            "corpus_id": corpus_id,
            "looked_at": MATCHES_LOOKED_AT,
            "candidates": CANDIDATES,
        },
    )
    return [Candidate(*row) for row in rows]


def clusters(session: Session, corpus_id: int, *, after: str | None, limit: int) -> list[Cluster]:
    """The next `limit` clusters by the source of their canonical copy; `after` is the last one before.

    Nobody has to be kept from them who may read the corpus: documents with lists of their own are in none.
    """
    copy = aliased(DocumentRow)
    statement = (
        select(DocumentRow.id)
        .where(
            DocumentRow.corpus_id == corpus_id,
            DocumentRow.status == DocumentStatus.CURRENT,
            exists().where(copy.duplicate_of == DocumentRow.id),
        )
        .order_by(DocumentRow.source)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(DocumentRow.source > after)
    return _clusters(session, list(session.scalars(statement)))


def cluster_of(session: Session, document_id: UUID, reader: Reader | None = None) -> Cluster:
    """The cluster that a document belongs to, as its canonical copy or another; it may be alone in it.

    Raises:
        UnknownDocumentError: There is no such document that the reader may see.
    """
    document = get(session, document_id, reader)
    return _clusters(session, [document.duplicate_of or document_id])[0]


def split(session: Session, document_id: UUID) -> Document:
    """Take a near-duplicate out of its cluster: it is indexed by itself, also after it has changed.

    Raises:
        UnknownDocumentError: There is no such document.
        NotNearDuplicateError: It is no near-duplicate.
    """
    document = get(session, document_id)
    lock_corpus(session, document.corpus_id)
    document = get(session, document_id)  # it may have changed while we waited
    if document.status != DocumentStatus.NEAR_DUPLICATE:
        raise NotNearDuplicateError(document_id, document.status.value)
    set_apart(session, document.corpus_id, document_id)
    return get(session, document_id)


def _clusters(session: Session, canonical_ids: Sequence[UUID]) -> list[Cluster]:
    copy_ids = list(
        session.scalars(
            select(DocumentRow.id)
            .where(among(DocumentRow.duplicate_of, canonical_ids))
            .order_by(DocumentRow.source)
        )
    )
    found = by_ids(session, [*canonical_ids, *copy_ids])
    copies = [found[document_id] for document_id in copy_ids]
    return [
        Cluster(found[canonical], tuple(copy for copy in copies if copy.duplicate_of == canonical))
        for canonical in canonical_ids
    ]
