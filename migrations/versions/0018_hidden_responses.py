"""Which responses have hits of a chunk, or cite a document, is read from an index alone.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_response_hits_chunk ON response_hits (chunk_id, response_id)")
    op.execute("CREATE INDEX ix_response_citations_document ON response_citations (document_id, response_id)")
    op.execute("DROP INDEX ix_response_hits_chunk_id")
    op.execute("DROP INDEX ix_response_citations_document_id")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_response_hits_chunk_id ON response_hits (chunk_id)")
    op.execute("CREATE INDEX ix_response_citations_document_id ON response_citations (document_id)")
    op.execute("DROP INDEX ix_response_hits_chunk")
    op.execute("DROP INDEX ix_response_citations_document")
