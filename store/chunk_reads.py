"""Reading what was stored with chunks, and what lies around them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, and_, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from store import places
from store.filters import compile_filter
from store.statement import Statement
from store.tables import ChunkRow, DocumentRow, among
from store.types import ChunkPlace, DocumentSource, Float16Vector
from store.visibility import Reader, document_visible

MAX_LOOKED_UP = 10_000
"""Of how many matching documents the chunks are looked up document by document.

PostgreSQL cannot guess how few match a filter on metadata, and would go through the chunks of all.
"""


def matching_chunks(
    session: Session, corpus_id: int, filter: Mapping[str, Any], reader: Reader | None = None
) -> NDArray[np.int64]:
    """The ids, ascending, of the searchable chunks whose documents match and may be seen: shape `(n,)`.

    Raises:
        FilterError: `filter` has a shape that means nothing.
    """
    matching = (DocumentRow.corpus_id == corpus_id, compile_filter(filter), document_visible(reader))
    some = session.scalars(select(DocumentRow.id).where(*matching).limit(MAX_LOOKED_UP + 1)).all()
    # One bytes value of big-endian numbers: for a million ids a tenth of the time that rows would take.
    packed = select(func.string_agg(func.int8send(ChunkRow.id), func.decode("", "hex")))
    if len(some) <= MAX_LOOKED_UP:
        statement = packed.where(ChunkRow.searchable, among(ChunkRow.document_id, some))
    else:
        joined = packed.join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
        statement = joined.where(ChunkRow.searchable, *matching)
    return np.sort(np.frombuffer(session.scalar(statement) or b"", dtype=">i8").astype(np.int64))


def embeddings(session: Session, ids: Sequence[int]) -> dict[int, Float16Vector]:
    """The vectors, each `(dimension,)`, that these chunks were stored with; unknown ids are left out."""
    rows = session.execute(select(ChunkRow.id, ChunkRow.embedding).where(among(ChunkRow.id, ids)))
    return {row.id: np.frombuffer(row.embedding, dtype="<f2") for row in rows}


def texts(session: Session, ids: Sequence[int]) -> list[str]:
    """The headings and texts of the searchable ones of these chunks."""
    rows = _TEXTS.rows(session, {"ids": list(ids)})
    return [" ".join([*row.heading_path, row.text]) for row in rows]


def _texts() -> Select[*tuple[Any, ...]]:
    wanted = bindparam("ids", type_=ARRAY(ChunkRow.id.type))
    return select(ChunkRow.heading_path, ChunkRow.text).where(
        ChunkRow.id == any_(wanted), ChunkRow.searchable
    )


_TEXTS = Statement(_texts)


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
