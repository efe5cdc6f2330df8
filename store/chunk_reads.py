"""Reading what was stored with chunks, and what lies around them."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from store import places
from store.tables import ChunkRow, DocumentRow, among
from store.types import ChunkPlace, DocumentSource, Float16Vector


def embeddings(session: Session, ids: Sequence[int]) -> dict[int, Float16Vector]:
    """The vectors, each `(dimension,)`, that these chunks were stored with; unknown ids are left out."""
    rows = session.execute(select(ChunkRow.id, ChunkRow.embedding).where(among(ChunkRow.id, ids)))
    return {row.id: np.frombuffer(row.embedding, dtype="<f2") for row in rows}


def documents_of(session: Session, ids: Sequence[int]) -> dict[int, DocumentSource]:
    """The document that each of these chunks is of; unknown ids are left out."""
    statement = select(ChunkRow.id, ChunkRow.document_id, DocumentRow.source).join(
        DocumentRow, DocumentRow.id == ChunkRow.document_id
    )
    rows = session.execute(statement.where(among(ChunkRow.id, ids)))
    return {row.id: DocumentSource(row.document_id, row.source) for row in rows}


def around(session: Session, ids: Sequence[int], reach: int) -> dict[int, list[ChunkPlace]]:
    """For each of these chunks, the chunks of its document's version up to `reach` before and after it.

    They come in the order of the text, the chunk itself among them.
    """
    near = aliased(ChunkRow)
    statement = (
        select(
            ChunkRow.id.label("centre"),
            near.id,
            near.start_offset,
            near.end_offset,
            near.heading_path,
            near.places,
        )
        .join(
            near,
            and_(
                near.document_id == ChunkRow.document_id,
                near.version == ChunkRow.version,
                near.ordinal.between(ChunkRow.ordinal - reach, ChunkRow.ordinal + reach),
            ),
        )
        .where(among(ChunkRow.id, ids))
        .order_by(ChunkRow.id, near.ordinal)
    )
    found: dict[int, list[ChunkPlace]] = {}
    for row in session.execute(statement):
        place = ChunkPlace(
            row.id,
            row.start_offset,
            row.end_offset,
            tuple(row.heading_path),
            places.from_json(row.places),
        )
        found.setdefault(row.centre, []).append(place)
    return found
