"""Which documents are stored just as they come, told without a row of them being sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from store.types import DocumentStatus, Origin


@dataclass(frozen=True)
class Look:
    """What a document that comes is compared by."""

    source: str
    sha256: str
    title: str
    media_type: str
    metadata: Mapping[str, Any]


# A subquery for each document, so that each is looked up in the index of sources, whatever the planner
# believes of the table's size.
_DIFFERING = text(
    """
    SELECT c.number FROM jsonb_to_recordset(CAST(:looks AS jsonb)) AS c(
        number int, source text, sha256 text, title text, media_type text, metadata jsonb)
    WHERE NOT coalesce((
        SELECT d.sha256 = c.sha256 AND d.title = c.title AND d.media_type = c.media_type
            AND d.origin = :origin
            AND (d.metadata = c.metadata OR d.metadata - CAST(:besides AS text) = c.metadata)
        FROM documents d
        WHERE d.corpus_id = :corpus_id AND d.source = c.source AND d.status <> :removed), false)
    ORDER BY c.number
    """
)


def differing(
    session: Session, corpus_id: int, looks: Sequence[Look], origin: Origin, *, besides: str | None
) -> list[int]:
    """The numbers, from 0, of the documents that the corpus has not, or not with just this.

    `besides` is a field that the stored metadata may have more; None: there is none.
    """
    if not looks:
        return []
    numbered = [{"number": number, **vars(look)} for number, look in enumerate(looks)]
    given = {
        "looks": json.dumps(numbered, ensure_ascii=False),
        "corpus_id": corpus_id,
        "origin": origin,
        "removed": DocumentStatus.REMOVED,
        "besides": besides,
    }
    return list(session.scalars(_DIFFERING, given))
