"""Near-duplicates and how they are found; the vault of pseudonyms; paragraphs that documents share.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATUS = "ALTER TABLE documents ADD CONSTRAINT ck_documents_status CHECK (status IN ({}))"
DUPLICATE_OF = (
    "ALTER TABLE documents ADD CONSTRAINT ck_documents_duplicate_of "
    "CHECK ((status {}) = (duplicate_of IS NOT NULL))"
)
DROP = "ALTER TABLE documents DROP CONSTRAINT {}"

COLUMNS = """
ALTER TABLE documents
    ADD COLUMN similarity double precision,
    ADD COLUMN kept_apart boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT ck_documents_similarity CHECK ((status = 'near_duplicate') = (similarity IS NOT NULL))
"""

SIGNATURES = """
CREATE TABLE signatures (
    document_id uuid CONSTRAINT pk_signatures PRIMARY KEY
        CONSTRAINT fk_signatures_document_id REFERENCES documents ON DELETE CASCADE,
    bands       bigint[] NOT NULL
);
CREATE INDEX ix_signatures_bands ON signatures USING gin (bands)
"""

WITHOUT_NEAR_DUPLICATES = """
UPDATE chunks SET searchable = true FROM documents d
 WHERE d.id = document_id AND d.current_version = version AND d.status = 'near_duplicate';
INSERT INTO index_log (corpus_id, chunk_id, operation)
SELECT c.corpus_id, c.id, 'add' FROM chunks c JOIN documents d ON d.id = c.document_id
 WHERE d.status = 'near_duplicate' AND c.searchable ORDER BY c.id;
UPDATE documents SET status = 'current', duplicate_of = NULL, similarity = NULL
 WHERE status = 'near_duplicate'
"""

VAULT = """
CREATE TABLE vault (
    corpus_id  bigint CONSTRAINT fk_vault_corpus_id REFERENCES corpora ON DELETE CASCADE,
    pseudonym  text COLLATE "C",
    kind       text NOT NULL,
    ciphertext bytea NOT NULL,
    key_id     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_vault PRIMARY KEY (corpus_id, pseudonym)
);
CREATE INDEX ix_vault_pseudonym ON vault (pseudonym);

CREATE TABLE vault_openings (
    id        bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_vault_openings PRIMARY KEY,
    pseudonym text NOT NULL,
    user_name text NOT NULL,
    found     boolean NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_vault_openings_newest ON vault_openings (opened_at DESC, id DESC)
"""

PARAGRAPHS = """
CREATE TABLE paragraphs (
    corpus_id bigint CONSTRAINT fk_paragraphs_corpus_id REFERENCES corpora ON DELETE CASCADE,
    key       bigint,
    documents integer NOT NULL,
    holder    text COLLATE "C",
    CONSTRAINT pk_paragraphs PRIMARY KEY (corpus_id, key)
)
"""


def upgrade() -> None:
    for constraint in ("ck_documents_status", "ck_documents_duplicate_of"):
        op.execute(DROP.format(constraint))
    op.execute(STATUS.format("'current', 'duplicate', 'near_duplicate', 'removed'"))
    op.execute(DUPLICATE_OF.format("IN ('duplicate', 'near_duplicate')"))
    op.execute(COLUMNS)
    op.execute(SIGNATURES)
    op.execute(VAULT)
    op.execute(PARAGRAPHS)


def downgrade() -> None:
    op.execute(WITHOUT_NEAR_DUPLICATES)
    for table in ("paragraphs", "vault_openings", "vault", "signatures"):
        op.execute(f"DROP TABLE {table}")
    for constraint in ("ck_documents_similarity", "ck_documents_status", "ck_documents_duplicate_of"):
        op.execute(DROP.format(constraint))
    op.execute(STATUS.format("'current', 'duplicate', 'removed'"))
    op.execute(DUPLICATE_OF.format("= 'duplicate'"))
    op.execute("ALTER TABLE documents DROP COLUMN similarity, DROP COLUMN kept_apart")
