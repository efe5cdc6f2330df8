"""Files that were sent for a job: kept in the database, where any process finds them, until they are read."""

from typing import IO
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.tables import JobUploadRow

_PART_BYTES = 1_000_000


def put(session: Session, job_id: UUID, file: int, content: IO[bytes]) -> int:
    """Keep a file under its number; returns its size in bytes."""
    size = part = 0
    while data := content.read(_PART_BYTES):
        session.execute(insert(JobUploadRow).values(job_id=job_id, file=file, part=part, content=data))
        size += len(data)
        part += 1
    return size


def fetch(session: Session, job_id: UUID, file: int, target: IO[bytes]) -> None:
    """Write a kept file; one that is not kept any more is empty."""
    parts = session.scalars(
        select(JobUploadRow.content)
        .where(JobUploadRow.job_id == job_id, JobUploadRow.file == file)
        .order_by(JobUploadRow.part)
        .execution_options(yield_per=1)
    )
    for content in parts:
        target.write(content)


def drop(session: Session, job_id: UUID) -> None:
    """Forget the files of a job."""
    session.execute(delete(JobUploadRow).where(JobUploadRow.job_id == job_id))
