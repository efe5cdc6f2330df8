"""Requests that their senders named, so that one which is sent twice is done once."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import RequestReusedError, RequestRunningError
from store.tables import IdempotentRequestRow as Row

KEPT_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=10)
"""The process that works on a request may be killed: after this time another may begin anew."""


def claim(session: Session, key_id: UUID, name: str, fingerprint: str) -> UUID | bytes:
    """Begin a request of an API key, or find what it was answered with.

    Returns a claim, with which the result is stored (`complete`) or the request given up (`release`); or the
    result of the same request that was made earlier. Results are kept for `KEPT_FOR`.

    Raises:
        RequestReusedError: The name stands for a request with another fingerprint.
        RequestRunningError: The same request is being worked on.
    """
    session.execute(delete(Row).where(Row.created_at < func.now() - KEPT_FOR))
    mine = uuid4()
    statement = insert(Row).values(key_id=key_id, name=name, fingerprint=fingerprint, claim=mine)
    claimed = session.scalar(
        statement.on_conflict_do_update(
            index_elements=["key_id", "name"],
            set_={"claim": mine, "fingerprint": fingerprint, "created_at": func.now()},
            where=Row.result.is_(None) & (Row.created_at < func.now() - ABANDONED_AFTER),
        ).returning(Row.claim)
    )
    if claimed is not None:
        return mine
    earlier = session.execute(
        select(Row.fingerprint, Row.result).where(Row.key_id == key_id, Row.name == name)
    ).one_or_none()
    if earlier is not None and earlier.fingerprint != fingerprint:
        raise RequestReusedError(name)
    if earlier is None or earlier.result is None:
        raise RequestRunningError(name)
    return bytes(earlier.result)


def complete(session: Session, claimed: UUID, key_id: UUID, name: str, result: bytes) -> None:
    """Store what a request was answered with, unless another took it over meanwhile."""
    session.execute(
        update(Row)
        .where(Row.key_id == key_id, Row.name == name, Row.claim == claimed)
        .values(result=result)
        .execution_options(synchronize_session=False)
    )


def release(session: Session, claimed: UUID, key_id: UUID, name: str) -> None:
    """Give up a request that made nothing, so that it can be sent again."""
    session.execute(
        delete(Row).where(Row.key_id == key_id, Row.name == name, Row.claim == claimed),
        execution_options={"synchronize_session": False},
    )
