"""The audit log: a chain of rows that nobody changes.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AUDIT = """
CREATE TABLE audit (
    number   bigint CONSTRAINT pk_audit PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text COLLATE "C" NOT NULL,
    action   text COLLATE "C" NOT NULL,
    object   text NOT NULL,
    details  json NOT NULL,
    previous text NOT NULL,
    hash     text NOT NULL
);
CREATE INDEX ix_audit_actor_number ON audit (actor, number);
CREATE INDEX ix_audit_action_number ON audit (action, number);
CREATE INDEX ix_audit_at ON audit (at)
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: % refused.', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()
"""


def upgrade() -> None:
    op.execute(AUDIT)
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    op.execute("DROP TABLE audit")
    op.execute("DROP FUNCTION refuse_change_of_audit")
