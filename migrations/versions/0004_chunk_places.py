"""Places of chunks: page, sheet, slide and the like.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept in the catalogue: no row is rewritten, however many chunks there are.
    op.execute("ALTER TABLE chunks ADD COLUMN places jsonb NOT NULL DEFAULT '[]'::jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE chunks DROP COLUMN places")
