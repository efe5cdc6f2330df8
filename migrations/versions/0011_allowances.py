"""What callers may still do before a limit is reached.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ALLOWANCES = """
CREATE UNLOGGED TABLE allowances (
    subject text COLLATE "C",
    kind    text COLLATE "C",
    "left"  double precision NOT NULL,
    at      timestamptz NOT NULL,
    CONSTRAINT pk_allowances PRIMARY KEY (subject, kind)
)
"""


def upgrade() -> None:
    op.execute(ALLOWANCES)


def downgrade() -> None:
    op.execute("DROP TABLE allowances")
