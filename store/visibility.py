"""What may be seen by whom, as conditions that every read of documents and of the log carries.

A corpus is open to all users of the installation, or restricted to those it was granted to. A document may
have a list of its own: then only those on it, and the managers of its corpus, can see it. All conditions are
worked out by PostgreSQL for each statement, so a right that is taken away is gone for the next one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from store.tables import (
    ChunkRow,
    CorpusRow,
    DocumentReaderRow,
    DocumentRow,
    GrantRow,
    JobRow,
    MemberRow,
    ResponseCitationRow,
    ResponseHitRow,
    ResponseRow,
    SessionRow,
    among,
)
from store.types import Level

MOST_HIDDEN = 5_000
"""So many documents are hidden by their ids at most, more by their lists."""


@dataclass(frozen=True)
class Reader:
    """On whose behalf something is read; where a reader is None, on that of the program itself.

    `sees_all` is an administrator, whom no list keeps out; `corpora` are the ids of those that the key is
    held to, None: all. The rest is what `looked_up` found, None: each statement looks it up.
    """

    user_id: UUID
    sees_all: bool = False
    corpora: frozenset[int] | None = None
    groups: frozenset[UUID] | None = None
    """In which it is."""
    visible: frozenset[int] | None = None
    """The ids of the corpora that it may know of."""
    hidden: frozenset[UUID] | None = None
    """The ids of the documents whose own lists keep it out."""


def looked_up(session: Session, reader: Reader | None) -> Reader | None:
    """The same reader for the statements of this snapshot alone, with what they would look up each.

    PostgreSQL counts in several processes only where nothing has to be looked up for a row. Of more than
    `MOST_HIDDEN` documents the ids are left out.
    """
    if reader is None or reader.sees_all:
        return reader
    groups = session.scalars(select(MemberRow.group_id).where(MemberRow.user_id == reader.user_id))
    known = replace(reader, groups=frozenset(groups))
    visible = frozenset(session.scalars(visible_corpora(known)))
    hidden = session.scalars(
        select(DocumentRow.id).where(document_hidden(known)).limit(MOST_HIDDEN + 1)
    ).all()
    return replace(known, visible=visible, hidden=frozenset(hidden) if len(hidden) <= MOST_HIDDEN else None)


def corpus_visible(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `CorpusRow` that the reader may know of it."""
    if reader is None:
        return true()
    inside = true() if reader.corpora is None else among(CorpusRow.id, sorted(reader.corpora))
    if reader.sees_all:
        return inside
    granted = exists().where(GrantRow.corpus_id == CorpusRow.id, _names(GrantRow, reader))
    return and_(inside, or_(not_(CorpusRow.restricted), granted))


def visible_corpora(reader: Reader | None) -> Select[int]:
    """The ids of the corpora that the reader may know of."""
    # Also where the statement around it reads corpora: these are others.
    return select(CorpusRow.id).where(corpus_visible(reader)).correlate(None)


def document_visible(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `DocumentRow` that the reader may see the document."""
    if reader is None or (reader.sees_all and reader.corpora is None):
        return true()
    inside = DocumentRow.corpus_id.in_(visible_corpora(reader))
    return inside if reader.sees_all else and_(inside, not_(document_hidden(reader)))


def document_hidden(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `DocumentRow` that its own list keeps the reader out, whatever its corpus says."""
    if reader is None or reader.sees_all:
        return not_(true())
    if reader.hidden is not None:
        return among(DocumentRow.id, sorted(reader.hidden))
    listed = exists().where(
        DocumentReaderRow.document_id == DocumentRow.id, _names(DocumentReaderRow, reader)
    )
    manages = exists().where(
        GrantRow.corpus_id == DocumentRow.corpus_id,
        GrantRow.level == Level.MANAGE,
        _names(GrantRow, reader),
    )
    return and_(DocumentRow.restricted, not_(or_(listed, manages)))


def hides(session: Session, corpus_id: int, reader: Reader | None) -> bool:
    """Whether something in a corpus that the reader may know of is hidden from it."""
    if reader is None or reader.sees_all:
        return False
    hidden = exists().where(DocumentRow.corpus_id == corpus_id, document_hidden(reader))
    return bool(session.scalar(select(hidden)))


def hidden_sources(
    session: Session, corpus_id: int, sources: Sequence[str], reader: Reader | None
) -> set[str]:
    """Those of the sources whose documents, removed ones too, are hidden from the reader."""
    if reader is None or reader.sees_all:
        return set()
    statement = select(DocumentRow.source).where(
        DocumentRow.corpus_id == corpus_id,
        among(DocumentRow.source, list(sources)),
        document_hidden(reader),
    )
    return set(session.scalars(statement))


def hidden_documents(session: Session, documents: Collection[UUID], reader: Reader | None) -> set[UUID]:
    """Those of the documents that the reader may not see; those that are gone are not among them."""
    if not documents or reader is None:
        return set()
    statement = select(DocumentRow.id).where(
        among(DocumentRow.id, list(documents)), not_(document_visible(reader))
    )
    return set(session.scalars(statement))


def all_visible(session: Session, documents: Sequence[UUID], reader: Reader | None) -> bool:
    """Whether the reader may see every one of these documents; those that are gone do not count."""
    return not hidden_documents(session, documents, reader)


def response_visible(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `ResponseRow`: the reader asked itself, or may see all that was found and cited."""
    return and_(response_open(reader), *(not_(each.exists()) for each in _hidden_parts(reader, ResponseRow)))


def response_open(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `ResponseRow` that neither the reader's key nor the corpus keeps it from the reader.

    What was found or cited may: `response_shown` tells.
    """
    if reader is None:
        return true()
    inside = _held_to(reader, ResponseRow)
    if reader.sees_all:
        return inside
    is_own = ResponseRow.user_id == reader.user_id
    if reader.visible is not None:
        return and_(inside, or_(is_own, among(ResponseRow.corpus_id, sorted(reader.visible))))
    return and_(inside, or_(is_own, ResponseRow.corpus_id.in_(visible_corpora(reader))))


def response_shown(reader: Reader | None, row: Any) -> ColumnElement[bool] | None:
    """The condition on a row with a response's `id` and `user_id` that no part of it is hidden.

    It is worked out for one row after the other, which is best for those of a page: OFFSET keeps PostgreSQL
    from gathering all that is hidden first. None: nothing is hidden from this reader.
    """
    parts = _hidden_parts(reader, row)
    return and_(*(not_(each.offset(0).exists()) for each in parts)) if parts else None


def all_shown(reader: Reader | None, row: Any) -> ColumnElement[bool]:
    """The same condition as `response_shown` for very many rows: all that is hidden is gathered once."""
    if reader is None or reader.sees_all or reader.hidden == frozenset():
        return true()
    # DISTINCT tells PostgreSQL that a search among them is short: it would expect few different ones.
    touched = union_all(*_with_hidden(reader)).subquery("touched")
    hidden = select(touched.c.response_id).distinct().subquery("hidden")
    withheld = exists().where(hidden.c.response_id == row.id, row.user_id != reader.user_id)
    return not_(withheld.correlate(_around(row)))


def withheld(session: Session, responses: FromClause, reader: Reader | None) -> list[UUID]:
    """The ids of those of the responses of which something is hidden from the reader.

    All that is hidden is gathered once: for thousands of responses.

    Args:
        session: what asks.
        responses: with the `id` and `user_id` of each.
        reader: who looks.
    """
    if reader is None or reader.sees_all or reader.hidden == frozenset():
        return []
    # OFFSET keeps PostgreSQL from looking for each of the responses in each of the hidden documents.
    touched = union_all(*_with_hidden(reader)).offset(literal_column("'0'")).subquery("touched")
    statement = (
        select(responses.c.id)
        .join(touched, touched.c.response_id == responses.c.id)
        .where(responses.c.user_id != reader.user_id)
        .distinct()
    )
    return list(session.scalars(statement))


def _hidden_parts(reader: Reader | None, row: Any) -> list[Select[*tuple[Any, ...]]]:
    """What was found for a response of somebody else, or is cited by it, and is hidden from the reader."""
    if reader is None or reader.sees_all:
        return []
    of_others = row.user_id != reader.user_id
    return [
        each.where(each.selected_columns.response_id == row.id, of_others).correlate(_around(row))
        for each in _with_hidden(reader)
    ]


def _with_hidden(reader: Reader) -> list[Select[*tuple[Any, ...]]]:
    """The ids of responses for which something was found, or which cite something, that is hidden."""
    hidden = document_hidden(reader)
    found = (
        select(ResponseHitRow.response_id)
        .join(ChunkRow, ChunkRow.id == ResponseHitRow.chunk_id)
        .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
    )
    cited = select(ResponseCitationRow.response_id).join(
        DocumentRow, DocumentRow.id == ResponseCitationRow.document_id
    )
    return [found.where(hidden), cited.where(hidden)]


def _around(row: Any) -> Any:
    return row if row is ResponseRow else row.id.table


def visible_responses(reader: Reader | None) -> Select[UUID]:
    """The ids of the responses that the reader may see."""
    return select(ResponseRow.id).where(response_visible(reader)).correlate(None)


def may_see_response(session: Session, response_id: UUID, reader: Reader | None) -> bool:
    """Whether there is such a response, and the reader may see it."""
    statement = select(exists().where(ResponseRow.id == response_id, response_visible(reader)))
    return bool(session.scalar(statement))


def session_visible(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `SessionRow`: the reader's own, or one of whose responses none is withheld from it."""
    if reader is None:
        return true()
    inside = _held_to(reader, SessionRow)
    if reader.sees_all:
        return inside
    withheld = (
        select(literal(1))
        .select_from(ResponseRow)
        .where(ResponseRow.session_id == SessionRow.id, not_(response_visible(reader)))
        .correlate(SessionRow)
    )
    known = or_(SessionRow.corpus_id.is_(None), SessionRow.corpus_id.in_(visible_corpora(reader)))
    return and_(inside, or_(SessionRow.user_id == reader.user_id, and_(known, not_(withheld.exists()))))


def may_see_session(session: Session, session_id: UUID, reader: Reader | None) -> bool:
    """Whether there is such a session, and the reader may see it."""
    statement = select(exists().where(SessionRow.id == session_id, session_visible(reader)))
    return bool(session.scalar(statement))


def job_visible(reader: Reader | None) -> ColumnElement[bool]:
    """The condition on `JobRow`.

    Jobs tell the names of documents and count them. So where documents of a corpus have lists of their own,
    its jobs are shown to those who made them and to its managers only.
    """
    if reader is None:
        return true()
    inside = JobRow.corpus_id.in_(visible_corpora(reader))
    if reader.sees_all:
        return inside if reader.corpora is not None else true()
    lists = exists().where(DocumentRow.corpus_id == JobRow.corpus_id, DocumentRow.restricted)
    manages = exists().where(
        GrantRow.corpus_id == JobRow.corpus_id, GrantRow.level == Level.MANAGE, _names(GrantRow, reader)
    )
    return and_(inside, or_(JobRow.user_id == reader.user_id, manages, not_(lists)))


def _held_to(reader: Reader, row: type[ResponseRow] | type[SessionRow]) -> ColumnElement[bool]:
    return true() if reader.corpora is None else among(row.corpus_id, sorted(reader.corpora))


def _names(row: type[GrantRow] | type[DocumentReaderRow], reader: Reader) -> ColumnElement[bool]:
    """The condition that an entry of a list names the reader, or a group that the reader is in."""
    if reader.groups is not None:
        return or_(row.user_id == reader.user_id, among(row.group_id, sorted(reader.groups)))
    groups = select(MemberRow.group_id).where(MemberRow.user_id == reader.user_id)
    return or_(row.user_id == reader.user_id, row.group_id.in_(groups))
