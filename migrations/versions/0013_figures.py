"""Indexes from which the log is listed by one filter and counted without reading its texts.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The time is in a column of its own, so that figures of many responses need not open their JSON.
FIGURES = """
ALTER TABLE responses ADD total_ms real;
UPDATE responses SET total_ms = (timings_ms ->> 'total')::real;
CREATE INDEX ix_responses_figures ON responses (created_at)
    INCLUDE (id, user_id, corpus_id, model, abstained, answerable_probability, total_ms)
"""

NEWEST = """
CREATE INDEX ix_responses_user_newest ON responses (user_id, created_at DESC, id DESC);
CREATE INDEX ix_responses_corpus_newest ON responses (corpus_id, created_at DESC, id DESC);
CREATE INDEX ix_responses_model_newest ON responses (model, created_at DESC, id DESC);
CREATE INDEX ix_responses_abstained_newest ON responses (abstained, created_at DESC, id DESC);
DROP INDEX ix_responses_user_id;
DROP INDEX ix_responses_corpus_id
"""


def upgrade() -> None:
    for statements in (FIGURES, NEWEST):
        op.execute(statements)


def downgrade() -> None:
    op.execute("CREATE INDEX ix_responses_user_id ON responses (user_id)")
    op.execute("CREATE INDEX ix_responses_corpus_id ON responses (corpus_id)")
    for name in ("user", "corpus", "model", "abstained"):
        op.execute(f"DROP INDEX ix_responses_{name}_newest")
    op.execute("DROP INDEX ix_responses_figures")
    op.execute("ALTER TABLE responses DROP total_ms")
