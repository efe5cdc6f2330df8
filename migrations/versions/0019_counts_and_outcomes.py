"""How many documents a corpus has, and a job's rows of one outcome, are read from an index alone.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_documents_present ON documents (corpus_id) WHERE status != 'removed'")
    op.execute("CREATE INDEX ix_job_documents_outcome ON job_documents (job_id, status, source, line)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_job_documents_outcome")
    op.execute("DROP INDEX ix_documents_present")
