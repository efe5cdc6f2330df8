"""The scores of an answer, worked out at once, without a judge model; `docs/scores.md` says what they mean.

All are between 0 and 1, more is better but for `unsupported_share`. What cannot be said of an answer, such as
the groundedness of one that was withheld, is left out, or comes without a value: a score is never NaN.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.generator.words import WORD, sentence_around
from rag.scoring.features import Lexicon
from rag.scoring.groundedness import GroundednessScorer
from rag.scoring.novelty import novelty
from rag.scoring.records import TrainingRecords
from store.evaluations import Evaluation

GROUNDEDNESS = "groundedness"
RELEVANCE = "answer_relevance"
RETRIEVAL = "retrieval_confidence"
ANSWERABILITY = "answerability"
UNSUPPORTED = "unsupported_share"
OVERALL = "overall"

DESCRIPTIONS = {
    GROUNDEDNESS: "How probably the answer's sentences are borne out by what they cite, on average.",
    RELEVANCE: "How near the answer is in meaning to the question.",
    RETRIEVAL: "How far the best passage answers the question.",
    ANSWERABILITY: "How probably the passages hold the answer.",
    UNSUPPORTED: "The share of the answer's sentences that their citations do not bear out.",
    OVERALL: "The geometric mean of groundedness, answerability and retrieval confidence.",
}
RULES = "1"
"""The version of what is worked out by rules; a change of any of them is another version."""
SHORT_WORDS = 4
"""A shorter answer is compared with the question in the sentence that it was copied from."""
LEAST = 0.01
"""What a part of the overall score counts for at least, so that one zero does not hide the others."""

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence of an answer with the texts that its citations quote, each in its surroundings."""

    text: str
    supported: bool
    """Whether its citations hold all its words, as the answer says of it."""
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class AnswerToScore:
    """What the scores are worked out from; an answer that was withheld has no sentences."""

    question: str
    sentences: tuple[ScoredSentence, ...]
    passages: tuple[str, ...]
    """Titles and texts of what was read."""
    relevance: tuple[float, ...]
    """How far each of the passages answers the question, between 0 and 1; empty where nobody judged."""
    answerable_probability: float | None
    model: str = ""
    """The name of what wrote the answer."""
    question_vector: NDArray[np.float32] | None = field(default=None, compare=False)
    """The question as the encoder sees it, where that is known already."""


class AnswerScorer:
    """Scores answers; thread-safe."""

    def __init__(
        self,
        groundedness: GroundednessScorer | None,
        encode: Encode,
        records: TrainingRecords | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            groundedness: without it, groundedness is the share of a sentence's words that its evidence has.
            encode: gives unit vectors of texts.
            records: of what models were trained on; without them novelty is not always known.
        """
        self._classifier = groundedness
        self._encode = encode
        self._records = records
        self._lexicon = Lexicon()
        self._version = "lexical-1" if groundedness is None else f"{groundedness.version}-{RULES}"
        self._threshold = 0.5 if groundedness is None else groundedness.calibration.threshold

    def score(self, answer: AnswerToScore) -> tuple[Evaluation, ...]:
        """The scores of one answer."""
        return self.score_many([answer])[0]

    def score_many(self, answers: Sequence[AnswerToScore]) -> list[tuple[Evaluation, ...]]:
        """The scores of each answer, the classifier and the encoder running once for all."""
        grounded = iter(self._grounded([s for answer in answers for s in answer.sentences]))
        relevant = iter(self._relevant([answer for answer in answers if answer.sentences]))
        found = []
        for answer in answers:
            each = [next(grounded) for _ in answer.sentences]
            scores = [*self._of_evidence(answer)]
            if answer.sentences:
                scores += self._of_sentences(answer, each)
                scores.append(_evaluation(RELEVANCE, next(relevant), RULES))
                scores.append(self._overall(scores))
            found.append(tuple(scores))
        return found

    def _grounded(self, sentences: Sequence[ScoredSentence]) -> list[float]:
        pairs = [("\n".join(s.evidence), s.text) for s in sentences]
        if self._classifier is not None:
            return self._classifier.score(pairs)
        return [self._lexicon.lexical_support(e, claim) if e.strip() else 0.0 for e, claim in pairs]

    def _relevant(self, answers: Sequence[AnswerToScore]) -> list[float]:
        """Cosines of questions and answers, none below 0."""
        if not answers:
            return []
        asked = [answer.question for answer in answers if answer.question_vector is None]
        vectors = iter(self._encode([*asked, *map(_spoken, answers)]))
        questions = [next(vectors) if a.question_vector is None else a.question_vector for a in answers]
        pairs = zip(questions, vectors, strict=True)
        return [_bounded(float(np.dot(q.astype(np.float64), a))) for q, a in pairs]

    def _of_evidence(self, answer: AnswerToScore) -> list[Evaluation]:
        scores = []
        if answer.relevance:
            scores.append(_evaluation(RETRIEVAL, _bounded(max(answer.relevance)), RULES))
        if answer.answerable_probability is not None:
            scores.append(_evaluation(ANSWERABILITY, _bounded(answer.answerable_probability), RULES))
        return scores

    def _of_sentences(self, answer: AnswerToScore, grounded: Sequence[float]) -> list[Evaluation]:
        sentences = answer.sentences
        borne_out = [s.supported and p >= self._threshold for s, p in zip(sentences, grounded, strict=True)]
        details = {"sentences": [round(p, 4) for p in grounded], "threshold": round(self._threshold, 4)}
        unsupported = 1 - sum(borne_out) / len(sentences)
        return [
            _evaluation(GROUNDEDNESS, _bounded(sum(grounded) / len(grounded)), self._version, details),
            _evaluation(UNSUPPORTED, unsupported, self._version, {"supported": borne_out}),
            novelty(_said(answer), _given(answer), answer.model, self._records),
        ]

    def _overall(self, scores: Sequence[Evaluation]) -> Evaluation:
        """The geometric mean of what speaks for the answer."""
        told = (GROUNDEDNESS, ANSWERABILITY, RETRIEVAL)
        parts = {s.name: s.value for s in scores if s.name in told and s.value is not None}
        logs = [math.log(max(LEAST, value)) for value in parts.values()]
        return _evaluation(OVERALL, _bounded(math.exp(sum(logs) / len(logs))), self._version, parts)


def answer_to_score(
    question: str, body: Mapping[str, Any], question_vector: NDArray[np.float32] | None = None
) -> AnswerToScore:
    """What the scores of an answer are worked out from, of the answer as the log has it.

    `question_vector` is the question's, where the encoder has seen it already.
    """
    hits = {hit["chunk_id"]: hit for hit in body["hits"]}
    citations = {citation["id"]: citation for citation in body["citations"]}
    sentences = []
    for sentence in () if body["abstained"] else body["sentences"]:
        cited = [citations[i] for i in sentence["citation_ids"] if i in citations]
        evidence = tuple(_evidence(citation, hits.get(citation["chunk_id"])) for citation in cited)
        sentences.append(
            ScoredSentence(sentence["text"], sentence["supported"], tuple(dict.fromkeys(evidence)))
        )
    reranked = [hit["scores"].get("rerank") for hit in body["hits"]]
    return AnswerToScore(
        question=question,
        sentences=tuple(sentences),
        passages=tuple(f"{hit.get('title') or ''}\n{hit['text']}" for hit in body["hits"]),
        relevance=tuple(r for r in reranked if r is not None),
        answerable_probability=body.get("answerable_probability"),
        model=body.get("model") or "",
        question_vector=question_vector,
    )


def _evidence(citation: Mapping[str, Any], hit: Mapping[str, Any] | None) -> str:
    """The title and the whole sentences that a citation touches; its quote where its passage is not there."""
    if hit is None:
        return str(citation["quote"])
    text, start, end = hit["text"], citation["start"] - hit["start"], citation["end"] - hit["start"]
    if not 0 <= start < end <= len(text):  # a citation from the context around the passage
        return str(citation["quote"])
    first, _ = sentence_around(text, start)
    _, last = sentence_around(text, end - 1)
    return f"{hit.get('title') or ''}\n{text[first:last]}".strip()


def _said(answer: AnswerToScore) -> str:
    return " ".join(s.text for s in answer.sentences)


def _given(answer: AnswerToScore) -> tuple[str, ...]:
    """What an answer can come from; most do from what they cite."""
    return (*(e for s in answer.sentences for e in s.evidence), answer.question, *answer.passages)


def _spoken(answer: AnswerToScore) -> str:
    text = _said(answer)
    if len(WORD.findall(text)) >= SHORT_WORDS:
        return text
    return " ".join([text, *(e for s in answer.sentences for e in s.evidence[:1])])


def _evaluation(
    name: str, value: float, version: str, details: Mapping[str, Any] | None = None
) -> Evaluation:
    return Evaluation(name, value, version, DESCRIPTIONS[name], details)


def _bounded(value: float) -> float:
    return 0.0 if math.isnan(value) else max(0.0, min(1.0, value))
