"""Who stands for whom in the index: what becomes of copies when the document that stood for them leaves.

Of the documents with one text, and of those with nearly the same text, one is current; the others are its
duplicates and near-duplicates. A duplicate borrows the chunks of its original when it takes its place. A
near-duplicate has had chunks of its own, unindexed, from the start: so nobody has to embed anything when a
document goes, and its place is taken in the same transaction.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, func, insert, literal, not_, select, update
from sqlalchemy.orm import Session

from store.document_reads import by_sha256
from store.errors import UnknownDocumentError
from store.index_log import append_added
from store.shingles import jaccard, shingle
from store.tables import ChunkRow, CorpusRow, DocumentRow, DocumentVersionRow, among
from store.types import DocumentStatus

SETTINGS = "near_duplicates"
"""The corpus's settings of this subject: `enabled` and `threshold`."""
DEFAULT_THRESHOLD = 0.8

_TEXTS_AT_ONCE = 100


@dataclass(frozen=True)
class _Orphan:
    """A copy of a document that left."""

    id: UUID
    version: int
    sha256: str
    original: UUID
    kept_apart: bool


@dataclass(frozen=True)
class _Shingled:
    """A document that may stand for orphans, with its shingles."""

    id: UUID
    shingles: NDArray[np.uint64]


def threshold(session: Session, corpus_id: int) -> float | None:
    """How alike two texts of the corpus have to be for one to stand for both; None: only equal ones are."""
    settings = session.scalar(select(CorpusRow.settings).where(CorpusRow.id == corpus_id)) or {}
    chosen = settings.get(SETTINGS, {})
    return float(chosen.get("threshold", DEFAULT_THRESHOLD)) if chosen.get("enabled", True) else None


def promote(session: Session, corpus_id: int, left: Sequence[UUID]) -> None:
    """Give the copies of documents that left, or that have another text now, a place of their own.

    The oldest takes the place, exact duplicates before near ones; the others become copies of it as far as
    they are alike, and of the document that left if it came back with a text like theirs.
    """
    groups = _groups(session, left)
    if not groups:
        return
    alike_from = threshold(session, corpus_id)
    heirs = by_sha256(session, corpus_id, [group[0].sha256 for group in groups])
    near = _returned(session, left) if alike_from is not None else defaultdict(list)
    promoted = []
    for group, shingles in _with_shingles(session, groups):
        first, ids = group[0], [orphan.id for orphan in group]
        heir = heirs.get(first.sha256)
        if heir is not None:
            _set_status(session, ids, DocumentStatus.DUPLICATE, heir)
            continue
        match = None
        if alike_from is not None and not first.kept_apart:
            match = _nearest(shingles, near[first.original], alike_from)
        if match is None:
            _ensure_chunks(session, first, searchable=True)
            _set_status(session, ids[:1], DocumentStatus.CURRENT)
            _set_status(session, ids[1:], DocumentStatus.DUPLICATE, first.id)
            heirs[first.sha256] = first.id
            near[first.original].append(_Shingled(first.id, shingles))
            promoted.append(first.id)
        else:
            for orphan in group:
                _ensure_chunks(session, orphan, searchable=False)
            _set_status(session, ids, DocumentStatus.NEAR_DUPLICATE, match.id, match.similarity)
    append_added(session, corpus_id, promoted)


def set_apart(session: Session, corpus_id: int, document_id: UUID) -> None:
    """Index a near-duplicate by itself, for good; beside an equal current text it is a duplicate of that."""
    row = session.execute(
        select(DocumentRow.current_version, DocumentRow.sha256, DocumentRow.duplicate_of).where(
            DocumentRow.id == document_id
        )
    ).one()
    orphan = _Orphan(document_id, row.current_version, row.sha256, row.duplicate_of, kept_apart=True)
    heir = by_sha256(session, corpus_id, [orphan.sha256]).get(orphan.sha256)
    if heir is None:
        _ensure_chunks(session, orphan, searchable=True)
        _set_status(session, [document_id], DocumentStatus.CURRENT)
        append_added(session, corpus_id, [document_id])
    else:
        _set_status(session, [document_id], DocumentStatus.DUPLICATE, heir)
    session.execute(update(DocumentRow).where(DocumentRow.id == document_id).values(kept_apart=True))


def stand_alone(session: Session, corpus_id: int, document_id: UUID) -> None:
    """Index a document by itself that gets a list of its own, and give its copies a place of theirs.

    The row says already that it has a list.
    """
    row = session.execute(
        select(
            DocumentRow.current_version, DocumentRow.sha256, DocumentRow.duplicate_of, DocumentRow.kept_apart
        ).where(DocumentRow.id == document_id)
    ).one()
    if row.duplicate_of is None:
        promote(session, corpus_id, [document_id])
        return
    copy = _Orphan(document_id, row.current_version, row.sha256, row.duplicate_of, row.kept_apart)
    _ensure_chunks(session, copy, searchable=True)
    _set_status(session, [document_id], DocumentStatus.CURRENT)
    append_added(session, corpus_id, [document_id])


def copy_chunks(
    session: Session, original: UUID, sha256: str, document_id: UUID, version: int, *, searchable: bool
) -> None:
    """Give a document version copies of the chunks that `original` had for the same text.

    Raises:
        UnknownDocumentError: `original` never had this text.
    """
    old_version = session.scalar(
        select(func.max(DocumentVersionRow.version)).where(
            DocumentVersionRow.document_id == original, DocumentVersionRow.sha256 == sha256
        )
    )
    if old_version is None:
        raise UnknownDocumentError(original)
    copied = (
        ChunkRow.corpus_id,
        ChunkRow.ordinal,
        ChunkRow.start_offset,
        ChunkRow.end_offset,
        ChunkRow.text,
        ChunkRow.heading_path,
        ChunkRow.places,
        ChunkRow.embedding,
    )
    rows = (
        select(literal(document_id), literal(version), literal(searchable), *copied)
        .where(ChunkRow.document_id == original, ChunkRow.version == old_version)
        .order_by(ChunkRow.ordinal)
    )
    names = ["document_id", "version", "searchable", *(column.key for column in copied)]
    session.execute(insert(ChunkRow).from_select(names, rows))


@dataclass(frozen=True)
class _Match:
    id: UUID
    similarity: float


def _nearest(
    shingles: NDArray[np.uint64], candidates: Sequence[_Shingled], alike_from: float
) -> _Match | None:
    matches = (_Match(other.id, jaccard(shingles, other.shingles)) for other in candidates)
    best = max(matches, key=lambda match: match.similarity, default=None)
    return best if best is not None and best.similarity >= alike_from else None


def _groups(session: Session, left: Sequence[UUID]) -> list[list[_Orphan]]:
    """The copies of documents that left; those that share one text share a fate."""
    rows = session.execute(
        select(
            DocumentRow.id,
            DocumentRow.current_version,
            DocumentRow.sha256,
            DocumentRow.duplicate_of,
            DocumentRow.kept_apart,
        )
        .where(among(DocumentRow.duplicate_of, left))
        .order_by(DocumentRow.status == DocumentStatus.NEAR_DUPLICATE, DocumentRow.created_at, DocumentRow.id)
    )
    groups: defaultdict[tuple[UUID, str, bool], list[_Orphan]] = defaultdict(list)
    for document_id, version, sha256, original, kept_apart in rows:
        assert original is not None  # by the condition
        orphan = _Orphan(document_id, version, sha256, original, kept_apart)
        groups[original, sha256, kept_apart].append(orphan)
    return list(groups.values())


def _returned(session: Session, left: Sequence[UUID]) -> defaultdict[UUID, list[_Shingled]]:
    """Those of the documents that are current again, with another text, each under its own id."""
    found: defaultdict[UUID, list[_Shingled]] = defaultdict(list)
    rows = session.execute(
        select(DocumentRow.id, DocumentVersionRow.text)
        .join(
            DocumentVersionRow,
            (DocumentVersionRow.document_id == DocumentRow.id)
            & (DocumentVersionRow.version == DocumentRow.current_version),
        )
        .where(
            among(DocumentRow.id, left),
            DocumentRow.status == DocumentStatus.CURRENT,
            not_(DocumentRow.restricted),
        )
    )
    for document_id, text in rows:
        found[document_id].append(_Shingled(document_id, shingle([text]).of(0)))
    return found


def _with_shingles(
    session: Session, groups: Sequence[list[_Orphan]]
) -> Iterator[tuple[list[_Orphan], NDArray[np.uint64]]]:
    """The groups in their order with the shingles of their texts, which are read a few at a time."""
    for start in range(0, len(groups), _TEXTS_AT_ONCE):
        some = groups[start : start + _TEXTS_AT_ONCE]
        rows = session.execute(
            select(DocumentVersionRow.document_id, DocumentVersionRow.text)
            .join(DocumentRow, DocumentRow.id == DocumentVersionRow.document_id)
            .where(
                among(DocumentRow.id, [group[0].id for group in some]),
                DocumentVersionRow.version == DocumentRow.current_version,
            )
        )
        texts: dict[UUID, str] = {row.document_id: row.text for row in rows}
        shingles = shingle([texts[group[0].id] for group in some])
        for number, group in enumerate(some):
            yield group, shingles.of(number)


def _ensure_chunks(session: Session, orphan: _Orphan, *, searchable: bool) -> None:
    """See to it that the copy has chunks of its own: those that it came with, else its original's."""
    own = (ChunkRow.document_id == orphan.id, ChunkRow.version == orphan.version)
    if not session.scalar(select(exists().where(*own))):
        copy_chunks(session, orphan.original, orphan.sha256, orphan.id, orphan.version, searchable=searchable)
    elif searchable:
        session.execute(
            update(ChunkRow).where(*own).values(searchable=True).execution_options(synchronize_session=False)
        )


def _set_status(
    session: Session,
    ids: Sequence[UUID],
    status: DocumentStatus,
    original: UUID | None = None,
    similarity: float | None = None,
) -> None:
    session.execute(
        update(DocumentRow)
        .where(among(DocumentRow.id, ids))
        .values(status=status, duplicate_of=original, similarity=similarity, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
