from concurrent.futures import ThreadPoolExecutor, wait
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from store import conversations, corrections, documents, score_definitions, scores
from store.corrections import NewSpan, changes_between
from store.errors import UnknownResponseError
from store.postgres import Database
from store.review_errors import (
    CorrectionError,
    ScoreDefinitionArchivedError,
    ScoreDefinitionExistsError,
    ScoreDefinitionShapeError,
    ScoreDefinitionUsedError,
    ScoreValueError,
    UnknownScoreDefinitionError,
)
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource, Value
from store.types import Corpus
from tests.store.samples import with_chunks
from tests.store.test_conversations import new_response

SHARE = ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=1)
TONE = ScoreShape(ScoreKind.CATEGORICAL, categories=("kind", "rude"))


@pytest.fixture
def response_id(session: Session, corpus: Corpus) -> UUID:
    return conversations.record_response(session, new_response(session, corpus))


def by(user: str, definition: str, value: Value, source: ScoreSource = ScoreSource.PERSON) -> NewScore:
    return NewScore(definition, value, source, user=user)


def test_definition_is_changed_until_a_score_uses_it(session: Session, response_id: UUID) -> None:
    score_definitions.create(session, "good", SHARE)
    changed = score_definitions.change(session, "good", maximum=5.0)
    assert changed.shape == ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=5)
    scores.record(session, response_id, [by("ann", "good", 4)])
    assert score_definitions.get(session, "good").used
    assert score_definitions.change(session, "good", maximum=5.0).used  # nothing changes
    with pytest.raises(ScoreDefinitionUsedError, match="'good'"):
        score_definitions.change(session, "good", maximum=10.0)


def test_archived_definition_keeps_its_scores_and_takes_no_new_ones(
    session: Session, response_id: UUID
) -> None:
    score_definitions.create(session, "good", SHARE)
    scores.record(session, response_id, [by("ann", "good", 1)])
    archived = score_definitions.archive(session, "good", archived=True)
    assert archived.archived_at is not None
    assert score_definitions.page(session, after=None, limit=5, archived=False) == []
    with pytest.raises(ScoreDefinitionArchivedError, match="'good'"):
        scores.record(session, response_id, [by("bob", "good", 1)])
    assert [score.user for score in scores.of_response(session, response_id)] == ["ann"]
    score_definitions.archive(session, "good", archived=False)
    scores.record(session, response_id, [by("bob", "good", 1)])


def test_names_are_taken_once_and_listed_in_order(session: Session) -> None:
    for name in ("tone", "good"):
        score_definitions.create(session, name, SHARE)
    with pytest.raises(ScoreDefinitionExistsError):
        score_definitions.create(session, "good", TONE)
    assert [d.name for d in score_definitions.page(session, after=None, limit=9)] == ["good", "tone"]
    assert [d.name for d in score_definitions.page(session, after="good", limit=9)] == ["tone"]
    with pytest.raises(UnknownScoreDefinitionError, match="'bad'"):
        score_definitions.find(session, ["good", "bad"])


@pytest.mark.parametrize(
    "shape",
    [
        ScoreShape(ScoreKind.NUMERIC, minimum=1, maximum=1),
        ScoreShape(ScoreKind.NUMERIC, categories=("a", "b")),
        ScoreShape(ScoreKind.CATEGORICAL),
        ScoreShape(ScoreKind.CATEGORICAL, categories=("a", "a")),
        ScoreShape(ScoreKind.BOOLEAN, minimum=0),
    ],
)
def test_contradictory_definition_is_refused(session: Session, shape: ScoreShape) -> None:
    with pytest.raises(ScoreDefinitionShapeError, match="'odd'"):
        score_definitions.create(session, "odd", shape)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("share", 1.01),
        ("share", float("nan")),
        ("share", True),
        ("share", "0.5"),
        ("tone", "loud"),
        ("right", 1),
        ("note", "  "),
        ("note", 3.0),
    ],
)
def test_value_that_a_definition_does_not_allow_is_refused(
    session: Session, response_id: UUID, kind: str, value: Value
) -> None:
    for name, shape in (
        ("share", SHARE),
        ("tone", TONE),
        ("right", ScoreShape(ScoreKind.BOOLEAN)),
        ("note", ScoreShape(ScoreKind.TEXT)),
    ):
        score_definitions.create(session, name, shape)
    with pytest.raises(ScoreValueError, match=kind):
        scores.record(session, response_id, [by("ann", kind, value)])


def test_later_score_replaces_that_of_the_same_author_only_and_history_is_kept(
    session: Session, response_id: UUID
) -> None:
    score_definitions.create(session, "tone", TONE)
    for given in (
        by("ann", "tone", "rude"),
        by("bob", "tone", "rude"),
        by("ann", "tone", "kind", ScoreSource.API),
        NewScore("tone", "rude", ScoreSource.EVALUATOR, evaluator="judge", evaluator_version="1"),
        by("ann", "tone", "kind"),
        NewScore("tone", "kind", ScoreSource.EVALUATOR, evaluator="judge", evaluator_version="2"),
    ):
        scores.record(session, response_id, [given])
    now = [(s.source, s.user or s.evaluator, s.value) for s in scores.of_response(session, response_id)]
    assert now == [
        ("api", "ann", "kind"),
        ("evaluator", "judge", "kind"),
        ("person", "ann", "kind"),
        ("person", "bob", "rude"),
    ]
    everything = scores.of_response(session, response_id, history=True)
    past = [(s.user or s.evaluator_version, s.value) for s in everything if s.superseded_at is not None]
    assert past == [("1", "rude"), ("ann", "rude")]


def test_score_comes_back_as_it_was_given(session: Session, response_id: UUID) -> None:
    score_definitions.create(session, "right", ScoreShape(ScoreKind.BOOLEAN))
    given = NewScore("right", True, ScoreSource.PERSON, "ann", comment="Page 3.", details={"page": 3})
    [kept] = scores.record(session, response_id, [given])
    assert (kept.value, kept.comment, kept.details) == (True, "Page 3.", {"page": 3})
    assert scores.of_response(session, response_id) == [kept]
    with pytest.raises(UnknownResponseError):
        scores.record(session, UUID(int=1), [given])


def save(database: Database, response_id: UUID, score: NewScore) -> None:
    with database.transaction() as session:
        scores.record(session, response_id, [score])


def test_two_reviewers_who_save_at_once_lose_nothing(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        response_id = conversations.record_response(session, new_response(session, corpus))
        score_definitions.create(session, "good", SHARE)
        scores.record(session, response_id, [by("ann", "good", 0), by("bob", "good", 0)])
    with ThreadPoolExecutor(2) as threads, database.transaction() as first:
        scores.record(first, response_id, [by("ann", "good", 1)])
        waiting = threads.submit(save, database, response_id, by("bob", "good", 0.5))
        assert not wait([waiting], timeout=0.1).done  # until the first is through
        first.commit()
        waiting.result(timeout=30)
    with database.transaction() as session:
        assert [score.value for score in scores.of_response(session, response_id)] == [1, 0.5]


def test_correction_is_kept_as_a_difference_with_its_spans(
    session: Session, response_id: UUID, corpus: Corpus
) -> None:
    [document] = documents.put_many(session, corpus.id, [with_chunks("wiki:sky", "The sky is blue.")])
    span = NewSpan(document.id, 1, 4, 7)
    made = corrections.record(session, response_id, "ann", "Rayleigh scattering.", spans=[span])
    assert made.original == "Scattering."
    assert [(c.removed, c.added) for c in made.changes] == [("Scattering", "Rayleigh scattering")]
    assert [s.quote for s in made.spans] == ["sky"]
    later = corrections.record(session, response_id, "ann", "Scattering!", comment="Shorter.")
    assert corrections.of_response(session, response_id) == [later]
    assert [c.answer for c in corrections.of_response(session, response_id, history=True)] == [
        "Rayleigh scattering.",
        "Scattering!",
    ]
    assert corrections.page(session, after=None, limit=9).items == [later]


def test_span_outside_its_document_is_refused(session: Session, response_id: UUID, corpus: Corpus) -> None:
    [document] = documents.put_many(session, corpus.id, [with_chunks("wiki:sky", "Blue.")])
    for start, end in ((2, 6), (3, 3)):
        with pytest.raises(CorrectionError, match=str(document.id)):
            corrections.record(
                session, response_id, "ann", "No.", spans=[NewSpan(document.id, 1, start, end)]
            )


def test_changes_are_those_of_words() -> None:
    assert changes_between("Thirty days of leave.", "Thirty-two days of leave!") == [
        [6, 6, 6, 10],
        [20, 21, 24, 25],
    ]
    assert changes_between("", "New.") == [[0, 0, 0, 4]]
    assert changes_between("Same.", "Same.") == []
