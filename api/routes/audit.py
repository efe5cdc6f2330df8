"""The audit log, for administrators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import audit as acts
from api.auth import AdministratorKey, Parts
from api.errors import OF_EVERY_ROUTE, problems
from api.paging import AS_JSONL, Paged
from api.schemas.audit import ActsView, ActView
from api.schemas.fields import Text
from store import audit
from store.audit import ActFilter
from store.errors import InvalidCursorError
from store.positions import Batch

router = APIRouter(prefix="/v1/audit", tags=["audit"], responses=OF_EVERY_ROUTE)


@router.get(
    "",
    summary="List the audit log",
    response_model=ActsView,
    responses={**AS_JSONL, **problems(InvalidCursorError)},
)
def list_acts(
    *,
    parts: Parts,
    key: AdministratorKey,
    paging: Paged,
    actor: Annotated[Text | None, Query(description="who did it")] = None,
    action: Annotated[Text | None, Query(description="what was done; `key` is all that begins so")] = None,
    since: Annotated[datetime | None, Query(description="done then or later; without a zone: UTC")] = None,
    until: Annotated[datetime | None, Query(description="done before then")] = None,
) -> Any:
    """Who did what, the newest first. Rows are chained by their hashes: `rag audit verify` checks them.

    To take the log away as JSON Lines is an act of its own.
    """
    wanted = ActFilter(actor, action, since, until)
    if paging.whole:
        with parts.database.transaction() as session:
            acts.by_key(session, key, "audit.export", "audit")

    def fetch(after: str | None, limit: int) -> Batch[ActView]:
        with parts.database.transaction() as session:
            batch = audit.page(session, wanted, after=after, limit=limit)
        return Batch([ActView.model_validate(act) for act in batch.items], batch.next)

    return paging.give("audit", vars(wanted), fetch, lambda views, cursor: ActsView(acts=views, next=cursor))
