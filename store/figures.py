"""How things stand, in numbers: for those who watch over a server."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, case, func, not_, select
from sqlalchemy.orm import Session

from store.job_types import JobStatus
from store.jobs import HELD
from store.tables import IndexLogRow, JobRow


@dataclass(frozen=True)
class IndexState:
    """How far an index of this process is."""

    corpus_id: int
    position: int
    """The sequence number of the index log up to which it has all changes."""
    behind_s: float
    """Seconds since it last had all that was committed."""


def jobs_by_status(session: Session) -> Mapping[JobStatus, int]:
    """How many jobs are in each status; those whose process died count as interrupted."""
    dead = and_(JobRow.status == JobStatus.RUNNING, not_(HELD))
    status = case((dead, JobStatus.INTERRUPTED), else_=JobRow.status).label("status")
    counted = dict.fromkeys(JobStatus, 0)
    for name, count in session.execute(select(status, func.count()).group_by(status)):
        counted[JobStatus(name)] = count
    return counted


def changes_after(session: Session, state: IndexState) -> int:
    """How many changes of its corpus an index does not have yet."""
    statement = select(func.count()).where(
        IndexLogRow.corpus_id == state.corpus_id, IndexLogRow.sequence > state.position
    )
    return session.scalar(statement) or 0
