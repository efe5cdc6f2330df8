"""Users with roles of their own, and groups of them.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

USERS = """
ALTER TABLE users
    ADD COLUMN display_name text,
    ADD COLUMN email text,
    ADD COLUMN role text,
    ADD COLUMN disabled_at timestamptz,
    ADD CONSTRAINT ck_users_role CHECK (role IN ('reader', 'contributor', 'reviewer', 'administrator'))
"""

GROUPS = """
CREATE TABLE groups (
    id          uuid CONSTRAINT pk_groups PRIMARY KEY,
    name        text COLLATE "C" NOT NULL CONSTRAINT uq_groups_name UNIQUE,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE members (
    group_id uuid CONSTRAINT fk_members_group_id REFERENCES groups ON DELETE CASCADE,
    user_id  uuid CONSTRAINT fk_members_user_id REFERENCES users ON DELETE CASCADE,
    CONSTRAINT pk_members PRIMARY KEY (group_id, user_id)
);
CREATE INDEX ix_members_user_id ON members (user_id)
"""


def upgrade() -> None:
    op.execute(USERS)
    op.execute(GROUPS)


def downgrade() -> None:
    op.execute("DROP TABLE members")
    op.execute("DROP TABLE groups")
    op.execute(
        "ALTER TABLE users DROP CONSTRAINT ck_users_role, DROP COLUMN display_name, DROP COLUMN email, "
        "DROP COLUMN role, DROP COLUMN disabled_at"
    )
