"""Texts of the log are found by their trigrams; it is listed by probability and by latency.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Three neighbouring bytes of the text in small letters are one number. The extension pg_trgm does much the
# same, but is not everywhere: the PostgreSQL that comes with the application has none. OFFSET 0 keeps the
# bytes from being worked out again for each number.
TRIGRAMS = """
CREATE FUNCTION text_trigrams(VARIADIC texts text[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT ARRAY(
        SELECT get_byte(b, i) << 16 | get_byte(b, i + 1) << 8 | get_byte(b, i + 2)
        FROM generate_series(0, length(b) - 3) AS i
    )
    FROM (SELECT convert_to(lower(array_to_string(texts, ' ')), 'UTF8') AS b OFFSET 0) AS bytes
)
"""

# Without the list of pending entries, so that no answer waits while some thousand others are put in.
INDEXES = """
CREATE INDEX ix_responses_trigrams ON responses USING gin (text_trigrams(question, answer))
    WITH (fastupdate = off);
CREATE INDEX ix_responses_probability ON responses (answerable_probability, id);
CREATE INDEX ix_responses_latency ON responses (total_ms, id);
CREATE INDEX ix_scores_of_persons ON scores (response_id) WHERE superseded_at IS NULL AND source = 'person'
"""


def upgrade() -> None:
    op.execute(TRIGRAMS)
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("DROP INDEX ix_scores_of_persons")
    for name in ("latency", "probability", "trigrams"):
        op.execute(f"DROP INDEX ix_responses_{name}")
    op.execute("DROP FUNCTION text_trigrams(text[])")
