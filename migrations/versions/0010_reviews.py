"""Scores with their definitions, corrections, and queues of responses to review.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

DEFINITIONS = """
CREATE TABLE score_definitions (
    id          uuid CONSTRAINT pk_score_definitions PRIMARY KEY,
    name        text COLLATE "C" NOT NULL CONSTRAINT uq_score_definitions_name UNIQUE,
    kind        text NOT NULL
        CONSTRAINT ck_score_definitions_kind CHECK (kind IN ('numeric', 'categorical', 'boolean', 'text')),
    minimum     double precision,
    maximum     double precision,
    categories  text[],
    description text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    CONSTRAINT ck_score_definitions_categories CHECK ((kind = 'categorical') = (categories IS NOT NULL)),
    CONSTRAINT ck_score_definitions_range
        CHECK (kind = 'numeric' OR (minimum IS NULL AND maximum IS NULL)),
    CONSTRAINT ck_score_definitions_order CHECK (minimum < maximum)
)
"""

SCORES = """
CREATE TABLE scores (
    id                uuid CONSTRAINT pk_scores PRIMARY KEY,
    response_id       uuid NOT NULL
        CONSTRAINT fk_scores_response_id REFERENCES responses ON DELETE CASCADE,
    definition_id     uuid NOT NULL CONSTRAINT fk_scores_definition_id REFERENCES score_definitions,
    source            text NOT NULL
        CONSTRAINT ck_scores_source CHECK (source IN ('person', 'evaluator', 'api')),
    user_id           uuid CONSTRAINT fk_scores_user_id REFERENCES users,
    evaluator         text,
    evaluator_version text,
    number            double precision
        CONSTRAINT ck_scores_finite CHECK (number NOT IN ('NaN', 'Infinity', '-Infinity')),
    label             text,
    comment           text,
    details           jsonb,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at     timestamptz,
    CONSTRAINT ck_scores_value CHECK ((number IS NULL) <> (label IS NULL)),
    CONSTRAINT ck_scores_author CHECK (
        (source = 'evaluator') = (evaluator IS NOT NULL)
        AND (evaluator IS NULL) = (evaluator_version IS NULL)
        AND (source = 'evaluator' OR user_id IS NOT NULL)
    )
);
CREATE INDEX ix_scores_response_id ON scores (response_id);
CREATE INDEX ix_scores_user_id ON scores (user_id);
CREATE INDEX ix_scores_values ON scores (definition_id, number, response_id) WHERE superseded_at IS NULL;
CREATE INDEX ix_scores_labels ON scores (definition_id, md5(label)) WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX uq_scores_users ON scores (response_id, definition_id, source, user_id)
    WHERE superseded_at IS NULL AND evaluator IS NULL;
CREATE UNIQUE INDEX uq_scores_evaluators ON scores (response_id, definition_id, evaluator)
    WHERE superseded_at IS NULL AND evaluator IS NOT NULL
"""

CORRECTIONS = """
CREATE TABLE corrections (
    id            uuid CONSTRAINT pk_corrections PRIMARY KEY,
    response_id   uuid NOT NULL
        CONSTRAINT fk_corrections_response_id REFERENCES responses ON DELETE CASCADE,
    user_id       uuid NOT NULL CONSTRAINT fk_corrections_user_id REFERENCES users,
    answer        text NOT NULL,
    changes       jsonb NOT NULL,
    spans         jsonb NOT NULL,
    comment       text,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at timestamptz
);
CREATE INDEX ix_corrections_newest ON corrections (created_at DESC, id DESC);
CREATE INDEX ix_corrections_user_id ON corrections (user_id);
CREATE INDEX ix_corrections_response_id ON corrections (response_id);
CREATE UNIQUE INDEX uq_corrections_users ON corrections (response_id, user_id) WHERE superseded_at IS NULL
"""

QUEUES = """
CREATE TABLE queues (
    id             uuid CONSTRAINT pk_queues PRIMARY KEY,
    name           text COLLATE "C" NOT NULL CONSTRAINT uq_queues_name UNIQUE,
    description    text NOT NULL,
    reviews_wanted integer NOT NULL
        CONSTRAINT ck_queues_reviews_wanted CHECK (reviews_wanted BETWEEN 1 AND 2),
    lease_s        integer NOT NULL CONSTRAINT ck_queues_lease_s CHECK (lease_s > 0),
    created_by     uuid NOT NULL CONSTRAINT fk_queues_created_by REFERENCES users,
    created_at     timestamptz NOT NULL DEFAULT now(),
    closed_at      timestamptz
);
CREATE INDEX ix_queues_created_by ON queues (created_by);

CREATE TABLE queue_definitions (
    queue_id      uuid CONSTRAINT fk_queue_definitions_queue_id REFERENCES queues ON DELETE CASCADE,
    definition_id uuid CONSTRAINT fk_queue_definitions_definition_id REFERENCES score_definitions,
    place         integer NOT NULL,
    CONSTRAINT pk_queue_definitions PRIMARY KEY (queue_id, definition_id)
);
CREATE INDEX ix_queue_definitions_definition_id ON queue_definitions (definition_id);

CREATE TABLE queue_reviewers (
    queue_id uuid CONSTRAINT fk_queue_reviewers_queue_id REFERENCES queues ON DELETE CASCADE,
    user_id  uuid CONSTRAINT fk_queue_reviewers_user_id REFERENCES users,
    CONSTRAINT pk_queue_reviewers PRIMARY KEY (queue_id, user_id)
);
CREATE INDEX ix_queue_reviewers_user_id ON queue_reviewers (user_id);

CREATE TABLE queue_items (
    id           uuid CONSTRAINT pk_queue_items PRIMARY KEY,
    queue_id     uuid NOT NULL CONSTRAINT fk_queue_items_queue_id REFERENCES queues ON DELETE CASCADE,
    response_id  uuid NOT NULL
        CONSTRAINT fk_queue_items_response_id REFERENCES responses ON DELETE CASCADE,
    priority     double precision NOT NULL,
    leased_by    uuid CONSTRAINT fk_queue_items_leased_by REFERENCES users,
    leased_until timestamptz,
    added_at     timestamptz NOT NULL DEFAULT now(),
    done_at      timestamptz,
    CONSTRAINT uq_queue_items_queue_id_response_id UNIQUE (queue_id, response_id),
    CONSTRAINT ck_queue_items_lease CHECK ((leased_by IS NULL) = (leased_until IS NULL))
);
CREATE INDEX ix_queue_items_next ON queue_items (queue_id, done_at, priority DESC, id);
CREATE INDEX ix_queue_items_response_id ON queue_items (response_id);
CREATE INDEX ix_queue_items_leased_by ON queue_items (leased_by);

CREATE TABLE queue_reviews (
    item_id     uuid CONSTRAINT fk_queue_reviews_item_id REFERENCES queue_items ON DELETE CASCADE,
    user_id     uuid CONSTRAINT fk_queue_reviews_user_id REFERENCES users,
    outcome     text NOT NULL
        CONSTRAINT ck_queue_reviews_outcome CHECK (outcome IN ('submitted', 'skipped')),
    reviewed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_queue_reviews PRIMARY KEY (item_id, user_id)
);
CREATE INDEX ix_queue_reviews_user_id ON queue_reviews (user_id)
"""


def upgrade() -> None:
    for statements in (DEFINITIONS, SCORES, CORRECTIONS, QUEUES):
        op.execute(statements)


def downgrade() -> None:
    for table in (
        "queue_reviews",
        "queue_items",
        "queue_reviewers",
        "queue_definitions",
        "queues",
        "corrections",
        "scores",
        "score_definitions",
    ):
        op.execute(f"DROP TABLE {table}")
