import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.scoring.answer import AnswerScorer, AnswerToScore, ScoredSentence, answer_to_score

LEAVE = "Thirty days of leave are granted."
ANSWER = AnswerToScore(
    question="How much leave is granted?",
    sentences=(ScoredSentence(LEAVE, True, (LEAVE,)), ScoredSentence("Cats purr.", False, ())),
    passages=(f"Leave\n{LEAVE} Trains are booked.",),
    relevance=(0.25, 0.75),
    answerable_probability=0.8,
)


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors that say whether a text speaks of leave."""
    return np.array([[1, 0] if "leave" in text else [-1, 0] for text in texts], dtype=np.float32)


def scored(answer: AnswerToScore) -> dict[str, float]:
    found = AnswerScorer(None, encode).score(answer)
    return {score.name: score.value for score in found if score.value is not None}


def test_scores_by_words_alone_as_worked_by_hand() -> None:
    found = scored(ANSWER)
    assert found["groundedness"] == 0.5  # all words of the one, none of the other
    assert found["unsupported_share"] == 0.5
    assert (found["retrieval_confidence"], found["answerability"]) == (0.75, 0.8)
    assert found["answer_relevance"] == 1
    assert found["overall"] == pytest.approx((0.5 * 0.75 * 0.8) ** (1 / 3))


def test_scores_say_what_they_rest_on() -> None:
    by_name = {score.name: score for score in AnswerScorer(None, encode).score(ANSWER)}
    assert by_name["groundedness"].details == {"sentences": [1.0, 0.0], "threshold": 0.5}
    assert by_name["groundedness"].version == "lexical-1"
    assert all(score.description for score in by_name.values())


def test_withheld_answer_has_no_scores_of_its_text() -> None:
    assert set(scored(replace(ANSWER, sentences=()))) == {"retrieval_confidence", "answerability"}
    assert scored(replace(ANSWER, sentences=(), relevance=(), answerable_probability=None)) == {}


def test_no_score_is_ever_nan_or_out_of_range() -> None:
    odd = replace(ANSWER, question="", relevance=(math.nan,), answerable_probability=1.2)
    for answer in (odd, replace(odd, sentences=(ScoredSentence("…", False, ("",)),))):
        assert all(0 <= value <= 1 for value in scored(answer).values())


def test_short_answer_is_compared_in_the_sentence_that_it_was_copied_from() -> None:
    copied = replace(ANSWER, sentences=(ScoredSentence("Thirty days", True, (LEAVE,)),))
    alone = replace(ANSWER, sentences=(ScoredSentence("Thirty days", True, ("Thirty days",)),))
    assert (scored(copied)["answer_relevance"], scored(alone)["answer_relevance"]) == (1, 0)


def test_question_that_was_embedded_is_not_embedded_again() -> None:
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return encode(texts)

    other = np.array([0, 1], dtype=np.float32)
    scorer = AnswerScorer(None, counted)
    relevance = [
        next(s.value for s in scores if s.name == "answer_relevance")
        for scores in scorer.score_many([replace(ANSWER, question_vector=other), ANSWER])
    ]
    assert relevance == [0, 1]
    assert asked.count(ANSWER.question) == 1


def test_many_answers_are_scored_as_each_alone() -> None:
    scorer = AnswerScorer(None, encode)
    answers = [ANSWER, replace(ANSWER, sentences=()), replace(ANSWER, sentences=ANSWER.sentences[1:])]
    assert scorer.score_many(answers) == [scorer.score(answer) for answer in answers]


def test_logged_answer_gives_the_sentences_that_its_citations_touch() -> None:
    text = f"Rules apply. {LEAVE} Trains are booked."
    start = text.index("Thirty")
    hit: dict[str, Any] = {"chunk_id": 7, "text": text, "start": 100, "title": "Leave"}
    hit["scores"] = {"rerank": 0.5}
    citation = {"id": 1, "chunk_id": 7, "start": 100 + start, "end": 111 + start, "quote": "Thirty days"}
    gone = {"id": 2, "chunk_id": 8, "start": 0, "end": 4, "quote": "Cats"}
    sentences = [{"text": "Thirty days. Cats.", "supported": True, "citation_ids": [1, 2]}]
    body = {
        "hits": [hit],
        "citations": [citation, gone],
        "sentences": sentences,
        "abstained": False,
        "answerable_probability": 0.9,
    }
    found = answer_to_score("How much?", body)
    assert found.sentences == (ScoredSentence("Thirty days. Cats.", True, (f"Leave\n{LEAVE}", "Cats")),)
    assert (found.passages, found.relevance) == ((f"Leave\n{text}",), (0.5,))
    assert answer_to_score("How much?", {**body, "abstained": True}).sentences == ()
