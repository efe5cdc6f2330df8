"""The keys of near-duplicates enter their index at once.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A search reads the whole list of pending entries: while documents came in, that was nearly all it did.
    op.execute("ALTER INDEX ix_signatures_bands SET (fastupdate = off)")
    op.execute("SELECT gin_clean_pending_list('ix_signatures_bands')")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_signatures_bands RESET (fastupdate)")
