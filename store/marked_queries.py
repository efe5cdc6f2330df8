"""Questions for which reviewers marked, with a corrected answer, where in the documents it stands."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.sealed_log import open_response
from store.tables import CorrectionRow, ResponseRow


@dataclass(frozen=True)
class MarkedQuery:
    """A query as it was sent to the indexes, and the documents in which reviewers marked its answer."""

    query: str
    documents: frozenset[UUID]


def marked_queries(session: Session, corpus_id: int) -> list[MarkedQuery]:
    """Return the marked queries of a corpus, each once, in the order of their first corrections.

    Corrections that were superseded, or that mark nothing, do not count.

    Raises:
        EncryptionKeyError: The log is sealed, and there is no key, or it is another.
    """
    statement = (
        select(
            ResponseRow.id,
            ResponseRow.question,
            ResponseRow.body,
            ResponseRow.sealed,
            ResponseRow.data_key_id,
            CorrectionRow.spans,
        )
        .join(CorrectionRow, CorrectionRow.response_id == ResponseRow.id)
        .where(ResponseRow.corpus_id == corpus_id, CorrectionRow.superseded_at.is_(None))
        .order_by(CorrectionRow.created_at, CorrectionRow.id)
    )
    found: dict[str, set[UUID]] = {}
    for row in session.execute(statement):
        marked = {UUID(span["document_id"]) for span in row.spans}
        if not marked:
            continue
        content = open_response(session, row)
        question, body = (row.question, row.body) if content is None else (content.question, content.body)
        found.setdefault(body.get("query") or question, set()).update(marked)
    return [MarkedQuery(query, frozenset(documents)) for query, documents in found.items()]
