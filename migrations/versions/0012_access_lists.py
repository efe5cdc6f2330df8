"""Lists of who may do what with corpora and documents, and what keys are held to.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LISTS = """
ALTER TABLE corpora ADD COLUMN restricted boolean NOT NULL DEFAULT false;
ALTER TABLE documents ADD COLUMN restricted boolean NOT NULL DEFAULT false;
CREATE INDEX ix_documents_restricted ON documents (corpus_id) WHERE restricted;

CREATE TABLE grants (
    id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_grants PRIMARY KEY,
    corpus_id bigint NOT NULL CONSTRAINT fk_grants_corpus_id REFERENCES corpora ON DELETE CASCADE,
    user_id   uuid CONSTRAINT fk_grants_user_id REFERENCES users ON DELETE CASCADE,
    group_id  uuid CONSTRAINT fk_grants_group_id REFERENCES groups ON DELETE CASCADE,
    level     text NOT NULL CONSTRAINT ck_grants_level CHECK (level IN ('read', 'write', 'manage')),
    CONSTRAINT ck_grants_names_one CHECK (num_nonnulls(user_id, group_id) = 1),
    CONSTRAINT uq_grants_corpus_id_user_id UNIQUE (corpus_id, user_id),
    CONSTRAINT uq_grants_corpus_id_group_id UNIQUE (corpus_id, group_id)
);
CREATE INDEX ix_grants_user_id ON grants (user_id);
CREATE INDEX ix_grants_group_id ON grants (group_id);

CREATE TABLE document_readers (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_document_readers PRIMARY KEY,
    document_id uuid NOT NULL
        CONSTRAINT fk_document_readers_document_id REFERENCES documents ON DELETE CASCADE,
    user_id     uuid CONSTRAINT fk_document_readers_user_id REFERENCES users ON DELETE CASCADE,
    group_id    uuid CONSTRAINT fk_document_readers_group_id REFERENCES groups ON DELETE CASCADE,
    CONSTRAINT ck_document_readers_names_one CHECK (num_nonnulls(user_id, group_id) = 1),
    CONSTRAINT uq_document_readers_document_id_user_id UNIQUE (document_id, user_id),
    CONSTRAINT uq_document_readers_document_id_group_id UNIQUE (document_id, group_id)
);
CREATE INDEX ix_document_readers_user_id ON document_readers (user_id);
CREATE INDEX ix_document_readers_group_id ON document_readers (group_id)
"""

KEYS = """
ALTER TABLE keys
    ADD COLUMN corpora bigint[],
    ADD COLUMN verbs text[],
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN previous_hash text COLLATE "C" CONSTRAINT uq_keys_previous_hash UNIQUE,
    ADD COLUMN previous_expires_at timestamptz
"""

ONE_CURRENT = "CREATE UNIQUE INDEX uq_documents_current_text ON documents (corpus_id, sha256) WHERE {}"

# The copies that stand for themselves because of their lists have nothing to stand for them without.
OUT_OF_SEARCH = """
UPDATE chunks SET searchable = false FROM documents d WHERE d.id = document_id AND d.restricted;
INSERT INTO index_log (corpus_id, chunk_id, operation)
SELECT c.corpus_id, c.id, 'delete' FROM chunks c JOIN documents d ON d.id = c.document_id
 WHERE d.restricted ORDER BY c.id;
UPDATE documents SET status = 'removed', duplicate_of = NULL, similarity = NULL WHERE restricted
"""


def upgrade() -> None:
    op.execute(LISTS)
    op.execute("DROP INDEX uq_documents_current_text")
    op.execute(ONE_CURRENT.format("status = 'current' AND NOT restricted"))
    op.execute(KEYS)


def downgrade() -> None:
    op.execute(OUT_OF_SEARCH)  # nobody may see more than before
    op.execute("DROP INDEX uq_documents_current_text")
    op.execute(ONE_CURRENT.format("status = 'current'"))
    op.execute("DROP TABLE document_readers")
    op.execute("DROP TABLE grants")
    op.execute("ALTER TABLE documents DROP COLUMN restricted")
    op.execute("ALTER TABLE corpora DROP COLUMN restricted")
    op.execute(
        "ALTER TABLE keys DROP COLUMN corpora, DROP COLUMN verbs, DROP COLUMN last_used_at, "
        "DROP COLUMN previous_hash, DROP COLUMN previous_expires_at"
    )
