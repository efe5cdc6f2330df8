from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from store import (
    conversations,
    corrections,
    erasure,
    feedback,
    resealing,
    score_definitions,
    scores,
    sealing,
    sessions,
)
from store.errors import EncryptionKeyError
from store.feedback import FeedbackFilter, Thumb
from store.postgres import Database
from store.responses import ResponseFilter, Turn
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.sealed_text import MARK, read_text, stored_text
from store.sealing import MasterKey, Sealed, Sealer
from store.sessions import Place, SessionFilter
from store.tables import Base, DataKeyRow, ResponseRow
from store.types import Corpus
from tests.store.test_conversations import new_response

SECRET = "a secret of more than 32 characters"
OTHER = "another secret of more than 32 characters"
SAID = {
    "question": "Why is the heaven blue?",
    "answer": "Scattering of sunbeams.",
    "body": {"answer": "Scattering of sunbeams.", "query": "why heaven blue"},
    "parameters": {"filters": {"about": "heaven"}},
}
PLAIN = ["heaven", "sunbeam", "Scattering", "applause", "Rayleigh", "aerosol", "candour", "limelight"]
PLAIN += ["sombre", "Skies"]
ALL = {"responses": 1, "feedback": 1, "corrections": 1, "scores": 2, "sessions": 1}


@pytest.fixture
def sealed(database: Database) -> Database:
    """The database with a key."""
    database.seal_with(MasterKey(SECRET))
    return database


@pytest.fixture
def logged(sealed: Database, corpus: Corpus) -> UUID:
    return log(sealed, corpus)


def log(database: Database, corpus: Corpus) -> UUID:
    """A response with feedback."""
    with database.transaction() as session:
        response_id = conversations.record_response(session, new_response(session, corpus, **SAID))
        feedback.give(session, response_id, "eve", comment="My applause.", correction="Rayleigh's.")
        corrections.record(session, response_id, "rita", "Thinner aerosols.", comment="With candour.")
        score_definitions.ensure(session, "tone", ScoreShape(ScoreKind.NUMERIC))
        score = NewScore("tone", 1.0, ScoreSource.PERSON, "rita", comment="In the limelight.")
        score_definitions.ensure(session, "mood", ScoreShape(ScoreKind.TEXT))
        scores.record(
            session, response_id, [score, NewScore("mood", "A sombre one.", ScoreSource.API, "rita")]
        )
        opened = session.scalars(select(ResponseRow.session_id).where(ResponseRow.id == response_id)).one()
        sessions.rename(session, opened, "Skies of all kinds")
    return response_id


def dump(database: Database) -> str:
    """All that the database holds, bytes too."""
    with database.connection() as connection:
        rows = [
            str(row) for table in Base.metadata.sorted_tables for row in connection.execute(table.select())
        ]
    return "\n".join(rows)


def found(session: Session, words: str) -> list[UUID]:
    page = conversations.list_responses(session, ResponseFilter(text=words), after=None, limit=100)
    return [response.id for response in page.responses]


def test_database_holds_no_word_of_what_was_said(sealed: Database, logged: UUID) -> None:
    held = dump(sealed)
    assert str(logged) in held
    assert [word for word in [*PLAIN, "scattering"] if word in held] == []


def test_log_is_read_as_it_was_written(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        response = conversations.get_response(session, logged)
        [listed] = conversations.list_responses(session, ResponseFilter(), after=None, limit=9).responses
        summary = sessions.get(session, listed.session_id, "ann")
        [turn] = sessions.turns_before(session, Place(listed.session_id, logged), 5)
        [said] = feedback.page(session, FeedbackFilter(corrected=True), after=None, limit=9).items
    assert (response.body, response.parameters) == (SAID["body"], SAID["parameters"])
    assert [citation.quote for citation in response.citations] == ["scattering"]
    assert (listed.question, listed.answer) == (SAID["question"], SAID["answer"])
    assert response.summary == listed
    assert summary.first_question == SAID["question"]
    assert turn == Turn("Why is the heaven blue?", "why heaven blue", "Scattering of sunbeams.")
    with sealed.transaction() as session:
        [corrected] = corrections.of_response(session, logged)
        text, score = scores.of_response(session, logged)
    assert (said.comment, said.correction) == ("My applause.", "Rayleigh's.")
    assert (corrected.original, corrected.answer) == (SAID["answer"], "Thinner aerosols.")
    assert (corrected.comment, score.comment) == ("With candour.", "In the limelight.")
    assert (text.value, summary.title) == ("A sombre one.", "Skies of all kinds")


def test_feedback_that_is_given_again_takes_the_place_of_the_first(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        feedback.give(session, logged, "eve", thumb=Thumb.UP)
        [said] = feedback.page(session, FeedbackFilter(), after=None, limit=9).items
    assert (said.thumb, said.comment, said.correction) == (Thumb.UP, None, None)


def test_words_are_found_by_their_stems(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        for words in ("heavens", "blue SCATTER", "the sunbeam"):
            assert found(session, words) == [logged], words
        for words in ("heav", "blue sea", "?", "eaven"):
            assert found(session, words) == [], words


def test_title_is_found_by_its_words(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        for words, count in (("sky KIND", 1), ("skies of", 1), ("ski", 0), ("heaven", 0)):
            batch = sessions.page(session, SessionFilter(title=words), after=None, limit=9)
            assert len(batch.items) == count, words


def test_plain_rows_stay_readable_and_can_be_sealed(database: Database, corpus: Corpus) -> None:
    plain = log(database, corpus)
    database.seal_with(MasterKey(SECRET))
    with database.transaction() as session:
        assert conversations.get_response(session, plain).body == SAID["body"]
        assert found(session, "eaven") == [plain]
    assert resealing.seal_all(database) == ALL
    assert resealing.seal_all(database) == dict.fromkeys(ALL, 0)
    resealing.compact(database)
    assert [word for word in PLAIN if word in dump(database)] == []
    with database.transaction() as session:
        assert found(session, "heaven") == [plain]
        assert conversations.get_response(session, plain).citations[0].quote == "scattering"
        counts = resealing.counts(session)
    assert {name: (c.sealed, c.plain) for name, c in counts.items()} == {
        name: (n, 0) for name, n in ALL.items()
    }


def test_many_rows_are_sealed_some_at_a_time(
    database: Database, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BLOCKS_AT_ONCE", 1)
    plain = [log(database, corpus) for _ in range(30)]
    database.seal_with(MasterKey(SECRET))
    with database.transaction() as session:
        assert session.scalar(text("SELECT pg_relation_size('responses')")) > 8192
    assert resealing.seal_all(database) == {name: 30 * n for name, n in ALL.items()}
    assert resealing.seal_all(database) == dict.fromkeys(ALL, 0)
    with database.transaction() as session:
        assert sorted(found(session, "heaven")) == sorted(plain)
        for each in plain:
            assert conversations.get_response(session, each).citations[0].quote == "scattering"
            values = scores.values_of(session, [each])[each]
            assert values == {"tone": 1.0, "mood": "A sombre one."}


def test_row_cannot_be_passed_off_as_another(sealed: Database, corpus: Corpus, logged: UUID) -> None:
    other = log(sealed, corpus)
    with sealed.transaction() as session:
        row = session.execute(
            select(ResponseRow.sealed, ResponseRow.data_key_id).where(ResponseRow.id == other)
        )
        stolen = row.one()
        session.execute(
            update(ResponseRow)
            .where(ResponseRow.id == logged)
            .values(sealed=stolen.sealed, data_key_id=stolen.data_key_id)
        )
    with pytest.raises(EncryptionKeyError, match="belongs to another row"), sealed.transaction() as session:
        conversations.get_response(session, logged)


def test_log_needs_its_key(sealed: Database, logged: UUID, database: Database) -> None:
    with sealed.transaction() as session:
        sealing.check(session, MasterKey(SECRET))
        with pytest.raises(EncryptionKeyError, match=r"no encryption key is set.*RAG_ENCRYPTION_KEY_FILE"):
            sealing.check(session, None)
        with pytest.raises(EncryptionKeyError, match=rf"{MasterKey(SECRET).id}.*{MasterKey(OTHER).id}"):
            sealing.check(session, MasterKey(OTHER))
    other = Sealer(MasterKey(OTHER), sealed.transaction)
    with pytest.raises(EncryptionKeyError, match="another key"):
        other.seal("x", {})
    bare = Database(sealed.engine)
    with pytest.raises(EncryptionKeyError, match="no key is set"), bare.transaction() as session:
        conversations.get_response(session, logged)


def test_master_key_is_long_and_shows_itself_nowhere() -> None:
    assert SECRET not in repr(MasterKey(SECRET))
    with pytest.raises(EncryptionKeyError, match="31 characters"):
        MasterKey("x" * 31)


def test_each_day_has_a_data_key_which_all_share(sealed: Database) -> None:
    days = [datetime.now(UTC).date()]
    sealers = [Sealer(MasterKey(SECRET), sealed.transaction, lambda: days[-1]) for _ in range(2)]
    first = [sealer.seal("row 1", {"a": 1}) for sealer in sealers]
    assert first[0].data_key_id == first[1].data_key_id
    assert first[0].ciphertext != first[1].ciphertext
    days.append(days[0] + timedelta(days=1))
    second = sealers[0].seal("row 1", {"a": 2})
    assert second.data_key_id != first[0].data_key_id
    with sealed.transaction() as session:
        read = [sealers[1].open(session, "row 1", each) for each in (first[0], second)]
        assert read == [{"a": 1}, {"a": 2}]
        changed = Sealed(second.data_key_id, second.ciphertext[:-1] + b"\0")
        with pytest.raises(EncryptionKeyError, match="was changed"):
            sealers[1].open(session, "row 1", changed)


def test_key_is_changed_without_touching_rows(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        before = session.scalars(select(ResponseRow.sealed)).one()
        assert sealing.rewrap(session, MasterKey(SECRET), MasterKey(OTHER)) == 2
    sealed.seal_with(MasterKey(OTHER))
    with sealed.transaction() as session:
        assert session.scalars(select(ResponseRow.sealed)).one() == before
        assert conversations.get_response(session, logged).body == SAID["body"]
        assert found(session, "heaven") == [logged]
    with pytest.raises(EncryptionKeyError), sealed.transaction() as session:
        sealing.rewrap(session, MasterKey(SECRET), MasterKey(OTHER))


def test_rows_are_sealed_anew_with_new_data_keys(sealed: Database, logged: UUID) -> None:
    with sealed.transaction() as session:
        old = session.execute(select(ResponseRow.data_key_id, ResponseRow.words)).one()
    assert sealed.sealer is not None
    sealed.sealer.renew()
    assert resealing.seal_all(sealed, again=True) == ALL
    assert resealing.seal_all(sealed, again=True) == dict.fromkeys(ALL, 0)
    with sealed.transaction() as session:
        new = session.execute(select(ResponseRow.data_key_id, ResponseRow.words)).one()
        assert new.data_key_id != old.data_key_id
        assert set(new.words).isdisjoint(old.words)
        assert found(session, "heaven") == [logged]
        assert conversations.get_response(session, logged).body == SAID["body"]
        assert len(session.scalars(select(DataKeyRow.id)).all()) == 4


def test_person_is_forgotten_in_sealed_rows(sealed: Database, logged: UUID) -> None:
    def cover(value: str) -> str:
        for word in ("sunbeams", "applause", "aerosols", "limelight", "sombre", "Skies"):
            value = value.replace(word, "█" * len(word))
        return value

    for write in (False, True):
        with sealed.transaction() as session:
            assert erasure.cover_elsewhere(session, cover, write=write) == ALL
    with sealed.transaction() as session:
        assert erasure.cover_elsewhere(session, cover, write=True) == {}
        response = conversations.get_response(session, logged)
        assert (response.summary.answer, response.body["answer"]) == (f"Scattering of {'█' * 8}.",) * 2
        assert found(session, "sunbeams") == []
        assert (
            feedback.page(session, FeedbackFilter(), after=None, limit=9).items[0].comment == f"My {'█' * 8}."
        )


def test_key_that_the_database_lost_seals_nothing(sealed: Database, corpus: Corpus, logged: UUID) -> None:
    with sealed.transaction() as session:
        session.execute(text("DELETE FROM feedback"))
        session.execute(text("DELETE FROM responses"))
        session.execute(text("DELETE FROM data_keys"))
    with pytest.raises(Exception, match="data_key_id"):
        log(sealed, corpus)


def test_text_that_looks_sealed_is_stored_as_what_it_is(database: Database, corpus: Corpus) -> None:
    forged = f"{MARK}{MARK}not sealed"
    with database.transaction() as session:
        stored = stored_text(session, "x", forged)
        assert read_text(session, "x", stored) == stored == "not sealed"
    database.seal_with(MasterKey(SECRET))
    with database.transaction() as session:
        stored = stored_text(session, "x", forged)
        assert read_text(session, "x", stored) == forged
        with pytest.raises(EncryptionKeyError, match="another row"):
            read_text(session, "y", stored)
