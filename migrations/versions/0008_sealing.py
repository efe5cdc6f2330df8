"""What was asked and answered can be encrypted; data keys; an index of keyed words.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE data_keys (
    id         uuid CONSTRAINT pk_data_keys PRIMARY KEY,
    purpose    text NOT NULL CONSTRAINT ck_data_keys_purpose CHECK (purpose IN ('rows', 'words')),
    wrapped    bytea NOT NULL,
    master_id  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""

SEALED = """
ALTER TABLE {table}
    ADD sealed bytea,
    ADD data_key_id uuid CONSTRAINT fk_{table}_data_key_id REFERENCES data_keys,
    ADD CONSTRAINT ck_{table}_sealed CHECK ((sealed IS NULL) = (data_key_id IS NULL));
CREATE INDEX ix_{table}_data_key_id ON {table} (data_key_id)
"""

WORDS = """
ALTER TABLE responses ADD words bigint[];
CREATE INDEX ix_responses_words ON responses USING gin (words)
"""

REFUSE_WHERE_SEALED = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM data_keys) THEN
        RAISE EXCEPTION 'The log is encrypted: going back would lose it.';
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(KEYS)
    for table in ("responses", "feedback"):
        op.execute(SEALED.format(table=table))
    op.execute(WORDS)


def downgrade() -> None:
    op.execute(REFUSE_WHERE_SEALED)
    op.execute("ALTER TABLE responses DROP words")
    for table in ("responses", "feedback"):
        op.execute(f"ALTER TABLE {table} DROP sealed, DROP data_key_id")
    op.execute("DROP TABLE data_keys")
