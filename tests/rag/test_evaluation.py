import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.citation import AnswerSentence
from rag.errors import DataError
from rag.evaluation.passage_index import PassageIndex
from rag.evaluation.predict import borne
from rag.evaluation.qa import evaluate_qa, passages_of_files, retrieve_from
from rag.evaluation.retrieval import evaluate_retrieval
from rag.evaluation.support import CitedSpan
from rag.generator.calibration import Calibration
from rag.generator.compose import Segment
from rag.generator.generate import Generated
from rag.generator.passages import Passage
from rag.generator.settings import GenerationSettings, Style
from tests.fake_encoder import FakeEncoder
from tests.rag.test_data import line


class FirstWords:
    """Answers with "port" and a number where the passage has a port; always from the first passage."""

    calibration = Calibration(threshold=0.5)

    def generate(self, question: str, passages: Sequence[Passage], settings: object) -> Generated:
        text = passages[0].text
        start = text.find("port")
        if start < 0:
            return Generated("none", (Segment(0, 4),), 0.1, 1.0, (0.1,), None)
        end = text.index(" ", start + 5)
        return Generated(
            text[start:end], (Segment(0, end - start, 0, start, end),), 0.9, -1.0, (0.9,), (0, start)
        )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    records = [
        line(1),
        line(2, answers=[{"text": "the year 1802", "start": 0}]),
        line(3, passage="Nothing was said.", answers=[], answerable=False),
    ]
    path = tmp_path / "ships.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def test_figures_of_a_set_by_hand(file: Path) -> None:
    predictions = []
    report = evaluate_qa([file], FirstWords(), on_prediction=lambda name, p: predictions.append((name, p)))
    figures = report["sets"]["ships"]
    # The first answer is right, the second shares no word with "the year 1802", the third has none to give.
    assert (figures["n"], figures["em"], figures["f1"]) == (3, 50.0, 50.0)
    assert figures["answerable_auc"] == 1.0
    assert figures["best_f1"] == pytest.approx(100 * 2 / 3)
    assert (figures["verified_share"], figures["citation_precision"]) == (1.0, 1.0)
    assert (figures["gold_citation_precision"], figures["gold_citation_recall"]) == (1.0, 1.0)
    # Squared errors 0.1² thrice; one of the two that the threshold lets through is wrong.
    assert (figures["brier"], figures["risk"]) == (pytest.approx(0.01), 0.5)
    # "none" of the third answer is the only word of five that was written.
    assert figures["unsupported_words_share"] == pytest.approx(1 / 5)
    assert figures["supported_share"] == pytest.approx(2 / 3)
    assert figures["memorised_share"] is figures["rouge_l"] is figures["yes_no_accuracy"] is None
    assert figures["abstained_share"] == pytest.approx(1 / 3)
    assert [name for name, _ in predictions] == ["ships"] * 3
    assert predictions[0][1].citations[0].quote == "port 1"


def test_every_second_search_misses_what_holds_the_answer(file: Path) -> None:
    asked: dict[str, list[str]] = {}

    class Reads(FirstWords):
        def generate(self, question: str, passages: Sequence[Passage], settings: object) -> Generated:
            asked[question] = [p.text for p in passages]
            return super().generate(question, passages, settings)

    everything = passages_of_files([file])
    report = evaluate_qa([file], Reads(), missing=lambda question: everything)
    hit, missed = asked.values()
    assert len(hit) == len(everything) > len(missed) > 0
    assert set(missed) < {p.text for p in everything}
    figures = report["sets"]["ships"]
    assert (figures["n"], figures["answerable"]) == (2, 1)


class Stylish(FirstWords):
    """Answers with the style that it is asked for."""

    def generate(self, question: str, passages: Sequence[Passage], settings: object) -> Generated:
        assert isinstance(settings, GenerationSettings)
        return Generated(settings.style, (Segment(0, len(settings.style)),), 0.9, -1.0, (0.9,), (0, 0))


@pytest.mark.parametrize(
    ("style", "expected"),
    [(None, ["span", "auto"]), (Style.SENTENCE, 2 * ["sentence"]), (Style.SPAN, 2 * ["span"])],
)
def test_answers_have_the_style_that_is_asked_for(
    tmp_path: Path, style: Style | None, expected: list[str]
) -> None:
    path = tmp_path / "ships.jsonl"
    records = [line(1), line(2, full_answer="It sailed to port 2.")]
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    answers: list[str] = []
    evaluate_qa([path], Stylish(), style=style, on_prediction=lambda name, p: answers.append(p.answer))
    assert answers == expected


def test_short_answers_are_measured_beside_full_ones(tmp_path: Path) -> None:
    path = tmp_path / "ships.jsonl"
    path.write_text(json.dumps(line(1, full_answer="auto", answers=[{"text": "span", "start": -1}])) + "\n")
    figures = evaluate_qa([path], Stylish())["sets"]["ships"]
    assert (figures["em"], figures["f1"], figures["rouge_l"]) == (100, 100, 1)


def sentence(text: str, supported: bool, *unsupported_words: str) -> AnswerSentence:
    return AnswerSentence(text, 0, len(text), supported, (1,), unsupported_words)


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ([sentence("Yes, it sailed to port 2.", False, "Yes")], [True]),
        ([sentence("Yes. it left port 2.", False, "Yes", "port")], [True]),
        ([sentence("Yes, it sailed home.", False, "Yes", "home")], [False]),
        ([sentence("No, it never sailed.", False, "No", "never")], [False]),
        ([sentence("No ship sailed.", False, "No")], [False]),
        ([sentence("Yes.", False, "Yes")], [False]),
        ([sentence("Yes.", False, "Yes"), sentence("It sailed.", True)], [True, True]),
        ([sentence("No.", False, "No"), sentence("It sank.", False, "sank")], [False, False]),
    ],
)
def test_a_verdict_counts_with_its_reason(sentences: list[AnswerSentence], expected: list[bool]) -> None:
    cited = [CitedSpan(0, 0, 9, "It sailed")]
    assert borne(sentences, cited, [Passage("It sailed to port, never to return.")]) == expected


def test_figures_come_by_type_and_with_repeatable_intervals(file: Path) -> None:
    figures = evaluate_qa([file], FirstWords())["sets"]["ships"]
    assert {name: t["n"] for name, t in figures["by_type"].items()} == {"where": 3}
    low, high = figures["intervals"]["abstained_share"]
    assert 0.0 <= low <= figures["abstained_share"] <= high <= 1.0
    assert figures["intervals"] == evaluate_qa([file], FirstWords())["sets"]["ships"]["intervals"]


def test_a_threshold_is_found_for_a_risk(file: Path) -> None:
    # Of the two answers at 0.9 one is wrong; the one at 0.1 would be wrong too.
    assert evaluate_qa([file], FirstWords(), risk=0.5)["at_risk"] == {
        "wanted": 0.5, "threshold": 0.9, "coverage": pytest.approx(2 / 3), "risk": 0.5, "lowest_risk": 0.5,
    }  # fmt: skip
    assert evaluate_qa([file], FirstWords(), risk=0.2)["at_risk"]["threshold"] is None


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no example"):
        evaluate_qa([tmp_path / "none.jsonl"], FirstWords())


def test_open_questions_are_answered_from_what_is_retrieved(file: Path, tmp_path: Path) -> None:
    passages = passages_of_files([file])
    index = PassageIndex([p.text for p in passages], FakeEncoder(), tmp_path / "index")
    retrieve = retrieve_from(index, passages, 1)
    assert retrieve("Where did ship 2 sail?")[0].text.startswith("Ship 2")
    index.close()


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    documents = [("a", "foxes hunt hens"), ("b", "owls hunt mice"), ("c", "elk eat grass"), ("e", "")]
    corpus = [{"_id": i, "title": "", "text": t} for i, t in documents]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in corpus))
    queries = [{"_id": "1", "text": "what do owls hunt"}, {"_id": "2", "text": "not judged"}]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tb\t1\n")
    return folder


def test_every_mode_is_measured_on_judged_queries(collection: Path, tmp_path: Path) -> None:
    report = evaluate_retrieval([collection], FakeEncoder(), tmp_path / "indexes")
    figures = report["sets"]["tiny"]
    assert set(figures) == {"keyword", "vector", "rrf", "weighted"}
    assert figures["keyword"]["ndcg@10"] == figures["weighted"]["hit@1"] == 1.0
    assert figures["vector"]["recall@100"] == 1.0


def test_a_folder_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus\.jsonl"):
        evaluate_retrieval([tmp_path], FakeEncoder(), tmp_path / "indexes")
