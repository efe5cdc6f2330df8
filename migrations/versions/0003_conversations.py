"""Conversations whose questions have parents, feedback, keys that expire, requests that are sent twice.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CONVERSATIONS = """
ALTER TABLE sessions ADD title text;
ALTER TABLE responses ADD parent_id uuid
    CONSTRAINT fk_responses_parent_id REFERENCES responses ON DELETE SET NULL;
CREATE INDEX ix_responses_parent_id ON responses (parent_id);
UPDATE responses SET parent_id = earlier.id
FROM (
    SELECT id AS child, lag(id) OVER (PARTITION BY session_id ORDER BY created_at, id) AS id FROM responses
) AS earlier
WHERE responses.id = earlier.child AND earlier.id IS NOT NULL;
CREATE INDEX ix_sessions_newest ON sessions (created_at DESC, id DESC)
"""

FEEDBACK = """
CREATE TABLE feedback (
    id          uuid CONSTRAINT pk_feedback PRIMARY KEY,
    response_id uuid NOT NULL CONSTRAINT fk_feedback_response_id REFERENCES responses ON DELETE CASCADE,
    user_id     uuid NOT NULL CONSTRAINT fk_feedback_user_id REFERENCES users,
    thumb       text CONSTRAINT ck_feedback_thumb CHECK (thumb IN ('up', 'down')),
    comment     text,
    correction  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_feedback_response_id_user_id UNIQUE (response_id, user_id),
    CONSTRAINT ck_feedback_says_something
        CHECK (thumb IS NOT NULL OR comment IS NOT NULL OR correction IS NOT NULL)
);
CREATE INDEX ix_feedback_newest ON feedback (created_at DESC, id DESC);
CREATE INDEX ix_feedback_user_id ON feedback (user_id)
"""

KEYS = "ALTER TABLE keys ADD expires_at timestamptz"

IDEMPOTENCY = """
CREATE TABLE idempotent_requests (
    key_id      uuid CONSTRAINT fk_idempotent_requests_key_id REFERENCES keys ON DELETE CASCADE,
    name        text COLLATE "C",
    fingerprint text NOT NULL,
    claim       uuid NOT NULL,
    result      bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_idempotent_requests PRIMARY KEY (key_id, name)
);
CREATE INDEX ix_idempotent_requests_created_at ON idempotent_requests (created_at)
"""


def upgrade() -> None:
    for statements in (CONVERSATIONS, FEEDBACK, KEYS, IDEMPOTENCY):
        op.execute(statements)


def downgrade() -> None:
    op.execute("DROP TABLE idempotent_requests")
    op.execute("ALTER TABLE keys DROP expires_at")
    op.execute("DROP TABLE feedback")
    op.execute("DROP INDEX ix_sessions_newest")
    op.execute("ALTER TABLE responses DROP parent_id")
    op.execute("ALTER TABLE sessions DROP title")
