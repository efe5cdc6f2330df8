"""The log of what was asked and answered, with everything that made each answer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Select, insert, select
from sqlalchemy.orm import Session

from store import response_writes, users
from store.errors import UnknownResponseError, UnknownSessionError
from store.evaluations import Evaluation, ensure_definitions, with_values
from store.response_order import ResponseOrder, places, written
from store.response_query import Meanings, Term, compile_terms, with_id
from store.responses import (
    NewResponse,
    Response,
    ResponseCitation,
    ResponseFilter,
    ResponseHit,
    ResponsePage,
    ResponseSummary,
)
from store.sealed_log import (
    ResponseContent,
    gives_few,
    holds_text,
    open_response,
)
from store.tables import (
    CorpusRow,
    ResponseCitationRow,
    ResponseHitRow,
    ResponseRow,
    ScoreDefinitionRow,
    SessionRow,
    UserRow,
    among,
)
from store.visibility import response_open, response_visible


def open_session(session: Session, user: str, corpus_id: int | None) -> UUID:
    """Begin a conversation of a user, who is made if unknown; returns its id.

    A corpus that was deleted meanwhile is left out, as in the conversations from before.
    """
    session_id = uuid4()
    user_id = users.ensure(session, user)
    corpus_id = _if_there(session, corpus_id)
    session.execute(insert(SessionRow).values(id=session_id, user_id=user_id, corpus_id=corpus_id))
    return session_id


def resume_session(session: Session, session_id: UUID, user: str) -> UUID:
    """Go on with a conversation of this user; returns its id.

    Raises:
        UnknownSessionError: There is none, or it is someone else's.
    """
    owner = (
        select(UserRow.name)
        .join(SessionRow, SessionRow.user_id == UserRow.id)
        .where(SessionRow.id == session_id)
    )
    if session.scalars(owner).one_or_none() != user:
        raise UnknownSessionError(session_id, user)
    return session_id


def record_response(session: Session, response: NewResponse, evaluations: Sequence[Evaluation] = ()) -> UUID:
    """Write a response with its hits and citations, and what our evaluators say of it; returns its id.

    A corpus that was deleted meanwhile is left out, as in the responses from before. A user, or the
    definition of a score, that is not there yet is made.
    """
    known = with_values(evaluations)
    if not response_writes.write(session, response, known):
        users.ensure(session, response.user)
        ensure_definitions(session, known)
        recorded = response_writes.write(session, response, known)
        assert recorded, "what a response needs was just made"
    return response.id


def get_response(session: Session, response_id: UUID) -> Response:
    """A logged response, whole.

    Raises:
        UnknownResponseError: There is none.
    """
    whole = select_responses().add_columns(
        ResponseRow.index_position, ResponseRow.body, ResponseRow.parameters, ResponseRow.timings_ms
    )
    row = session.execute(whole.where(ResponseRow.id == response_id)).one_or_none()
    if row is None:
        raise UnknownResponseError(response_id)
    content, citations = open_response(session, row), _citations(session, response_id)
    if content is not None:
        citations = tuple(
            replace(citation, quote=quote) for citation, quote in zip(citations, content.quotes, strict=True)
        )
    return Response(
        summary=_to_summary(row, content),
        index_position=row.index_position,
        body=row.body if content is None else content.body,
        parameters=row.parameters if content is None else content.parameters,
        timings_ms=row.timings_ms,
        hits=_hits(session, response_id),
        citations=citations,
    )


def list_responses(
    session: Session,
    filter: ResponseFilter,
    *,
    after: str | None,
    limit: int,
    order: ResponseOrder = ResponseOrder(),  # noqa: B008 - it is frozen
) -> ResponsePage:
    """A page of at most `limit` logged responses, newest first; `after` is the cursor of the page before.

    Raises:
        InvalidCursorError: `after` is no such cursor.
    """
    conditions = _conditions(session, filter)
    found = places(session, conditions, order, reader=filter.reader, after=after, limit=limit + 1)
    listed = summaries_of(session, [place.id for place in found[:limit]])
    return ResponsePage(listed, written(found[limit - 1], order) if len(found) > limit else None)


def summaries_of(session: Session, ids: Sequence[UUID]) -> tuple[ResponseSummary, ...]:
    """What lists show of these responses, in their order; those that were erased are left out."""
    rows = session.execute(select_responses().where(among(ResponseRow.id, ids)))
    found = {row.id: to_summary(session, row) for row in rows}
    return tuple(found[id] for id in ids if id in found)


def matching(session: Session, filter: ResponseFilter) -> Select[UUID]:
    """Select the ids of the logged responses that a filter lets through, the newest first."""
    return (
        select(ResponseRow.id)
        .where(*_conditions(session, filter), response_visible(filter.reader))
        .order_by(ResponseRow.created_at.desc(), ResponseRow.id.desc())
    )


def newest(session: Session, filter: ResponseFilter) -> Select[*tuple[Any, ...]]:
    """Select what a filter lets through, the newest first, as far as `response_open` does.

    `response_shown` has still to look at those of the rows that are used.
    """
    return (
        select(
            ResponseRow.id,
            ResponseRow.user_id,
            ResponseRow.created_at,
            ResponseRow.answerable_probability.label("probability"),
        )
        .where(*_conditions(session, filter), response_open(filter.reader))
        .order_by(ResponseRow.created_at.desc(), ResponseRow.id.desc())
    )


def _if_there(session: Session, corpus_id: int | None) -> int | None:
    """The corpus's id, None if it was deleted; one that is there stays until the transaction ends."""
    kept = select(CorpusRow.id).where(CorpusRow.id == corpus_id).with_for_update(read=True, key_share=True)
    return session.scalar(kept)


def _conditions(session: Session, filter: ResponseFilter) -> list[ColumnElement[bool]]:
    exact = {
        ResponseRow.user_id: None if filter.user is None else with_id("user", filter.user),
        ResponseRow.corpus_id: None if filter.corpus is None else with_id("corpus", filter.corpus),
        ResponseRow.session_id: filter.session_id,
        ResponseRow.model: filter.model,
        ResponseRow.abstained: filter.abstained,
    }
    conditions: list[ColumnElement[bool]] = [
        column == value for column, value in exact.items() if value is not None
    ]
    if filter.since is not None:
        conditions.append(ResponseRow.created_at >= filter.since)
    if filter.until is not None:
        conditions.append(ResponseRow.created_at < filter.until)
    if filter.text is not None:
        conditions.append(holds_text(session, filter.text))
    return [*conditions, *_stated(session, filter.terms)]


def _stated(session: Session, terms: Sequence[Term]) -> list[ColumnElement[bool]]:
    def definition_of(name: str) -> UUID | None:
        return session.scalar(select(ScoreDefinitionRow.id).where(ScoreDefinitionRow.name == name))

    means = Meanings(
        lambda text: holds_text(session, text), definition_of, lambda rows: gives_few(session, rows)
    )
    return compile_terms(terms, means)


def _hits(session: Session, response_id: UUID) -> tuple[ResponseHit, ...]:
    rows = session.execute(
        select(
            ResponseHitRow.chunk_id,
            ResponseHitRow.keyword,
            ResponseHitRow.vector,
            ResponseHitRow.fused,
            ResponseHitRow.rerank,
        )
        .where(ResponseHitRow.response_id == response_id)
        .order_by(ResponseHitRow.rank)
    )
    return tuple(ResponseHit(*row) for row in rows)


def _citations(session: Session, response_id: UUID) -> tuple[ResponseCitation, ...]:
    rows = session.execute(
        select(
            ResponseCitationRow.document_id,
            ResponseCitationRow.document_version,
            ResponseCitationRow.chunk_id,
            ResponseCitationRow.start_offset,
            ResponseCitationRow.end_offset,
            ResponseCitationRow.quote,
            ResponseCitationRow.answer_start,
            ResponseCitationRow.answer_end,
        )
        .where(ResponseCitationRow.response_id == response_id)
        .order_by(ResponseCitationRow.ordinal)
    )
    return tuple(ResponseCitation(*row) for row in rows)


def select_responses() -> Select[*tuple[Any, ...]]:
    """Select logged responses, without what `get_response` adds; `to_summary` reads their rows."""
    return (
        select(
            ResponseRow.id,
            ResponseRow.session_id,
            UserRow.name.label("user"),
            CorpusRow.name.label("corpus"),
            ResponseRow.question,
            ResponseRow.answer,
            ResponseRow.abstained,
            ResponseRow.abstain_reason,
            ResponseRow.answerable_probability,
            ResponseRow.model,
            ResponseRow.created_at,
            ResponseRow.parent_id,
            ResponseRow.total_ms,
            ResponseRow.sealed,
            ResponseRow.data_key_id,
        )
        .join(UserRow, UserRow.id == ResponseRow.user_id)
        .outerjoin(CorpusRow, CorpusRow.id == ResponseRow.corpus_id)
    )


def to_summary(session: Session, row: Row[*tuple[Any, ...]]) -> ResponseSummary:
    """The response in a row of `select_responses`."""
    return _to_summary(row, open_response(session, row))


def _to_summary(row: Row[*tuple[Any, ...]], content: ResponseContent | None) -> ResponseSummary:
    summary = ResponseSummary(*row[:13])
    if content is None:
        return summary
    return replace(summary, question=content.question, answer=content.answer)
