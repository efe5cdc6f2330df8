"""A question to a cited answer, top to bottom.

question → check → understand (a follow-up stands alone, words are spelt as the corpus spells them)
         → search (keywords and vectors, fused) → read the best passages, widened if wanted → generate
         → cite: every copied piece becomes characters of a document, compared with its stored text
         → abstain when the passages probably do not hold the answer; then nothing is written
         → score: is it borne out, does it answer, could it be remembered from training
         → log the whole of it → answer
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any, Protocol
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from rag import tracing
from rag.answer_log import to_log
from rag.citation import AnswerSentence, Citation, cite, sentences_of
from rag.clock import Clock
from rag.errors import AbandonedError, QuestionError
from rag.generator.generate import AnswerGenerator, Generated
from rag.generator.passages import Passage
from rag.generator.settings import GREEDY, GenerationSettings
from rag.query.exchange import Exchange
from rag.query.follow_up import make_standalone
from rag.query.understand import MakeStandalone, QueryChange, understand
from rag.retriever.retriever import Found, Fusion, Hit, Retriever
from rag.retriever.widen import Context, Expand, widen
from rag.scoring.answer import AnswerScorer, answer_to_score
from store import conversations, corpora, sessions
from store.evaluations import Evaluation
from store.index.analysis import clean
from store.places import place_between
from store.postgres import Database
from store.responses import Turn
from store.types import Corpus
from store.visibility import Reader

MAX_QUESTION_CHARACTERS = 4_000
MAX_PASSAGES = 20
TURNS_READ = 3
MAX_HITS = 1_000
NO_PASSAGES = "nothing in the corpus matches the question"
NO_EVIDENCE = "the passages that were found probably do not hold the answer"
NO_ANSWER = "I don't know."


@dataclass(frozen=True)
class AskRequest:
    """A question as it was put."""

    question: str
    corpus: str
    user: str
    top_k: int = 10
    filters: Mapping[str, Any] = field(default_factory=dict)
    session_id: UUID | None = None
    parent_id: UUID | None = None
    """The response that it follows; None is the newest of the session."""
    replaces: UUID | None = None
    """The response beside which it stands, as an edited question does."""
    generation: GenerationSettings = GREEDY
    expand: Expand = Expand.NONE
    reader: Reader | None = None
    """On whose behalf the documents are read; None: the program's own."""
    known: Corpus | None = None
    """The corpus, where it was just looked up for this reader; None: it is looked up."""


@dataclass(frozen=True)
class HitScores:
    """Why a hit was found; None where that part did not find it.

    `nearness` and `final` are None where nothing was reranked.
    """

    keyword: float | None
    vector: float | None
    fused: float
    rerank: float | None
    final: float | None = None
    nearness: float | None = None


@dataclass(frozen=True)
class AnswerHit:
    """A chunk that was found, with its place in its document.

    `folded` are chunks left out because they say the same; `context` the text around it, where wanted.
    """

    chunk_id: int
    document_id: UUID
    document_version: int
    source: str
    title: str
    text: str
    start: int
    end: int
    scores: HitScores
    folded: tuple[int, ...] = ()
    context: Context | None = None
    place: Mapping[str, str | int] = field(default_factory=dict)
    """Its page, sheet and row, slide or time; empty where the file has none."""


@dataclass(frozen=True)
class Answer:
    """An answer with everything that made it; `query` is what was really sent to the indexes."""

    response_id: UUID
    session_id: UUID
    answer: str
    abstained: bool
    abstain_reason: str | None
    answerable_probability: float
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    hits: tuple[AnswerHit, ...]
    scores: dict[str, float]
    timings_ms: dict[str, float]
    model: str
    index_position: int
    query: str = ""
    query_changes: tuple[QueryChange, ...] = ()
    not_scored: dict[str, str] = field(default_factory=dict)
    """Why scores that an answer usually has are not there."""


class Listener(Protocol):
    """Who is told of an answer while it is made."""

    def wanted(self) -> bool:
        """Whether the answer is still wanted; asked at every step."""

    def found(self, hits: tuple[AnswerHit, ...]) -> None:
        """Told of the passages that will be read."""

    def write(self, text: str) -> None:
        """Told of each part of the answer."""


class Answerer:
    """Answers questions from a database, its indexes and a generator."""

    def __init__(
        self,
        database: Database,
        retriever: Retriever,
        load_generator: Callable[[], AnswerGenerator],
        fusion: Fusion = Fusion.WEIGHTED,
        *,
        load_scorer: Callable[[], AnswerScorer] | None = None,
        make_standalone: MakeStandalone = make_standalone,
    ) -> None:
        """Put the parts together; generator and scorer are asked for when a question needs them.

        Without `load_scorer` answers have no scores but their answerability. `make_standalone` is for
        follow-ups: by rules, or by a language model.
        """
        self._make_standalone = make_standalone
        self._load_scorer = load_scorer
        self.fusion = fusion
        self.database = database
        self.retriever = retriever
        self._load_generator = load_generator

    @property
    def generator(self) -> AnswerGenerator:
        """What writes answers."""
        return self._load_generator()

    def ask(self, request: AskRequest, listener: Listener | None = None) -> Answer:
        """Answer one question and log it.

        A listener hears what was found and then the answer as it is written.

        Raises:
            AbandonedError: the listener does not want the answer any more; nothing is logged.
            BusyError: the generator has too much to do.
            QuestionError: the question is empty or too long, or top_k is out of range.
            GenerationError: the generator cannot answer with these settings.
            UnknownCorpusError, UnknownSessionError, UnknownResponseError, TurnError, EncoderMismatchError,
                FilterError: see their messages.
        """
        with tracing.span(tracing.answering(request.corpus)) as span:
            answer = self._ask(request, listener)
            span.set_attributes(_traced(answer))
        return answer

    def _ask(self, request: AskRequest, listener: Listener | None) -> Answer:
        clock = Clock()
        question = check_question(request.question)
        top_k = check_top_k(request.top_k, MAX_PASSAGES)
        self.generator.check(request.generation)
        with self.database.each_alone() as session:
            corpus = request.known or corpora.get(session, request.corpus, request.reader)
            place = sessions.place(
                session, request.user, request.session_id, request.parent_id, request.replaces
            )
            before = sessions.turns_before(session, place, TURNS_READ)
        with clock.stage("retrieve", tracing.retrieving(corpus.name, top_k)):
            vocabulary = self.retriever.vocabulary(corpus, request.reader)
            understood = understand(question, _exchanges(before), vocabulary, self._make_standalone)
            found = self.retriever.find(
                understood.query, corpus, top_k, request.filters, fusion=self.fusion, reader=request.reader
            )
            read = widen(self.database, found.hits, request.expand)
        with clock.stage("generate", tracing.generating(self.generator.name, request.generation)):
            if listener:
                listener.found(answer_hits(found.hits, ()))
            watcher = _Watcher(listener, self.generator.calibration.threshold)
            generated = self.generator.generate(
                understood.question,
                passages_of(read.hits),
                request.generation,
                watcher,
                user=request.user,
            )
            if not watcher.wanted():
                raise AbandonedError("the question was given up while it was being answered")
        with clock.stage("cite"):
            reason = self._reason_to_abstain(found, generated)
            citations = () if reason else cite(self.database, generated, read.hits)
            texts = {hit.chunk.id: hit.chunk.text for hit in read.hits}
            sentences = () if reason else sentences_of(generated, citations, texts)
        draft = Answer(
            response_id=uuid4(),
            session_id=place.session_id or uuid4(),
            answer=NO_ANSWER if reason else generated.text,
            abstained=reason is not None,
            abstain_reason=reason,
            answerable_probability=generated.answerable_probability,
            sentences=sentences,
            citations=citations,
            hits=answer_hits(found.hits, read.spread(generated.relevance)),
            scores={"answerability": generated.answerable_probability},
            timings_ms=clock.milliseconds(),
            model=self.generator.name,
            index_position=found.index_position,
            query=understood.query,
            query_changes=understood.changes,
        )
        body = to_json(draft)
        with clock.stage("score"):
            embedded = found.query_vector if understood.query == understood.question else None
            scores = self._score(understood.question, body, embedded)
        answer = replace(
            draft,
            scores=draft.scores | {s.name: s.value for s in scores if s.value is not None},
            not_scored={s.name: s.unknown for s in scores if s.unknown is not None},
            timings_ms=clock.milliseconds(),
        )
        body |= {name: getattr(answer, name) for name in ("scores", "not_scored", "timings_ms")}
        with self.database.each_alone() as session:
            logged = to_log(request, question, corpus, answer, body, place=place)
            conversations.record_response(session, logged, scores)
        return answer

    def _score(
        self, question: str, body: Mapping[str, Any], embedded: NDArray[np.float32] | None
    ) -> tuple[Evaluation, ...]:
        if self._load_scorer is None:
            return ()
        return self._load_scorer().score(answer_to_score(question, body, embedded))

    def _reason_to_abstain(self, found: Found, generated: Generated) -> str | None:
        if not found.hits:
            return f"{NO_PASSAGES}: {found.reason}" if found.reason else NO_PASSAGES
        if generated.refusal is not None:
            return generated.refusal
        if generated.answerable_probability < self.generator.calibration.threshold:
            return NO_EVIDENCE
        return None


def _traced(answer: Answer) -> dict[str, str | bool | float]:
    return {
        "gen_ai.conversation.id": str(answer.session_id),
        "gen_ai.response.id": str(answer.response_id),
        "gen_ai.response.model": answer.model,
        "groundwork.abstained": answer.abstained,
        "groundwork.answerable_probability": answer.answerable_probability,
    }


def _exchanges(turns: Sequence[Turn]) -> list[Exchange]:
    return [Exchange(turn.query, turn.answer) for turn in turns]


class _Watcher:
    """Passes on what is written, where there is evidence for an answer and somebody listens."""

    def __init__(self, listener: Listener | None, threshold: float) -> None:
        self._listener, self._threshold = listener, threshold

    def wanted(self) -> bool:
        return self._listener is None or self._listener.wanted()

    def begin(self, answerable_probability: float) -> bool:
        return answerable_probability >= self._threshold

    def write(self, text: str) -> None:
        if self._listener:
            self._listener.write(text)


def check_question(question: str) -> str:
    """Return a question without outer spaces.

    Raises:
        QuestionError: it is empty or too long.
    """
    stripped = clean(question).replace("\x00", "").strip()
    if not stripped:
        raise QuestionError("the question is empty: write what you want to know")
    if len(stripped) > MAX_QUESTION_CHARACTERS:
        raise QuestionError(
            f"the question has {len(stripped):,} characters; at most {MAX_QUESTION_CHARACTERS:,} are read: "
            "ask for less at once; long texts are ingested as documents"
        )
    return stripped


def check_top_k(top_k: int, most: int) -> int:
    """Return how many hits to use.

    Raises:
        QuestionError: it is not between 1 and the most.
    """
    if not 1 <= top_k <= most:
        raise QuestionError(f"top_k is {top_k}: give a number from 1 to {most}")
    return top_k


def passages_of(hits: Sequence[Hit]) -> list[Passage]:
    """Hits as the generator reads them."""
    return [
        Passage(h.chunk.text, h.chunk.heading_path[-1] if h.chunk.heading_path else h.chunk.title)
        for h in hits
    ]


def answer_hits(hits: Sequence[Hit], relevance: Sequence[float]) -> tuple[AnswerHit, ...]:
    """Hits as they are returned; `relevance` is empty where nothing was reranked."""
    return tuple(
        AnswerHit(
            chunk_id=hit.chunk.id,
            document_id=hit.chunk.document_id,
            document_version=hit.chunk.document_version,
            source=hit.chunk.source,
            title=hit.chunk.title,
            text=hit.chunk.text,
            start=hit.chunk.start,
            end=hit.chunk.end,
            scores=HitScores(
                hit.keyword,
                hit.vector,
                hit.fused,
                relevance[i] if relevance else hit.rerank,
                hit.final,
                hit.nearness,
            ),
            folded=hit.folded,
            place=place_between(hit.chunk.places, hit.chunk.start, hit.chunk.end),
        )
        for i, hit in enumerate(hits)
    )


def to_json(answer: Answer) -> dict[str, Any]:
    """The answer in JSON's types, under the names that the API uses."""
    plain: dict[str, Any] = json.loads(json.dumps(answer, default=_to_plain))
    return plain


def _to_plain(value: object) -> object:
    """What JSON has no type for: our records by their fields, all else, such as ids, as text."""
    return vars(value) if is_dataclass(value) else str(value)
