from uuid import UUID

import httpx

from api.build import Application
from api.rescoring import rescore_responses
from rag.scoring.answer import AnswerScorer
from store import scores
from store.responses import ResponseFilter
from tests.api.test_responses import ask


def test_rescoring_adds_a_version_and_keeps_the_one_before(
    reader: httpx.Client, application: Application, handbook: str
) -> None:
    for question in ("How many days of leave are granted to everyone?", "Who books trains?"):
        ask(reader, question)
    by_words = AnswerScorer(None, application.encoder.encode)
    assert list(rescore_responses(application.database, by_words, ResponseFilter(corpus=handbook))) == [2]
    assert list(rescore_responses(application.database, by_words, ResponseFilter(corpus="other"))) == []
    listed = reader.get("/v1/responses").json()["responses"]
    answered = [response["id"] for response in listed if not response["abstained"]]
    for response_id in answered:
        with application.database.transaction() as session:
            found = scores.of_response(session, UUID(response_id), history=True)
        grounded = [s for s in found if s.definition == "groundedness"]
        assert [s.evaluator_version == "lexical-1" for s in grounded] == [False, True]
        assert [s.superseded_at is None for s in grounded] == [False, True]
