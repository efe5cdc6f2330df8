"""Passwords, logins of browsers, and attempts that failed.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE passwords (
    user_id    uuid CONSTRAINT pk_passwords PRIMARY KEY
        CONSTRAINT fk_passwords_user_id REFERENCES users ON DELETE CASCADE,
    hash       text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE logins (
    id         uuid CONSTRAINT pk_logins PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT fk_logins_user_id REFERENCES users ON DELETE CASCADE,
    hash       text COLLATE "C" NOT NULL CONSTRAINT uq_logins_hash UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX ix_logins_user_id ON logins (user_id);

CREATE TABLE login_failures (
    subject  text COLLATE "C" CONSTRAINT pk_login_failures PRIMARY KEY,
    failures integer NOT NULL,
    last_at  timestamptz NOT NULL
);
CREATE INDEX ix_login_failures_last_at ON login_failures (last_at)
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    for table in ("login_failures", "logins", "passwords"):
        op.execute(f"DROP TABLE {table}")
