"""Questions through search, a scripted generator, citation and the log, on a real database."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from rag.answer import MAX_QUESTION_CHARACTERS, NO_ANSWER, Answer, Answerer, AnswerHit, AskRequest, to_json
from rag.errors import AbandonedError, GenerationError, QuestionError
from rag.generator.calibration import Calibration
from rag.generator.compose import Segment
from rag.generator.generate import Generated, Watcher
from rag.generator.passages import Passage
from rag.generator.settings import GREEDY, GenerationSettings, Style
from rag.retriever.retriever import Retriever
from rag.retriever.widen import Expand
from rag.scoring.answer import AnswerScorer
from store import conversations, corpora, documents
from store.errors import UnknownCorpusError, UnknownSessionError
from store.index.local import LocalIndexes
from store.postgres import Database
from store.responses import ResponseFilter
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document

ENCODER = FakeEncoder()
TEXT = "owls hunt at night\nthe fox hunts hens\nelk live in the north"


class ScriptedGenerator:
    """Copies the last word of the first passage; as sure as it is told to be."""

    name = "scripted"
    calibration = Calibration(threshold=0.5)

    def __init__(self, probability: float = 0.9) -> None:
        self.probability = probability
        self.asked: list[tuple[str, Sequence[Passage]]] = []

    def check(self, settings: GenerationSettings) -> None:
        if settings.style == "sentence":
            raise GenerationError("style is 'sentence'")

    def generate(
        self,
        question: str,
        passages: Sequence[Passage],
        settings: GenerationSettings = GREEDY,
        watcher: Watcher | None = None,
        *,
        user: str = "",
    ) -> Generated:
        self.asked.append((question, passages))
        if watcher and watcher.begin(self.probability):
            watcher.write("hens")
        if not passages:
            return Generated("", (), 0.0, 30.0, (), None)
        text = passages[0].text
        start = text.rindex(" ") + 1
        word = text[start:]
        segment = Segment(0, len(word), 0, start, len(text))
        return Generated(word, (segment,), self.probability, -1.0, tuple(0.5 for _ in passages), (0, start))


@pytest.fixture
def answerer(database: Database, tmp_path: Path) -> Iterator[Answerer]:
    with database.transaction() as session:
        corpus = corpora.create(session, "zoo", ENCODER.name, ENCODER.revision, ENCODER.dimension)
        documents.put(session, corpus.id, new_document("zoo.txt", TEXT), ENCODER.chunks_of(TEXT))
    indexes = LocalIndexes(tmp_path / "indexes", database)
    generator = ScriptedGenerator()
    yield Answerer(database, Retriever(database, indexes, ENCODER), lambda: generator)
    indexes.close()


def ask(answerer: Answerer, question: str = "What does the fox hunt?", **changes: object) -> Answer:
    return answerer.ask(AskRequest(question, "zoo", "ada", **changes))


def test_an_answer_points_at_its_document(answerer: Answerer) -> None:
    answer = ask(answerer)
    (citation,) = answer.citations
    assert (answer.answer, TEXT[citation.start : citation.end], citation.quote) == ("hens",) * 3
    assert answer.answer[citation.answer_start : citation.answer_end] == citation.quote
    assert [(s.text, s.supported, s.citation_ids) for s in answer.sentences] == [("hens", True, (1,))]


def test_a_citation_holds_after_the_document_changed(answerer: Answerer) -> None:
    citation = ask(answerer).citations[0]
    with answerer.database.transaction() as session:
        corpus = corpora.get(session, "zoo")
        documents.put(session, corpus.id, new_document("zoo.txt", "all new"), ENCODER.chunks_of("all new"))
    with answerer.database.transaction() as session:
        old = documents.text(session, citation.document_id, citation.document_version)
    assert old.text[citation.start : citation.end] == citation.quote


def test_an_answer_is_logged_whole(answerer: Answerer) -> None:
    answer = ask(answerer, top_k=2, filters={})
    with answerer.database.transaction() as session:
        logged = conversations.get_response(session, answer.response_id)
    assert logged.summary.user == "ada"
    assert logged.body == to_json(answer)
    assert [h.chunk_id for h in logged.hits] == [h.chunk_id for h in answer.hits]
    assert logged.citations[0].quote == "hens"
    assert logged.parameters["top_k"] == 2
    assert set(logged.timings_ms) == {"retrieve", "generate", "cite", "score", "total"}


class Inventive(ScriptedGenerator):
    """Says what no passage has."""

    def generate(self, *args: Any, **named: Any) -> Generated:
        return Generated("blue unicorns", (), self.probability, -1.0, (), None)


def test_why_a_score_is_not_there_is_told_and_logged(answerer: Answerer) -> None:
    scored = Answerer(
        answerer.database,
        answerer.retriever,
        Inventive,
        load_scorer=lambda: AnswerScorer(None, ENCODER.encode),
    )
    answer = ask(scored)
    assert "novelty" not in answer.scores and "unsupported_share" in answer.scores
    assert answer.not_scored == {"novelty": "no records of training data are at hand"}
    with answerer.database.transaction() as session:
        assert conversations.get_response(session, answer.response_id).body["not_scored"] == answer.not_scored


def test_an_unlikely_answer_is_withheld(answerer: Answerer) -> None:
    answerer.generator.probability = 0.2
    answer = ask(answerer)
    assert answer.abstained and answer.answer == NO_ANSWER
    assert answer.abstain_reason is not None and "probably do not hold" in answer.abstain_reason
    assert (answer.sentences, answer.citations) == ((), ()) and answer.hits


class Told:
    """Remembers what it is told; wants the answer so many times as it is asked whether it does."""

    def __init__(self, wanted: int = 100) -> None:
        self.left = wanted
        self.told: list[object] = []

    def wanted(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def found(self, hits: tuple[AnswerHit, ...]) -> None:
        self.told.append(len(hits))

    def write(self, text: str) -> None:
        self.told.append(text)


def test_who_listens_hears_of_the_hits_and_then_the_words(answerer: Answerer) -> None:
    told = Told()
    answer = answerer.ask(AskRequest("What does the fox hunt?", "zoo", "ada", top_k=2), told)
    assert told.told == [2, answer.answer]


def test_nothing_is_written_that_will_be_withheld(answerer: Answerer) -> None:
    answerer.generator.probability = 0.2
    told = Told()
    answerer.ask(AskRequest("What does the fox hunt?", "zoo", "ada", top_k=2), told)
    assert told.told == [2]


def test_an_answer_that_nobody_wants_any_more_is_not_logged(answerer: Answerer) -> None:
    with pytest.raises(AbandonedError):
        answerer.ask(AskRequest("What does the fox hunt?", "zoo", "ada"), Told(wanted=0))
    with answerer.database.transaction() as session:
        assert not conversations.list_responses(session, ResponseFilter(), after=None, limit=9).responses


def test_settings_that_the_generator_cannot_follow_are_refused_before_searching(answerer: Answerer) -> None:
    with pytest.raises(GenerationError):
        ask(answerer, generation=GenerationSettings(style=Style.SENTENCE))
    assert not answerer.generator.asked


def test_nothing_found_is_said(answerer: Answerer) -> None:
    answer = ask(answerer, filters={"title": "no such title"})
    assert answer.abstained
    assert answer.abstain_reason == (
        "nothing in the corpus matches the question: no searchable document matches the filter"
    )


def test_a_conversation_goes_on_for_its_own_user_only(answerer: Answerer) -> None:
    first = ask(answerer)
    assert ask(answerer, session_id=first.session_id).session_id == first.session_id
    with pytest.raises(UnknownSessionError):
        answerer.ask(AskRequest("Why?", "zoo", "bob", session_id=first.session_id))
    with pytest.raises(UnknownSessionError):
        ask(answerer, session_id=uuid4())


@pytest.mark.parametrize(
    ("question", "message"),
    [("", "empty"), ("  \n", "empty"), ("x" * 100_000, f"at most {MAX_QUESTION_CHARACTERS:,}")],
)
def test_a_question_that_cannot_be_read_is_refused(answerer: Answerer, question: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message):
        ask(answerer, question)


@pytest.mark.parametrize("top_k", [0, 21])
def test_top_k_out_of_range_is_refused(answerer: Answerer, top_k: int) -> None:
    with pytest.raises(QuestionError, match=f"top_k is {top_k}"):
        ask(answerer, top_k=top_k)


def test_an_unknown_corpus_is_refused(answerer: Answerer) -> None:
    with pytest.raises(UnknownCorpusError, match="zoo"):
        answerer.ask(AskRequest("Why?", "zooo", "ada"))


def test_a_follow_up_is_understood_from_its_conversation(answerer: Answerer) -> None:
    first = ask(answerer, "Where do the Elk live?")
    second = ask(answerer, "When do they sleep?", session_id=first.session_id)
    assert (first.query, first.query_changes) == ("Where do the Elk live?", ())
    assert second.query == "When do the Elk sleep?"
    assert answerer.generator.asked[-1][0] == "When do the Elk sleep?"
    (change,) = second.query_changes
    assert (change.rule, change.before) == ("reference", "When do they sleep?")
    with answerer.database.transaction() as session:
        logged = conversations.get_response(session, second.response_id)
    assert logged.summary.question == "When do they sleep?"
    assert logged.body["query"] == "When do the Elk sleep?"


def test_a_guessed_spelling_is_sent_but_not_read(answerer: Answerer) -> None:
    answer = ask(answerer, "What lives in the nroth?")
    assert answer.query == "What lives in the north?"
    assert answerer.generator.asked[-1][0] == "What lives in the nroth?"


def test_widened_passages_are_cited_by_their_own_offsets(answerer: Answerer) -> None:
    answer = ask(answerer, top_k=3, expand=Expand.SECTION)
    ((_, passages),) = answerer.generator.asked
    assert [p.text for p in passages] == [TEXT]
    assert sorted(hit.text for hit in answer.hits) == sorted(TEXT.splitlines())
    assert {hit.scores.rerank for hit in answer.hits} == {0.5}
    (citation,) = answer.citations
    assert (TEXT[citation.start : citation.end], citation.chunk_id) == ("north", answer.hits[0].chunk_id)
