from sqlalchemy.orm import Session

from store import conversations, evaluations, score_definitions, scores
from store.evaluations import Evaluation
from store.score_definitions import ScoreKind, ScoreShape
from store.types import Corpus
from tests.store.test_conversations import new_response


def test_scores_of_a_new_response_are_kept_and_replaced_by_later_versions(
    session: Session, corpus: Corpus
) -> None:
    first = Evaluation("groundedness", 0.5, "1", "Borne out?", {"sentences": [0.5]})
    scored = [first, Evaluation("overall", 1, "1")]
    response_id = conversations.record_response(session, new_response(session, corpus), scored)
    evaluations.record_again(session, response_id, [Evaluation("groundedness", 0.75, "2")])
    now = scores.of_response(session, response_id)
    assert [(s.definition, s.value, s.evaluator, s.evaluator_version) for s in now] == [
        ("groundedness", 0.75, "groundwork", "2"),
        ("overall", 1.0, "groundwork", "1"),
    ]
    past = [s for s in scores.of_response(session, response_id, history=True) if s.superseded_at]
    assert [(s.value, s.details) for s in past] == [(0.5, {"sentences": [0.5]})]
    assert score_definitions.get(session, "groundedness").shape.description == "Borne out?"


def test_definition_that_was_archived_or_means_another_thing_takes_none(
    session: Session, corpus: Corpus
) -> None:
    score_definitions.create(session, "overall", ScoreShape(ScoreKind.TEXT))
    score_definitions.create(session, "novelty", ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=1))
    score_definitions.archive(session, "novelty", archived=True)
    said = [Evaluation("overall", 1, "1"), Evaluation("novelty", 1, "1")]
    response_id = conversations.record_response(session, new_response(session, corpus), said)
    evaluations.record_again(session, response_id, said)
    assert scores.of_response(session, response_id) == []


def test_score_that_is_not_known_any_more_leaves_only_its_history(session: Session, corpus: Corpus) -> None:
    unknown = Evaluation("novelty", None, "2", unknown="no record")
    response_id = conversations.record_response(
        session,
        new_response(session, corpus),
        [Evaluation("novelty", 0.5, "1"), Evaluation("overall", 1, "1")],
    )
    evaluations.record_again(session, response_id, [unknown, Evaluation("overall", 0.5, "1")])
    assert [s.definition for s in scores.of_response(session, response_id)] == ["overall"]
    history = scores.of_response(session, response_id, history=True)
    assert [s.value for s in history if s.definition == "novelty"] == [0.5]


def test_nothing_is_stored_or_defined_of_a_score_that_is_not_known(session: Session, corpus: Corpus) -> None:
    unknown = Evaluation("novelty", None, "2", unknown="no record")
    response_id = conversations.record_response(session, new_response(session, corpus), [unknown])
    assert scores.of_response(session, response_id, history=True) == []
    assert score_definitions.page(session, after=None, limit=9) == []
