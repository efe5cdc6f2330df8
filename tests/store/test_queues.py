from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from store import conversations, feedback, queue_items, queues, score_definitions, scores
from store.feedback import Thumb
from store.postgres import Database
from store.queues import NewQueue, Queue
from store.responses import ResponseFilter
from store.review_errors import (
    LeaseError,
    NotReviewerError,
    QueueClosedError,
    QueueExistsError,
    UnknownQueueItemError,
    UnknownScoreDefinitionError,
)
from store.score_definitions import ScoreKind, ScoreShape
from store.scores import NewScore, ScoreSource
from store.tables import QueueItemRow
from store.types import Corpus
from tests.store.test_conversations import new_response

GOOD = ScoreShape(ScoreKind.NUMERIC, minimum=0, maximum=10)


def logged(session: Session, corpus: Corpus, probabilities: list[float]) -> list[UUID]:
    return [
        conversations.record_response(session, new_response(session, corpus, answerable_probability=p))
        for p in probabilities
    ]


def filled(session: Session, corpus: Corpus, probabilities: list[float], reviews_wanted: int = 1) -> Queue:
    """A queue with responses of these probabilities."""
    score_definitions.ensure(session, "good", GOOD)
    new = NewQueue("Doubtful", "root", ("good",), reviews_wanted=reviews_wanted)
    queue = queues.create(session, new)
    ids = logged(session, corpus, probabilities)
    assert queue_items.add(session, queue, queue_items.chosen(ids)) == len(ids)
    return queue


def good(session: Session, response_id: UUID, user: str, value: float) -> None:
    scores.record(session, response_id, [NewScore("good", value, ScoreSource.PERSON, user)])


def test_queue_is_read_as_it_was_made(session: Session, corpus: Corpus) -> None:
    for name in ("good", "bad"):
        score_definitions.create(session, name, GOOD)
    new = NewQueue("Doubtful", "root", ("good", "bad"), ("rita", "ann"), 2, 60, "Look twice.")
    queue = queues.create(session, new)
    assert (queue.definitions, queue.reviewers) == (("good", "bad"), ("ann", "rita"))
    assert (queue.reviews_wanted, queue.lease_s, queue.items, queue.done) == (2, 60, 0, 0)
    assert queues.page(session, after=None, limit=5, reviewer="rita") == [queue]
    assert queues.page(session, after=None, limit=5, reviewer="eve") == []
    with pytest.raises(QueueExistsError, match="'Doubtful'"):
        queues.create(session, new)
    with pytest.raises(UnknownScoreDefinitionError):
        queues.create(session, NewQueue("Other", "root", ("none",)))


def test_only_its_reviewers_review_an_open_queue(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [])
    queues.check_may_review(queue, "anybody")
    queue = queues.change(session, queue.id, reviewers=["rita"], description="Hers.")
    queues.check_may_review(queue, "rita")
    with pytest.raises(NotReviewerError, match="'eve'"):
        queues.check_may_review(queue, "eve")
    with pytest.raises(QueueClosedError):
        queues.check_may_review(queues.change(session, queue.id, closed=True), "rita")
    assert queues.change(session, queue.id, closed=False).closed_at is None


def test_what_is_in_doubt_comes_first_then_what_reviewers_disagree_on(
    session: Session, corpus: Corpus
) -> None:
    queue = filled(session, corpus, [0.9, 0.2, 0.6])
    items = {item.response_id: item for item in queue_items.page(session, queue, after=None, limit=9)}
    assert sorted(round(item.priority, 6) for item in items.values()) == [0.1, 0.4, 0.8]
    certain = next(item for item in items.values() if item.priority < 0.2)
    good(session, certain.response_id, "ann", 1)
    good(session, certain.response_id, "bob", 10)
    other = queues.create(session, NewQueue("Again", "root", ("good",)))
    queue_items.add(session, other, queue_items.chosen(list(items)))
    first = queue_items.hand_out(session, other, "rita")
    assert first is not None
    assert (first.response_id, round(first.priority, 6)) == (
        certain.response_id,
        1.0,
    )  # 9/10 apart, 0.1 in doubt


def test_thumbs_both_ways_are_a_disagreement(session: Session, corpus: Corpus) -> None:
    [response_id] = logged(session, corpus, [1.0])
    feedback.give(session, response_id, "ann", thumb=Thumb.UP)
    feedback.give(session, response_id, "bob", thumb=Thumb.DOWN)
    score_definitions.create(session, "good", GOOD)
    queue = queues.create(session, NewQueue("Thumbs", "root", ("good",)))
    queue_items.add(session, queue, queue_items.chosen([response_id]))
    assert queue_items.page(session, queue, after=None, limit=1)[0].priority == 1.0


def test_item_is_in_one_persons_hands(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2, 0.6])
    ann = queue_items.hand_out(session, queue, "ann")
    bob = queue_items.hand_out(session, queue, "bob")
    assert ann and bob
    assert {ann.id, bob.id} == {i.id for i in queue_items.page(session, queue, after=None, limit=9)}
    assert queue_items.hand_out(session, queue, "eve") is None
    again = queue_items.hand_out(session, queue, "ann")
    assert again is not None
    assert again.id == ann.id


def test_many_who_ask_at_once_get_different_items(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        queue = filled(session, corpus, [0.5] * 6)

    def take(number: int) -> UUID | None:
        with database.transaction() as session:
            item = queue_items.hand_out(session, queue, f"reviewer {number}")
        return item.id if item else None

    with ThreadPoolExecutor(6) as threads:
        taken = list(threads.map(take, range(6)))
    assert len(set(taken) - {None}) == 6


def expire(session: Session, item_id: UUID, at: datetime) -> None:
    ended = update(QueueItemRow).where(QueueItemRow.id == item_id).values(leased_until=at)
    session.execute(ended, execution_options={"synchronize_session": False})


def test_lease_that_ended_gives_the_item_to_the_next(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2])
    ann = queue_items.hand_out(session, queue, "ann")
    assert ann is not None
    assert ann.leased_until is not None
    assert queue_items.hand_out(session, queue, "bob") is None
    expire(session, ann.id, ann.leased_until - timedelta(seconds=queue.lease_s + 1))
    bob = queue_items.hand_out(session, queue, "bob")
    assert bob is not None
    assert bob.id == ann.id
    with pytest.raises(LeaseError, match="somebody else"):
        queue_items.submit(session, queue, ann.id, "ann")
    assert queue_items.submit(session, queue, ann.id, "bob").done_at is not None
    with pytest.raises(LeaseError, match="done"):
        queue_items.submit(session, queue, ann.id, "ann")


def test_late_submission_counts_while_nobody_else_has_the_item(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2])
    item = queue_items.hand_out(session, queue, "ann")
    assert item is not None
    assert item.leased_until is not None
    expire(session, item.id, item.leased_until - timedelta(hours=9))
    assert queue_items.submit(session, queue, item.id, "ann").submitted == 1


def test_item_is_done_after_as_many_persons_as_are_wanted(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2], reviews_wanted=2)
    for user, is_done in (("ann", False), ("bob", True)):
        item = queue_items.hand_out(session, queue, user)
        assert item is not None
        assert (queue_items.submit(session, queue, item.id, user).done_at is not None) == is_done
        assert queue_items.hand_out(session, queue, user) is None
    assert queues.get(session, queue.id).done == 1


def test_skipped_item_goes_to_others_and_does_not_come_back(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2])
    item = queue_items.hand_out(session, queue, "ann")
    assert item is not None
    assert queue_items.skip(session, queue, item.id, "ann").skipped == 1
    assert queue_items.hand_out(session, queue, "ann") is None
    assert queue_items.waiting_for(session, queue, "ann") == 0
    with pytest.raises(LeaseError, match="already"):
        queue_items.submit(session, queue, item.id, "ann")
    assert queue_items.hand_out(session, queue, "bob") is not None
    with pytest.raises(UnknownQueueItemError):
        queue_items.skip(session, queue, UUID(int=4), "bob")


def test_responses_come_in_once_by_filter_or_sample(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [])
    logged(session, corpus, [0.1] * 8)
    conversations.record_response(session, new_response(session, corpus, abstained=True))
    answered = conversations.matching(session, ResponseFilter(abstained=False))
    assert queue_items.add(session, queue, queue_items.sample(answered, 3, seed=1)) == 3
    assert queue_items.add(session, queue, queue_items.sample(answered, 3, seed=1)) == 0
    assert queue_items.add(session, queue, answered) == 5
    assert queues.get(session, queue.id).items == 8


def test_ratings_are_what_persons_said_of_the_queues_scores(session: Session, corpus: Corpus) -> None:
    queue = filled(session, corpus, [0.2])
    score_definitions.create(session, "other", GOOD)
    [item] = queue_items.page(session, queue, after=None, limit=9)
    good(session, item.response_id, "ann", 3)
    good(session, item.response_id, "ann", 0)
    scores.record(session, item.response_id, [NewScore("other", 9, ScoreSource.PERSON, "ann")])
    judged = NewScore("good", 9, ScoreSource.EVALUATOR, evaluator="judge", evaluator_version="1")
    scores.record(session, item.response_id, [judged])
    assert [(r.user, r.definition, r.value) for r in queue_items.ratings(session, queue)] == [
        ("ann", "good", 0)
    ]
