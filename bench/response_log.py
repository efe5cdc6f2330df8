"""A log of very many responses, made inside PostgreSQL from a pool of real questions.

Everything that a response is logged with is there: hits, citations, seven scores, and for some of them
thumbs, reviewers' scores and corrections; users, groups, corpora of which some are restricted, documents of
which some have lists of their own. Numbers come from a hash of the response's number, so every run makes the
same log.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from rag.training.data import Example

USERS = 1_000
GROUPS = 10
CORPORA = 20
RESTRICTED_CORPORA = 2
RESTRICTED_DOCUMENTS_OF_A_THOUSAND = 5
REVIEWER = "user7"
DAYS = 365
HITS = 10
AT_ONCE = 50_000
BARE = ("response_hits", "response_citations", "scores", "responses", "feedback", "corrections", "sessions")
"""Tables that lose their indexes while they are filled."""
REFERENCED = ("responses", "sessions")
"""Of those, the ones whose primary key others point at: it stays."""

SCORES = (
    "groundedness", "answer_relevance", "retrieval_confidence", "answerability", "unsupported_share",
    "novelty", "overall",
)  # fmt: skip
OF_WITHHELD = ("retrieval_confidence", "answerability")

CHANCE = """
CREATE OR REPLACE FUNCTION pg_temp.chance(n bigint, what text) RETURNS double precision IMMUTABLE
RETURN (hashint8extended(n, hashtext(what)) & 4294967295) / 4294967296.0;
CREATE OR REPLACE FUNCTION pg_temp.made(what text, n bigint) RETURNS uuid IMMUTABLE
RETURN md5(what || n)::uuid
"""

AROUND = f"""
INSERT INTO users (id, name) SELECT pg_temp.made('user', n), 'user' || n FROM generate_series(1, {USERS}) n;
INSERT INTO groups (id, name) SELECT pg_temp.made('group', n), 'group' || n
    FROM generate_series(1, {GROUPS}) n;
INSERT INTO members (group_id, user_id)
    SELECT pg_temp.made('group', 1 + n %% {GROUPS}), pg_temp.made('user', n)
    FROM generate_series(1, {USERS}) n;
INSERT INTO corpora (name, encoder, encoder_revision, dimension, restricted)
    SELECT 'corpus' || n, 'none', 'none', 384, n <= {RESTRICTED_CORPORA}
    FROM generate_series(1, {CORPORA}) n ORDER BY n;
INSERT INTO grants (corpus_id, group_id, level)
    SELECT id, pg_temp.made('group', 1), 'read' FROM corpora WHERE restricted;
INSERT INTO documents (id, corpus_id, source, title, current_version, sha256, media_type, origin, status,
                       restricted)
    SELECT pg_temp.made('document', n), c.id, 'made:' || n, p.title, 1, md5(n::text), 'text/plain', 'human',
           'current', pg_temp.chance(n, 'restricted') < {RESTRICTED_DOCUMENTS_OF_A_THOUSAND / 1000}
    FROM pool p JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM corpora) c
    ON c.place = n %% {CORPORA};
INSERT INTO document_versions (document_id, version, title, text, sha256, characters)
    SELECT pg_temp.made('document', n), 1, title, passage, md5(n::text), length(passage) FROM pool;
INSERT INTO chunks (corpus_id, document_id, version, ordinal, start_offset, end_offset, text, heading_path,
                    embedding, searchable)
    SELECT d.corpus_id, d.id, 1, 0, 0, length(passage), passage, '{{}}', '', false
    FROM pool p JOIN documents d ON d.id = pg_temp.made('document', n) ORDER BY n;
UPDATE pool SET chunk_id = c.id, corpus_id = c.corpus_id
    FROM chunks c WHERE c.document_id = pg_temp.made('document', n);
INSERT INTO document_readers (document_id, group_id)
    SELECT id, pg_temp.made('group', 2) FROM documents WHERE restricted;
INSERT INTO score_definitions (id, name, kind, description, minimum, maximum)
    SELECT pg_temp.made(name, 0), name, 'numeric', '', 0, 1 FROM unnest(%(scores)s::text[]) name;
INSERT INTO score_definitions (id, name, kind, description) VALUES
    (pg_temp.made('correct', 0), 'correct', 'boolean', '')
"""

MADE = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT g.n, pg_temp.made('response', g.n) AS id, g.n / 4 AS session, p.n AS drawn, p.corpus_id, p.chunk_id,
       p.question, p.answer, p.body, p.quote_start, p.quote_end,
       pg_temp.made('user', 1 + (%(users)s * power(pg_temp.chance(g.n, 'user'), 3))::int %% %(users)s)
           AS user_id,
       pg_temp.chance(g.n, 'abstained') < 0.2 AS abstained,
       power(pg_temp.chance(g.n, 'probability'), 0.5) AS probability,
       (150 * exp(1.5 * pg_temp.chance(g.n, 'latency') + pg_temp.chance(g.n, 'slow')))::real AS ms,
       now() - make_interval(secs => (%(count)s - g.n) * %(seconds)s) AS at
FROM generate_series(%(first)s, %(last)s) g(n)
JOIN pool p ON p.n = (pg_temp.chance(g.n, 'question') * %(pool)s)::int %% %(pool)s
"""

RESPONSES = """
INSERT INTO sessions (id, user_id, corpus_id, created_at)
    SELECT DISTINCT ON (session) pg_temp.made('session', session), user_id, corpus_id, at FROM made
    ORDER BY session ON CONFLICT DO NOTHING;
INSERT INTO responses (id, session_id, user_id, corpus_id, question, answer, abstained, abstain_reason,
                       answerable_probability, model, index_position, body, parameters, timings_ms, total_ms,
                       created_at)
    SELECT id, pg_temp.made('session', session), user_id, corpus_id,
           CASE WHEN n %% 3 = 0 THEN question || ' (case ' || n || ')' ELSE question END,
           CASE WHEN abstained THEN '' ELSE answer END, abstained,
           CASE WHEN abstained THEN 'The passages do not hold the answer.' END,
           CASE WHEN abstained THEN probability * 0.4 ELSE 0.3 + 0.7 * probability END,
           'groundwork-' || (n * 3 / %(count)s), 1, body,
           '{"top_k": 10, "filters": {}, "generation": {"temperature": 0}, "expand": "none"}',
           jsonb_build_object('retrieve', ms * 0.1, 'generate', ms * 0.8, 'score', ms * 0.1, 'total', ms),
           ms, at
    FROM made ORDER BY n;
INSERT INTO response_hits (response_id, rank, chunk_id, keyword, vector, fused, rerank)
    SELECT id, rank, CASE WHEN rank = 1 THEN made.chunk_id ELSE p.chunk_id END, 10.0 / rank, 1.0 / rank,
           1.0 / rank, NULL
    FROM made CROSS JOIN generate_series(1, %(hits)s) rank JOIN pool p
    ON p.n = (drawn + %(corpora)s * (rank - 1)) %% %(pool)s;
INSERT INTO response_citations (response_id, ordinal, document_id, document_version, chunk_id, start_offset,
                                end_offset, quote, answer_start, answer_end)
    SELECT id, 1, pg_temp.made('document', drawn), 1, chunk_id, quote_start, quote_end, answer, 0,
           length(answer)
    FROM made WHERE NOT abstained;
INSERT INTO scores (id, response_id, definition_id, source, evaluator, evaluator_version, number, details,
                    created_at)
    SELECT gen_random_uuid(), id, pg_temp.made(name, 0), 'evaluator', 'groundwork', 'made-1',
           power(pg_temp.chance(n, name), 0.4),
           CASE WHEN name = 'groundedness' THEN '{"sentences": [0.93]}'::jsonb END, at
    FROM made CROSS JOIN unnest(%(scores)s::text[]) name WHERE NOT abstained OR name = ANY(%(withheld)s);
INSERT INTO scores (id, response_id, definition_id, source, user_id, number, created_at)
    SELECT gen_random_uuid(), id, pg_temp.made('correct', 0), 'person', pg_temp.made('user', 1),
           (pg_temp.chance(n, 'correct') < 0.5 + probability / 2)::int, at
    FROM made WHERE n %% 20 = 0;
INSERT INTO feedback (id, response_id, user_id, thumb, comment, created_at)
    SELECT gen_random_uuid(), id, user_id, CASE WHEN n %% 3 = 0 THEN 'down' ELSE 'up' END,
           CASE WHEN n %% 7 = 1 THEN 'Not what I asked for.' END, at
    FROM made WHERE n %% 10 = 1;
INSERT INTO corrections (id, response_id, user_id, answer, changes, spans, created_at)
    SELECT gen_random_uuid(), id, pg_temp.made('user', 1), answer || ' indeed', '[[0, 0, 0, 0]]', '[]', at
    FROM made WHERE n %% 50 = 2
"""


def fill(url: str, examples: Sequence[Example], count: int) -> None:
    """Fill an empty, migrated database with `count` responses."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # nothing here points nowhere
        connection.execute("SET maintenance_work_mem = '512MB'")
        for statement in CHANCE.split(";"):
            connection.execute(statement.encode())
        pool = _fill_pool(connection, examples)
        _run(connection, AROUND, {"scores": list(SCORES)})
        connection.commit()
        with _without_indexes(connection):
            for first in range(0, count, AT_ONCE):
                _fill_part(connection, first, min(first + AT_ONCE, count) - 1, count, pool)
                connection.commit()
                print(f"{min(first + AT_ONCE, count):,} responses", flush=True)
        connection.execute("DROP TABLE pool")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")


def _fill_pool(connection: psycopg.Connection[Any], examples: Sequence[Example]) -> int:
    """What responses are drawn from: a question with its answer, its passage, and a body with ten."""
    connection.execute(
        "CREATE TABLE pool (n bigint PRIMARY KEY, title text, passage text, question text, answer text,"
        " quote_start int, quote_end int, body jsonb, chunk_id bigint, corpus_id bigint)"
    )
    columns = "n, title, passage, question, answer, quote_start, quote_end, body"
    with connection.cursor() as cursor, cursor.copy(f"COPY pool ({columns}) FROM STDIN") as copy:
        for n, example in enumerate(examples):
            passage = example.passages[0]
            answer = example.answers[0].text
            start = max(passage.text.find(answer), 0)
            body = json.dumps(_body(n, answer, examples))
            row = (n, passage.title, passage.text, example.question, answer, start, start + len(answer), body)
            copy.write_row(row)
    return len(examples)


def _body(n: int, answer: str, examples: Sequence[Example]) -> dict[str, Any]:
    hits = []
    for rank in range(HITS):
        passage = examples[(n + CORPORA * rank) % len(examples)].passages[0]
        hits.append(
            {"chunk_id": n, "source": f"made:{n}", "text": passage.text, "start": 0, "end": len(passage.text),
             "scores": {"keyword": 10 / (rank + 1), "vector": 0.5, "fused": 0.5, "rerank": None}}
        )  # fmt: skip
    sentence = {"text": answer, "start": 0, "end": len(answer), "supported": True, "citation_ids": ["1"]}
    return {"answer": answer, "sentences": [sentence], "citations": [], "hits": hits, "scores": {}}


def _fill_part(connection: psycopg.Connection[Any], first: int, last: int, count: int, pool: int) -> None:
    values = {
        "first": first, "last": last, "count": count, "pool": pool, "users": USERS, "hits": HITS,
        "corpora": CORPORA, "seconds": DAYS * 86_400 / count, "scores": list(SCORES),
        "withheld": list(OF_WITHHELD),
    }  # fmt: skip
    _run(connection, MADE, values)
    _run(connection, RESPONSES, values)


def _run(connection: psycopg.Connection[Any], statements: str, values: dict[str, Any]) -> None:
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(statements.encode(), values)


@contextmanager
def _without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Take the indexes off the tables, and put them on again at the end."""
    again: list[str] = []
    for table in BARE:
        rows = connection.execute(
            "SELECT i.relname, pg_get_indexdef(i.oid), pg_get_constraintdef(c.oid), c.conname, x.indisprimary"
            " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
            " LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.conrelid = x.indrelid"
            " WHERE x.indrelid = %s::regclass",
            (table,),
        ).fetchall()
        for index, definition, constraint, name, is_primary in rows:
            if is_primary and table in REFERENCED:
                continue
            if constraint is None:
                connection.execute(f"DROP INDEX {index}".encode())
                again.append(definition)
            else:
                connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
                again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {constraint}")
    connection.commit()
    yield
    for statement in again:
        _index(connection, statement)


def _index(connection: psycopg.Connection[Any], statement: str) -> None:
    connection.execute(statement.encode())
    connection.commit()
