"""The repository of paragraphs: how many documents of a corpus have each, and which one is indexed with it.

A document is counted once, when it is first stored; taking it out does not count back.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, not_, select, text
from sqlalchemy.orm import Session

from store.tables import DocumentRow, ParagraphRow, among
from store.types import DocumentStatus

DOCUMENTS = 0
"""The key under which the documents themselves are counted: no paragraph has it."""

# Arrays, as a statement of thousands of values costs more to be written and read than to be carried out.
_COUNT = text(
    """
    INSERT INTO paragraphs AS stored (corpus_id, key, documents, holder)
    SELECT :corpus_id, u.* FROM unnest(
        CAST(:keys AS bigint[]), CAST(:times AS int[]), CAST(:holders AS text[])) AS u
    ON CONFLICT (corpus_id, key) DO UPDATE SET
        documents = stored.documents + excluded.documents, holder = excluded.holder
    """
)


@dataclass(frozen=True)
class Repeated:
    """How many documents have a paragraph, and the source of the one that is indexed with it.

    `holder` is None where that document is not indexed any more.
    """

    documents: int
    holder: str | None


def known(session: Session, corpus_id: int, keys: Sequence[int]) -> dict[int, Repeated]:
    """What is known of these paragraphs, by key; those that no document has are left out."""
    rows = session.execute(
        select(ParagraphRow.key, ParagraphRow.documents, DocumentRow.source)
        .outerjoin(
            DocumentRow,
            and_(
                DocumentRow.corpus_id == ParagraphRow.corpus_id,
                DocumentRow.source == ParagraphRow.holder,
                DocumentRow.status == DocumentStatus.CURRENT,
                not_(DocumentRow.restricted),
            ),
        )
        .where(ParagraphRow.corpus_id == corpus_id, among(ParagraphRow.key, keys))
    )
    return {row.key: Repeated(row.documents, row.source) for row in rows}


def count_documents(session: Session, corpus_id: int) -> int:
    """How many documents of the corpus were counted."""
    statement = select(ParagraphRow.documents).where(
        ParagraphRow.corpus_id == corpus_id, ParagraphRow.key == DOCUMENTS
    )
    return session.scalar(statement) or 0


def count(
    session: Session, corpus_id: int, counted: Sequence[Iterable[int]], holders: Mapping[int, str]
) -> None:
    """Count new documents, each by the keys of its paragraphs, and note who holds which paragraph."""
    times = Counter(key for keys in counted for key in keys)
    times[DOCUMENTS] = len(counted)
    keys = sorted({*times, *holders})
    session.execute(
        _COUNT,
        {
            "corpus_id": corpus_id,
            "keys": keys,
            "times": [times[key] for key in keys],
            "holders": [holders.get(key) for key in keys],
        },
    )


def erase(session: Session, corpus_id: int, keys: Sequence[int]) -> None:
    """Forget these paragraphs."""
    session.execute(
        delete(ParagraphRow)
        .where(ParagraphRow.corpus_id == corpus_id, among(ParagraphRow.key, keys))
        .execution_options(synchronize_session=False)
    )
