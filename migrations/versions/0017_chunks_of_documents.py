"""The searchable chunks of a document are found without reading chunks.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_chunks_of_documents ON chunks (document_id, id) WHERE searchable")


def downgrade() -> None:
    op.execute("DROP INDEX ix_chunks_of_documents")
