"""Scoring what was logged again, with the scorer of today."""

from collections.abc import Iterator

from rag.scoring.answer import AnswerScorer, answer_to_score
from store import conversations, evaluations
from store.postgres import Database
from store.responses import ResponseFilter

RESPONSES_AT_ONCE = 20


def rescore_responses(database: Database, scorer: AnswerScorer, wanted: ResponseFilter) -> Iterator[int]:
    """Score the responses that a filter lets through, the newest first; tells how many are done.

    Each batch is stored in a transaction of its own, so that it can be broken off and begun anew.
    """
    done, after, more = 0, None, True
    while more:
        with database.transaction() as session:
            page = conversations.list_responses(session, wanted, after=after, limit=RESPONSES_AT_ONCE)
            found = [conversations.get_response(session, summary.id) for summary in page.responses]
        scored = scorer.score_many(
            [answer_to_score(r.body.get("query") or r.summary.question, r.body) for r in found]
        )
        with database.transaction() as session:
            for response, scores in zip(found, scored, strict=True):
                evaluations.record_again(session, response.summary.id, scores)
        done, after, more = done + len(found), page.next, page.next is not None
        if found:
            yield done
