"""The first tables: corpora, documents, the index log, users, conversations, jobs.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CORPORA = """
CREATE TABLE corpora (
    id               bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_corpora PRIMARY KEY,
    name             text COLLATE "C" NOT NULL CONSTRAINT uq_corpora_name UNIQUE,
    encoder          text NOT NULL,
    encoder_revision text NOT NULL,
    dimension        integer NOT NULL,
    settings         jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at       timestamptz NOT NULL DEFAULT now()
)
"""

DOCUMENTS = """
CREATE TABLE documents (
    id              uuid CONSTRAINT pk_documents PRIMARY KEY,
    corpus_id       bigint NOT NULL CONSTRAINT fk_documents_corpus_id REFERENCES corpora,
    source          text COLLATE "C" NOT NULL,
    title           text NOT NULL,
    current_version integer NOT NULL,
    sha256          text NOT NULL,
    media_type      text NOT NULL,
    metadata        jsonb NOT NULL DEFAULT '{}'::jsonb,
    origin          text NOT NULL CONSTRAINT ck_documents_origin CHECK (origin IN ('human', 'synthetic')),
    status          text NOT NULL
        CONSTRAINT ck_documents_status CHECK (status IN ('current', 'duplicate', 'removed')),
    duplicate_of    uuid CONSTRAINT fk_documents_duplicate_of REFERENCES documents,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_documents_corpus_id_source UNIQUE (corpus_id, source),
    CONSTRAINT ck_documents_duplicate_of CHECK ((status = 'duplicate') = (duplicate_of IS NOT NULL))
);
CREATE INDEX ix_documents_corpus_id_sha256 ON documents (corpus_id, sha256);
CREATE UNIQUE INDEX uq_documents_current_text ON documents (corpus_id, sha256) WHERE status = 'current';
CREATE INDEX ix_documents_duplicate_of ON documents (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX ix_documents_metadata ON documents USING gin (metadata jsonb_path_ops);

CREATE TABLE document_versions (
    document_id uuid CONSTRAINT fk_document_versions_document_id REFERENCES documents,
    version     integer,
    title       text NOT NULL,
    text        text NOT NULL,
    sha256      text NOT NULL,
    characters  integer NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_document_versions PRIMARY KEY (document_id, version)
)
"""

CHUNKS = """
CREATE TABLE chunks (
    id           bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_chunks PRIMARY KEY,
    corpus_id    bigint NOT NULL CONSTRAINT fk_chunks_corpus_id REFERENCES corpora,
    document_id  uuid NOT NULL,
    version      integer NOT NULL,
    ordinal      integer NOT NULL,
    start_offset integer NOT NULL,
    end_offset   integer NOT NULL,
    text         text NOT NULL,
    heading_path text[] NOT NULL,
    embedding    bytea NOT NULL,
    searchable   boolean NOT NULL,
    CONSTRAINT fk_chunks_document_id_version
        FOREIGN KEY (document_id, version) REFERENCES document_versions (document_id, version)
);
CREATE UNIQUE INDEX ix_chunks_document_id_version_ordinal ON chunks (document_id, version, ordinal);
CREATE INDEX ix_chunks_searchable ON chunks (corpus_id, id) WHERE searchable;

CREATE TABLE index_log (
    sequence   bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_index_log PRIMARY KEY,
    corpus_id  bigint NOT NULL,
    chunk_id   bigint NOT NULL,
    operation  text NOT NULL CONSTRAINT ck_index_log_operation CHECK (operation IN ('add', 'delete')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_index_log_corpus_id_sequence ON index_log (corpus_id, sequence)
"""

ACCESS = """
CREATE TABLE users (
    id         uuid CONSTRAINT pk_users PRIMARY KEY,
    name       text COLLATE "C" NOT NULL CONSTRAINT uq_users_name UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE keys (
    id         uuid CONSTRAINT pk_keys PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT fk_keys_user_id REFERENCES users,
    role       text NOT NULL
        CONSTRAINT ck_keys_role CHECK (role IN ('reader', 'contributor', 'reviewer', 'administrator')),
    prefix     text NOT NULL,
    hash       text COLLATE "C" NOT NULL CONSTRAINT uq_keys_hash UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX ix_keys_user_id ON keys (user_id)
"""

CONVERSATIONS = """
CREATE TABLE sessions (
    id         uuid CONSTRAINT pk_sessions PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT fk_sessions_user_id REFERENCES users,
    corpus_id  bigint CONSTRAINT fk_sessions_corpus_id REFERENCES corpora ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_corpus_id ON sessions (corpus_id);

CREATE TABLE responses (
    id                     uuid CONSTRAINT pk_responses PRIMARY KEY,
    session_id             uuid NOT NULL CONSTRAINT fk_responses_session_id REFERENCES sessions,
    user_id                uuid NOT NULL CONSTRAINT fk_responses_user_id REFERENCES users,
    corpus_id              bigint CONSTRAINT fk_responses_corpus_id REFERENCES corpora ON DELETE SET NULL,
    question               text NOT NULL,
    answer                 text NOT NULL,
    abstained              boolean NOT NULL,
    abstain_reason         text,
    answerable_probability double precision,
    model                  text NOT NULL,
    index_position         bigint NOT NULL,
    body                   jsonb NOT NULL,
    parameters             jsonb NOT NULL,
    timings_ms             jsonb NOT NULL,
    created_at             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_responses_newest ON responses (created_at DESC, id DESC);
CREATE INDEX ix_responses_session_id ON responses (session_id);
CREATE INDEX ix_responses_user_id ON responses (user_id);
CREATE INDEX ix_responses_corpus_id ON responses (corpus_id);

CREATE TABLE response_hits (
    response_id uuid CONSTRAINT fk_response_hits_response_id REFERENCES responses ON DELETE CASCADE,
    rank        integer,
    chunk_id    bigint NOT NULL,
    keyword     double precision,
    vector      double precision,
    fused       double precision NOT NULL,
    rerank      double precision,
    CONSTRAINT pk_response_hits PRIMARY KEY (response_id, rank)
);
CREATE INDEX ix_response_hits_chunk_id ON response_hits (chunk_id);

CREATE TABLE response_citations (
    response_id      uuid CONSTRAINT fk_response_citations_response_id REFERENCES responses ON DELETE CASCADE,
    ordinal          integer,
    document_id      uuid NOT NULL,
    document_version integer NOT NULL,
    chunk_id         bigint NOT NULL,
    start_offset     integer NOT NULL,
    end_offset       integer NOT NULL,
    quote            text NOT NULL,
    answer_start     integer NOT NULL,
    answer_end       integer NOT NULL,
    CONSTRAINT pk_response_citations PRIMARY KEY (response_id, ordinal)
);
CREATE INDEX ix_response_citations_document_id ON response_citations (document_id)
"""

JOBS = """
CREATE TABLE jobs (
    id          uuid CONSTRAINT pk_jobs PRIMARY KEY,
    corpus_id   bigint CONSTRAINT fk_jobs_corpus_id REFERENCES corpora ON DELETE SET NULL,
    user_id     uuid CONSTRAINT fk_jobs_user_id REFERENCES users,
    kind        text NOT NULL,
    status      text NOT NULL CONSTRAINT ck_jobs_status CHECK (status IN ('running', 'done', 'failed')),
    counts      jsonb NOT NULL DEFAULT '{}'::jsonb,
    error       text,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT ck_jobs_finished_at CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX ix_jobs_corpus_id ON jobs (corpus_id);
CREATE INDEX ix_jobs_user_id ON jobs (user_id)
"""

TABLES = (
    "jobs response_citations response_hits responses sessions keys users "
    "index_log chunks document_versions documents corpora"
)


def upgrade() -> None:
    for statements in (CORPORA, DOCUMENTS, CHUNKS, ACCESS, CONVERSATIONS, JOBS):
        op.execute(statements)


def downgrade() -> None:
    for table in TABLES.split():
        op.execute(f"DROP TABLE {table}")
