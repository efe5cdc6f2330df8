"""A database that an earlier version filled, brought up to date with all that is in it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import text

from store import access, access_lists, conversations, corpora, documents, feedback
from store.errors import NewerTablesError
from store.postgres import Database, migrate, migration_config, open_database, pending_migrations
from store.responses import ResponseFilter
from store.types import Level, Role
from store.visibility import Reader
from tests.conftest import TestDatabases

SECRET = "gw_from-an-earlier-version"
USER, DOCUMENT, SESSION, RESPONSE, FOLLOW_UP = (UUID(int=number) for number in range(1, 6))
TEXT = "Thirty days of leave are granted."

FILLED_AT_8 = """
INSERT INTO users (id, name) VALUES (:user, 'ann');
INSERT INTO groups (id, name) VALUES (:user, 'legal');
INSERT INTO members (group_id, user_id) VALUES (:user, :user);
INSERT INTO keys (id, user_id, role, prefix, hash) VALUES (:user, :user, 'reviewer', 'gw_from-an', :hash);
INSERT INTO corpora (name, encoder, encoder_revision, dimension) VALUES ('handbook', 'mini', 'r1', 2);
INSERT INTO documents (id, corpus_id, source, title, current_version, sha256, media_type, origin, status)
    SELECT :document, id, 'file:///leave.md', 'Leave', 1, 'x', 'text/plain', 'human', 'current' FROM corpora;
INSERT INTO document_versions (document_id, version, title, text, sha256, characters)
    VALUES (:document, 1, 'Leave', :text, 'x', length(:text));
INSERT INTO chunks (corpus_id, document_id, version, ordinal, start_offset, end_offset, text, heading_path,
                    embedding, searchable)
    SELECT id, :document, 1, 0, 0, length(:text), :text, ARRAY['Leave'], '\\x00000000', true FROM corpora;
INSERT INTO signatures (document_id, bands) VALUES (:document, ARRAY[1, 2]);
INSERT INTO index_log (corpus_id, chunk_id, operation) SELECT corpus_id, id, 'add' FROM chunks;
INSERT INTO sessions (id, user_id, corpus_id) SELECT :session, :user, id FROM corpora;
INSERT INTO responses (id, session_id, user_id, corpus_id, question, answer, abstained,
                       answerable_probability, model, index_position, body, parameters, timings_ms)
    SELECT :response, :session, :user, id, 'How long is leave?', 'Thirty days', false, 0.9, 'm', 1,
           '{"answer": "Thirty days"}', '{"top_k": 10}', '{"total": 12.5}' FROM corpora;
INSERT INTO responses (id, session_id, parent_id, user_id, corpus_id, question, answer, abstained, model,
                       index_position, body, parameters, timings_ms)
    SELECT :follow_up, :session, :response, :user, id, 'And hers?', 'I do not know.', true, 'm', 1,
           '{}', '{}', '{}' FROM corpora;
INSERT INTO response_hits (response_id, rank, chunk_id, fused) SELECT :response, 1, id, 1.0 FROM chunks;
INSERT INTO response_citations (response_id, ordinal, document_id, document_version, chunk_id, start_offset,
                                end_offset, quote, answer_start, answer_end)
    SELECT :response, 1, :document, 1, id, 0, 11, 'Thirty days', 0, 11 FROM chunks;
INSERT INTO feedback (id, response_id, user_id, thumb, comment)
    VALUES (:response, :response, :user, 'up', 'Right.');
"""


@pytest.fixture
def upgraded(databases: TestDatabases, tmp_path: Path) -> Iterator[Database]:
    database = open_database(databases.create_empty("filled_at_8"), tmp_path)
    given = {
        "user": USER,
        "document": DOCUMENT,
        "session": SESSION,
        "response": RESPONSE,
        "follow_up": FOLLOW_UP,
        "text": TEXT,
        "hash": hashlib.sha256(SECRET.encode()).hexdigest(),
    }
    with database.connection() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for statement in FILLED_AT_8.split(";\n"):
            if statement.strip():
                connection.execute(text(statement), given)
    assert pending_migrations(database)
    migrate(database)
    assert not pending_migrations(database)
    yield database
    database.close()


def test_what_an_earlier_version_wrote_is_there_and_found(upgraded: Database) -> None:
    with upgraded.transaction() as session:
        key = access.authenticate(session, SECRET, "handbook")
        assert (key.user.name, key.user.groups, key.role) == ("ann", ("legal",), Role.REVIEWER)
        assert key.corpus is not None
        assert (key.corpus.dimension, key.corpus.restricted, key.corpus.has_lists) == (2, False, False)
        reader = Reader(USER)
        assert access_lists.level_of(session, key.corpus.id, reader) == Level.WRITE
        assert corpora.summary(session, "handbook", reader).chunks == 1
        assert documents.text(session, DOCUMENT, reader=reader).text == TEXT
        (chunk,) = documents.chunks_of(session, DOCUMENT, 1)
        assert documents.unlisted_chunks_by_id(session, [chunk.id]) == {chunk.id: chunk}
        found = conversations.get_response(session, RESPONSE)
        assert [citation.quote for citation in found.citations] == ["Thirty days"]
        assert [hit.chunk_id for hit in found.hits] == [chunk.id]
        filters = [ResponseFilter(reader=reader), ResponseFilter(text="thirty days", reader=reader)]
        pages = [conversations.list_responses(session, one, after=None, limit=9) for one in filters]
        assert {one.id for one in pages[0].responses} == {RESPONSE, FOLLOW_UP}
        assert [(one.id, one.total_ms) for one in pages[1].responses] == [(RESPONSE, 12.5)]
        assert feedback.get(session, RESPONSE).comment == "Right."


def test_tables_of_a_newer_version_are_left_alone(databases: TestDatabases, tmp_path: Path) -> None:
    database = open_database(databases.create_empty("newer"), tmp_path)
    with database.connection() as connection:
        connection.execute(text("CREATE TABLE alembic_version AS SELECT '9999' AS version_num"))
    with pytest.raises(NewerTablesError, match=r"9999.*newer Groundwork"):
        pending_migrations(database)
    database.close()
