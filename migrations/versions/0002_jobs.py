"""Jobs that outlive their process, with a row for each document.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JOBS = """
ALTER TABLE jobs
    DROP CONSTRAINT ck_jobs_status,
    DROP CONSTRAINT ck_jobs_finished_at,
    ADD COLUMN wanted text NOT NULL DEFAULT 'run'
        CONSTRAINT ck_jobs_wanted CHECK (wanted IN ('run', 'pause', 'cancel')),
    ADD COLUMN request jsonb NOT NULL DEFAULT '{}'::jsonb,
    ADD COLUMN fingerprint text NOT NULL DEFAULT '',
    ADD COLUMN host text,
    ADD COLUMN owner uuid,
    ADD COLUMN interruptions integer NOT NULL DEFAULT 0,
    ADD COLUMN bytes_read bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes_total bigint NOT NULL DEFAULT 0,
    ADD COLUMN seconds double precision NOT NULL DEFAULT 0,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
UPDATE jobs SET status = 'failed', finished_at = now(),
    error = 'it was interrupted before jobs could be resumed; ingest the same again'
    WHERE status = 'running';
ALTER TABLE jobs
    ADD CONSTRAINT ck_jobs_status
        CHECK (status IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
    ADD CONSTRAINT ck_jobs_finished_at
        CHECK ((status IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL));
CREATE INDEX ix_jobs_newest ON jobs (started_at DESC, id DESC);
CREATE INDEX ix_jobs_unfinished ON jobs (corpus_id, fingerprint) WHERE status NOT IN ('done', 'cancelled')
"""

DOCUMENTS = """
CREATE TABLE job_documents (
    job_id      uuid NOT NULL CONSTRAINT fk_job_documents_job_id REFERENCES jobs ON DELETE CASCADE,
    source      text COLLATE "C" NOT NULL,
    line        integer NOT NULL,
    status      text NOT NULL CONSTRAINT ck_job_documents_status CHECK (status IN (
        'queued', 'running', 'read', 'done', 'unchanged', 'duplicate', 'near_duplicate',
        'failed', 'quarantined', 'skipped', 'removed')),
    chunks      integer NOT NULL DEFAULT 0,
    size_bytes  bigint,
    modified_ns bigint,
    kind        text,
    stage       text,
    reason      text,
    trace       text,
    attempts    integer NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_job_documents PRIMARY KEY (job_id, source, line)
);
CREATE INDEX ix_job_documents_open ON job_documents (job_id, source) WHERE status IN ('queued', 'running');
CREATE INDEX ix_job_documents_noted ON job_documents (job_id, source) WHERE kind IS NOT NULL;
CREATE INDEX ix_job_documents_quarantined ON job_documents (source) WHERE status = 'quarantined';

CREATE TABLE job_uploads (
    job_id  uuid NOT NULL CONSTRAINT fk_job_uploads_job_id REFERENCES jobs ON DELETE CASCADE,
    file    integer NOT NULL,
    part    integer NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT pk_job_uploads PRIMARY KEY (job_id, file, part)
)
"""

BACK = """
DROP TABLE job_uploads;
DROP TABLE job_documents;
DROP INDEX ix_jobs_newest;
DROP INDEX ix_jobs_unfinished;
ALTER TABLE jobs DROP CONSTRAINT ck_jobs_status, DROP CONSTRAINT ck_jobs_finished_at;
UPDATE jobs SET status = 'failed', finished_at = coalesce(finished_at, now())
    WHERE status NOT IN ('done', 'failed');
ALTER TABLE jobs
    ADD CONSTRAINT ck_jobs_status CHECK (status IN ('running', 'done', 'failed')),
    ADD CONSTRAINT ck_jobs_finished_at CHECK ((status = 'running') = (finished_at IS NULL)),
    DROP COLUMN wanted, DROP COLUMN request, DROP COLUMN fingerprint, DROP COLUMN host, DROP COLUMN owner,
    DROP COLUMN interruptions, DROP COLUMN bytes_read, DROP COLUMN bytes_total, DROP COLUMN seconds,
    DROP COLUMN updated_at
"""


def upgrade() -> None:
    op.execute(JOBS)
    op.execute(DOCUMENTS)


def downgrade() -> None:
    op.execute(BACK)
