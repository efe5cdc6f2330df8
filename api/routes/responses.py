"""The log of questions and answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from api.audit import by_key
from api.auth import Caller, Parts, ReaderKey, allows
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged, jsonl
from api.refusals import RoleError
from api.schemas.fields import Text
from api.schemas.log import ListedResponseView, ResponsesView, ResponseView
from api.schemas.queries import FaultView, FieldView, QueryView, TermView
from store import conversations, scores
from store.errors import InvalidCursorError, UnknownResponseError
from store.positions import Batch
from store.postgres import plan_each_time
from store.response_order import PATTERN as ORDERS
from store.response_order import ResponseOrder
from store.response_query import FIELDS, QueryError, parse
from store.responses import Response as LoggedResponse
from store.responses import ResponseFilter, ResponseSummary
from store.types import Role, Verb
from store.visibility import may_see_response

router = APIRouter(prefix="/v1/responses", tags=["responses"], responses=OF_EVERY_ROUTE)


WHOLE_PER_FETCH = 20
"""A response with all its hits is some ten kilobytes."""


def wanted_responses(
    *,
    key: ReaderKey,
    user: Annotated[Text | None, Query(description="who asked")] = None,
    corpus: Annotated[Text | None, Query(description="which corpus was asked")] = None,
    session_id: Annotated[UUID | None, Query(description="in which conversation")] = None,
    model: Annotated[Text | None, Query(description="which generator answered")] = None,
    abstained: Annotated[bool | None, Query(description="whether there was no answer")] = None,
    since: Annotated[datetime | None, Query(description="asked then or later; without a zone: UTC")] = None,
    until: Annotated[datetime | None, Query(description="asked before then")] = None,
    text: Annotated[Text | None, Query(description="in question or answer, in any case")] = None,
    q: Annotated[
        Text, Query(description="a query, such as `abstained:true since:7d`", max_length=2_000)
    ] = "",
) -> ResponseFilter:
    """Which responses a request is about, as far as its key may see them."""
    return ResponseFilter(
        user=whose(key, user),
        corpus=corpus,
        session_id=session_id,
        model=model,
        abstained=abstained,
        since=since,
        until=until,
        text=text,
        terms=parse(q),
        reader=key.reader,
    )


Wanted = Annotated[ResponseFilter, Depends(wanted_responses)]


@router.get(
    "",
    summary="List responses",
    response_model=ResponsesView,
    responses={**AS_JSONL, **problems(InvalidCursorError, QueryError)},
)
def list_responses(
    parts: Parts,
    wanted: Wanted,
    paging: Paged,
    order: Annotated[
        str,
        Query(
            description="`newest`, or `probability`, `latency` or `score.NAME`, the lowest first and without "
            "responses that have no such figure; `-` before it puts the highest first",
            pattern=ORDERS,
        ),
    ] = "newest",
) -> Any:
    """What was asked and answered, newest first if you do not say otherwise.

    Readers and contributors see what they asked themselves; reviewers and administrators see everything.
    """

    def fetch(after: str | None, limit: int) -> Batch[ListedResponseView]:
        with parts.database.transaction() as session:
            plan_each_time(session)
            page = conversations.list_responses(
                session, wanted, after=after, limit=limit, order=ResponseOrder.of(order)
            )
            given = scores.values_of(session, [found.id for found in page.responses])
        return Batch([ListedResponseView.of(found, given[found.id]) for found in page.responses], page.next)

    filters = vars(wanted) | {"order": order}
    return paging.give(
        "responses", filters, fetch, lambda views, cursor: ResponsesView(responses=views, next=cursor)
    )


@router.get("/query", summary="Explain a query")
def explain_query(key: ReaderKey, q: Annotated[Text, Query(max_length=2_000)] = "") -> QueryView:
    """What a query for responses says, term by term, or where and why it cannot be used; and all fields."""
    fields = [FieldView.model_validate(field) for field in FIELDS.values()]
    try:
        terms = [TermView.model_validate(term) for term in parse(q)]
    except QueryError as error:
        return QueryView(terms=[], fault=FaultView.model_validate(error), fields=fields)
    return QueryView(terms=terms, fault=None, fields=fields)


@router.get("/export", summary="Export responses", response_class=Response, responses=AS_JSONL)
def export_responses(parts: Parts, key: ReaderKey, wanted: Wanted) -> Any:
    """Responses with everything that made them, newest first, as JSON Lines; filters are the list's."""
    with parts.database.transaction() as session:
        by_key(session, key, "responses.export", "responses", told(wanted))

    def fetch(after: str | None, limit: int) -> Batch[ResponseView]:
        with parts.database.transaction() as session:
            plan_each_time(session)
            page = conversations.list_responses(
                session, wanted, after=after, limit=min(limit, WHOLE_PER_FETCH)
            )
            return Batch(whole_responses(session, page.responses), page.next)

    return jsonl(fetch)


@router.get("/{response_id}", summary="Show a response", responses=problems(UnknownResponseError))
def show_response(response_id: UUID, parts: Parts, key: ReaderKey) -> ResponseView:
    """One response with everything that made it: hits, scores, citations, timings, parameters."""
    with parts.database.transaction() as session:
        response = conversations.get_response(session, response_id)
        check_may_see(session, key, response)
    return ResponseView.of(response)


def told(wanted: ResponseFilter) -> dict[str, str]:
    """What narrows an export, for the audit log; words that were looked for may be those of a question."""
    fields = {name: str(value) for name, value in vars(wanted).items() if value is not None}
    terms = " ".join(sorted({term.field for term in wanted.terms}))
    return {name: value for name, value in fields.items() if name not in ("text", "terms", "reader")} | {
        "q": terms
    }


def whose(key: Caller, user: str | None) -> str | None:
    """Whose log entries a caller gets who asks for those of `user`; None is everybody's.

    Raises:
        RoleError: The key's role does not allow to see what others asked.
    """
    if reviews(key):
        return user
    if user not in (None, key.user):
        raise RoleError(key.role, Role.REVIEWER, "Seeing what others asked")
    return key.user


def reviews(key: Caller) -> bool:
    """Whether a caller may see what others asked, as far as documents are not hidden from it."""
    return allows(key.role, Role.REVIEWER) and Verb.REVIEW in key.verbs


def check_may_see(session: Session, key: Caller, response: LoggedResponse) -> None:
    """See to it that a response is the caller's, or the caller a reviewer who may see all that it is made of.

    Raises:
        UnknownResponseError: It is not: that there is one is nobody else's business.
    """
    is_own = response.summary.user == key.user
    if not (is_own or reviews(key)) or not may_see_response(session, response.summary.id, key.reader):
        raise UnknownResponseError(response.summary.id)


def whole_responses(session: Session, found: Sequence[ResponseSummary]) -> list[ResponseView]:
    """Logged responses with everything that made them."""
    return [ResponseView.of(conversations.get_response(session, summary.id)) for summary in found]
