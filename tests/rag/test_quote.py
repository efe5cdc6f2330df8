"""Sentences quoted in place of written ones: which, how many, and where they stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from api.settings import shipped_checkpoint
from rag.generator.actions import Action
from rag.generator.compose import Composed, compose
from rag.generator.decode import Decoded, Task
from rag.generator.generate import LocalGenerator
from rag.generator.model import Generator
from rag.generator.passages import SENTENCE_START, Passage, Reader, Reading
from rag.generator.quote import Pointers, Quoter, quotable, well_said
from rag.generator.settings import GenerationSettings, Style
from tests.rag.conftest import TINY, decode

CATS = "The cat slept on the mat. It was warm there because of the stove. Dogs never came near it."
BOATS = "Boats are kept in the harbour. The harbour freezes in winter."


def pointers(reading: Reading, masses: Mapping[str, float], verdict: float = 0.0) -> Pointers:
    """Mass on the first word of each of these stretches of the passages."""
    longest = max(len(w.ids) for w in reading.windows)
    mass = np.zeros((len(reading.windows), longest), dtype=np.float32)
    for number, w in enumerate(reading.windows):
        offsets = reading.pieces[w.passage].offsets[w.first_piece : w.first_piece + w.text_length]
        for stretch, share in masses.items():
            at = reading.passages[w.passage].text.find(stretch)
            found = [i for i, (start, _) in enumerate(offsets) if start == at]
            for i in found:
                mass[number, w.text_at + i] = share
    return Pointers(mass, mass, verdict)


def quoted(
    reader: Reader, question: str, texts: Sequence[str], masses: Mapping[str, float], *,
    most_pieces: int = 96, verdict: float | None = None,
) -> Composed:  # fmt: skip
    reading = reader.read(question, [Passage(t) for t in texts])
    actions = Quoter(reader).quotes(
        reading, pointers(reading, masses, verdict or 0.0), most_pieces, verdict=verdict is not None
    )
    return compose(actions, reading, reader)


def test_the_sentence_with_the_mass_is_quoted_whole_with_its_characters(reader: Reader) -> None:
    composed = quoted(reader, "Why there?", [BOATS, CATS], {"It was warm": 0.9, "Boats are": 0.05})
    assert composed.text == "It was warm there because of the stove."
    (segment,) = composed.segments
    assert segment.passage == 1
    assert CATS[segment.start : segment.end] == composed.text


def test_a_sentence_with_the_questions_words_beats_one_without(reader: Reader) -> None:
    masses = {"Boats are": 0.4, "The harbour freezes": 0.4}
    assert quoted(reader, "Why does the harbour freeze?", [BOATS], masses).text.endswith("freezes in winter.")


def test_of_sentences_that_are_equally_good_the_better_passage_has_the_answer(reader: Reader) -> None:
    masses = {"It was warm": 0.4, "The harbour freezes": 0.45}
    assert quoted(reader, "Why?", [CATS, BOATS], masses).text.startswith("It was warm")
    assert quoted(reader, "Why?", [BOATS, CATS], masses).text.startswith("The harbour")


def test_sentences_that_are_nearly_as_good_follow_in_the_order_of_the_text(reader: Reader) -> None:
    masses = {"It was warm": 0.4, "The cat slept": 0.3, "Dogs never": 0.001, "Boats are": 0.3}
    composed = quoted(reader, "Why?", [BOATS, CATS], masses)
    assert composed.text == "The cat slept on the mat. It was warm there because of the stove."
    assert len(composed.segments) == 2


def test_a_sentence_that_stands_in_two_passages_is_quoted_once(reader: Reader) -> None:
    masses = {"It was warm": 0.5}
    assert quoted(reader, "Why?", [CATS, CATS], masses).text.count("warm") == 1


@pytest.mark.parametrize(("verdict", "begins"), [(2.0, "Yes: It was"), (-2.0, "No: It was"), (0.3, "It was")])
def test_a_verdict_is_said_where_the_model_prefers_one_clearly(
    reader: Reader, verdict: float, begins: str
) -> None:
    composed = quoted(reader, "Was it warm?", [CATS], {"It was warm": 0.9}, verdict=verdict)
    assert composed.text.startswith(begins)


def test_a_quote_has_no_more_pieces_than_there_is_room_for_and_ends_with_a_word(reader: Reader) -> None:
    text = "Unbelievably, Babbage's calculating machinery outperformed mathematicians everywhere."
    reading = reader.read("Why?", [Passage(text)])
    first_word = len(reader.pieces(["Unbelievably,"])[0].ids)
    for most in range(1, 14):
        actions = Quoter(reader).quotes(reading, pointers(reading, {"Unbel": 0.9}), most, verdict=False)
        composed = compose(actions, reading, reader)
        assert bool(actions) == (most >= first_word)
        assert sum(len(a.ids) for a in actions) <= most
        assert text.startswith(composed.text)
        assert not actions or not text[len(composed.text) : len(composed.text) + 1].isalnum()


def test_a_sentence_across_windows_is_taken_from_the_window_that_it_begins_in(reader: Reader) -> None:
    text = " ".join(f"This is the sentence with number {n} of them." for n in range(12))
    assert len(reader.read("Why?", [Passage(text)]).windows) > 2
    composed = quoted(reader, "Why?", [text], {"This is the sentence with number 5": 0.9})
    assert composed.text == "This is the sentence with number 5 of them."


def test_what_can_be_quoted_has_no_headings_and_no_markers() -> None:
    text = (
        "# Boats\n\nThey float on water. Some of them sink.\n\n"
        "- the first kind is small\n2. the second one\n   is large"
    )
    assert [text[a:b] for a, b in quotable(text)] == [
        "They float on water.",
        "Some of them sink.",
        "the first kind is small",
        "the second one\n   is large",
    ]


def test_a_sentence_is_quoted_rather_than_a_signature_or_a_row_of_a_table(reader: Reader) -> None:
    text = "open(file, mode='r', buffering=-1)\n\n| mode | r, w, x, a |\n\nOpens a file and returns it."
    masses = {"open(": 0.4, "mode |": 0.4, "Opens": 0.2}
    assert quoted(reader, "What does it do?", [text], masses).text == "Opens a file and returns it."


def test_a_label_is_quoted_where_there_is_nothing_else() -> None:
    assert quotable("Harbour") == [(0, 7)]
    assert quotable("  \n\n ") == []


STEPS = "It is easy:\n\n1. Heat the chamber.\n2. Press the red button.\n3. Write the date.\n\nIt takes a day."


def test_a_way_is_quoted_with_all_its_steps(reader: Reader) -> None:
    composed = quoted(reader, "How do I calibrate it?", [STEPS], {"Press the": 0.9})
    assert composed.text == STEPS[: STEPS.index("\n\nIt takes")]
    assert len(composed.segments) == 1
    why = quoted(reader, "Why press the button?", [STEPS], {"Press the": 0.9})
    assert why.text == "Press the red button."


def test_a_list_that_is_too_long_is_cut_after_an_item(reader: Reader) -> None:
    composed = quoted(reader, "How do I calibrate it?", [STEPS], {"Press the": 0.9}, most_pieces=18)
    assert composed.text.endswith("2. Press the red button.")


def test_of_two_things_that_are_compared_each_has_its_sentence(reader: Reader) -> None:
    texts = ["Annual leave is 27 days. It lapses in March.", "Parental leave is 16 weeks. Ask for it early."]
    composed = quoted(reader, "Compare parental leave and annual leave.", texts, {"Annual leave": 0.9})
    assert composed.text == "Parental leave is 16 weeks. Annual leave is 27 days."


def test_what_something_is_is_told_by_the_sentence_that_begins_with_it(reader: Reader) -> None:
    text = "Rare aspirated consonants occur in Kelabit. In English, aspirated consonants are allophones."
    masses = {"Rare": 0.3, "In English": 0.2}
    composed = quoted(reader, "What is an aspirated consonant?", [text], masses)
    assert composed.text.startswith("In English")


def test_rows_of_a_table_are_quoted_one_by_one() -> None:
    text = "Certificate: | Student\nSeat: | Left\nThe pilot was not hurt."
    assert quotable(text) == [(36, 59)]
    rows = "Certificate: | Student of flying things\nSeat: | Left one in the front"
    assert [rows[a:b] for a, b in quotable(rows)] == rows.split("\n")


def test_a_row_is_quoted_where_there_is_no_sentence(reader: Reader) -> None:
    text = "Medical certificate: | second class | valid\nA certificate is needed from the fourth day on."
    masses = {"Medical": 0.4, "A certificate": 0.2}
    asked = "Is a certificate needed?"
    assert quoted(reader, asked, [text], masses).text == "A certificate is needed from the fourth day on."
    assert quoted(reader, asked, [text.splitlines()[0]], masses).text.startswith("Medical")


def test_a_question_of_the_text_is_no_answer(reader: Reader) -> None:
    text = "What are the symptoms of gout? It begins with pain in the toe."
    masses = {"What are": 0.5, "It begins": 0.3}
    assert quoted(reader, "What are the symptoms of gout?", [text], masses).text.startswith("It begins")


def written(reader: Reader, reading: Reading, *parts: str) -> list[Action]:
    """A copy for each part that the passage has, written pieces for the others."""
    actions = []
    w = reading.windows[0]
    text = reading.passages[0].text
    offsets = reading.pieces[0].offsets
    for part in parts:
        at = text.find(part)
        if at < 0:
            actions += [Action((piece,)) for piece in reader.pieces([part])[0].ids]
            continue
        inside = [i for i, (a, b) in enumerate(offsets) if a >= at and b <= at + len(part)]
        first, last = w.text_at + inside[0], w.text_at + inside[-1]
        actions.append(Action(tuple(w.ids[first : last + 1]), 0, first, last))
    return actions


@pytest.mark.parametrize(
    ("parts", "mean_log_p", "expected"),
    [
        (["it was", "warm there"], -0.4, True),
        (["it was", "warm there"], -1.4, False),  # the model is not sure
        (["it was cold", "there"], -0.4, False),  # a word that the passage lacks
        (["it was warm"], -0.4, False),  # nothing is copied
        (["yes ,", "warm there"], -0.4, False),  # a verdict
        (["it was", "warm there", "and the", "warm there", "and", "warm there"], -0.4, False),
    ],
)
def test_a_written_sentence_is_given_only_where_it_is_sure_and_borne(
    reader: Reader, parts: list[str], mean_log_p: float, expected: bool
) -> None:
    reading = reader.read("Why?", [Passage(CATS)])
    assert well_said(written(reader, reading, *parts), mean_log_p, reading, reader) is expected


class Listener:
    """Keeps what it is told, and lets go after so many parts."""

    def __init__(self, parts: int = 99) -> None:
        self.told: list[int] = []
        self._parts = parts

    def wanted(self) -> bool:
        return True

    def begin(self, answerable_probability: float) -> bool:
        return self._parts > 0

    def go_on(self, actions: tuple[Action, ...]) -> bool:
        self.told.append(len(actions))
        return len([n for n in self.told if n]) < self._parts


@pytest.fixture
def speaker(tiny_model: Generator) -> Generator:
    tiny_model.config = replace(TINY, sentence_start=SENTENCE_START)
    return tiny_model.eval()


@pytest.fixture
def answer(speaker: Generator, reader: Reader) -> Callable[..., Decoded]:
    def answer(settings: GenerationSettings, follower: Listener | None = None) -> Decoded:
        reading = reader.read("Why?", [Passage(CATS), Passage(BOATS)])
        return decode(speaker, reader, [Task(reading, settings, Style.SENTENCE, follower)])[0]

    return answer


def test_an_untrained_model_is_not_trusted_to_write(answer: Callable[..., Decoded], reader: Reader) -> None:
    listener = Listener()
    decoded = answer(GenerationSettings(max_tokens=20), listener)
    assert all(action.window is not None for action in decoded.actions)
    assert listener.told[-1] == len(decoded.actions)
    assert set(listener.told[: -len(decoded.actions)]) == {0}, "nothing is told before it is chosen"
    raw = answer(GenerationSettings(max_tokens=20, quotes=False))
    assert raw.actions != decoded.actions


def test_nothing_is_quoted_for_who_does_not_want_an_answer(answer: Callable[..., Decoded]) -> None:
    assert answer(GenerationSettings(), Listener(0)).actions == ()


def test_the_shipped_generator_answers_in_sentences_that_stand_in_the_passages() -> None:
    generator = LocalGenerator(shipped_checkpoint())
    answer = generator.generate("Why did the cat sleep on the mat?", [Passage(BOATS), Passage(CATS)])
    assert "because of the stove" in answer.text
    for segment in answer.segments:
        assert segment.passage is not None
        source = (BOATS, CATS)[segment.passage]
        assert source[segment.start : segment.end] == answer.text[segment.answer_start : segment.answer_end]
