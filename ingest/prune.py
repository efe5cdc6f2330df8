"""What a job that prunes takes out: stored documents whose files are gone."""

from itertools import islice

from ingest.inputs import Scope
from ingest.job_rows import is_damaged
from store import documents, job_documents
from store.job_types import Job
from store.postgres import Database
from store.types import DocumentSource
from store.visibility import Reader

SOURCES_AT_ONCE = 1_000


def unseen(database: Database, job: Job, scope: Scope, sender: Reader | None) -> list[DocumentSource]:
    """Returns what lies under a path and the job did not see, but nothing of what could not be read whole.

    What others stored or changed since the job was made is left out: they saw the files later than the job
    did. So is a duplicate that took its original's place meanwhile; the next run removes it.
    """
    gone: list[DocumentSource] = []
    with database.snapshot() as session:
        damage = job_documents.damaged(session, job.id)
        under = documents.sources_under(
            session, job.corpus_id or 0, [scope.prefix], updated_before=job.started_at, reader=sender
        )
        while part := list(islice(under, SOURCES_AT_ONCE)):
            seen = job_documents.of_sources(session, job.id, [found.source for found in part])
            gone += [
                found
                for found in part
                if (found.source, 0) not in seen
                and scope.covers(found.source)
                and not is_damaged(found.source, damage)
            ]
    return gone
