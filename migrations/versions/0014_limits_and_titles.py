"""Limits of single users, and the words of sealed titles.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIMITS = {"requests_per_minute": "integer", "answers_per_day": "integer", "ingested_bytes_per_day": "bigint"}


def upgrade() -> None:
    for name, kind in LIMITS.items():
        op.execute(f"ALTER TABLE users ADD {name} {kind}")
    op.execute("ALTER TABLE sessions ADD title_words bigint[]")


def downgrade() -> None:
    op.execute("ALTER TABLE sessions DROP title_words")
    for name in LIMITS:
        op.execute(f"ALTER TABLE users DROP {name}")
