"""Rate limits and quotas: allowances that fill up again all the time, shared by all servers of a database.

An allowance of 60 a minute holds 60 at most, and gains one each second. What is taken may go below nothing,
where its size is known only afterwards; then nothing can be taken until that is made up for.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import LimitReachedError
from store.tables import AllowanceRow as Row


class Limited(StrEnum):
    """What can be limited."""

    REQUESTS = "requests per minute"
    ANSWERS = "answers per day"
    INGESTED_BYTES = "ingested bytes per day"

    @property
    def period_s(self) -> int:
        """After how long an empty allowance is full again."""
        return 60 if self is Limited.REQUESTS else 86_400


@dataclass(frozen=True)
class Standing:
    """What is left of an allowance, and in how many seconds it is full again."""

    limit: int
    left: int
    full_in_s: int


def take(session: Session, subject: str, kind: Limited, limit: int, amount: int = 1) -> Standing:
    """Take something from an allowance of `limit`.

    Args:
        session: commit it, also where nothing is done with what was taken.
        subject: whose allowance.
        kind: of what.
        limit: how much a full one holds.
        amount: how much; 0 only looks whether there is anything left.

    Raises:
        LimitReachedError: There is not one left; nothing was taken.
    """
    now = func.clock_timestamp()
    per_s = limit / kind.period_s
    grown = func.least(limit, Row.left + func.extract("epoch", now - Row.at) * per_s)
    statement = insert(Row).values(subject=subject, kind=kind, left=float(limit - amount), at=now)
    left = session.scalar(
        statement.on_conflict_do_update(
            index_elements=["subject", "kind"], set_={"left": grown - amount, "at": now}, where=grown >= 1
        ).returning(Row.left)
    )
    if left is None:
        left = session.scalars(select(grown).where(Row.subject == subject, Row.kind == kind)).one()
        raise LimitReachedError(kind.value, limit, max(1, math.ceil((1 - left) / per_s)))
    return Standing(limit, max(0, math.floor(left)), math.ceil((limit - left) / per_s))


def charge(session: Session, subject: str, kind: Limited, limit: int, amount: int) -> None:
    """Take something from an allowance that was used already, whatever is left."""
    now = func.clock_timestamp()
    grown = func.least(limit, Row.left + func.extract("epoch", now - Row.at) * (limit / kind.period_s))
    statement = insert(Row).values(subject=subject, kind=kind, left=float(limit - amount), at=now)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["subject", "kind"], set_={"left": grown - amount, "at": now}
        )
    )
