import pytest

from rag.generator.attribution import attribute
from rag.generator.passages import Passage, Reader
from rag.generator.prompt import REFUSAL, Reply
from rag.generator.scripts import NO_KNOWN_WORD, OTHER_SCRIPT, main_script, unreadable_because

PASSAGES = (
    Passage("Thirty days of leave\nare granted to everyone. Trains are booked by the office."),
    Passage("Parental leave lasts twelve weeks."),
)


def quotes(text: str) -> list[tuple[str, int, str]]:
    """What of a text is attributed, to which passage, and what stands there."""
    return [
        (text[s.answer_start : s.answer_end], s.passage, PASSAGES[s.passage].text[s.start : s.end])
        for s in attribute(text, PASSAGES)
        if s.passage is not None
    ]


def test_the_longest_spans_are_found_in_any_case_and_spacing() -> None:
    assert quotes("Everyone gets thirty days of leave are granted.") == [
        ("thirty days of leave are granted", 0, "Thirty days of leave\nare granted")
    ]


def test_each_sentence_is_attributed_by_itself() -> None:
    text = "Trains are booked by the office. Parental leave lasts twelve weeks."
    assert [q[1] for q in quotes(text)] == [0, 1]


def test_a_sentence_with_one_word_from_a_passage_quotes_that_word() -> None:
    assert quotes("Twelve.") == [("Twelve", 1, "twelve")]


def test_words_that_claim_nothing_are_no_quote() -> None:
    assert quotes("It is of the.") == []


def test_segments_cover_the_whole_text() -> None:
    text = "So: parental leave lasts long, and trains are booked by rail."
    segments = attribute(text, PASSAGES)
    assert "".join(text[s.answer_start : s.answer_end] for s in segments) == text


class Heard:
    def __init__(self) -> None:
        self.text: list[str] = []

    def wanted(self) -> bool:
        return True

    def begin(self, answerable_probability: float) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text.append(text)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_marks_are_taken_out_of_a_reply_however_it_arrives(size: int) -> None:
    raw = "  Parental leave [2] lasts twelve weeks [1, 2]. See [a]."
    heard = Heard()
    reply = Reply(heard)
    for at in range(0, len(raw), size):
        assert reply.add(raw[at : at + size])
    generated = reply.finish(PASSAGES)
    assert generated.text == "Parental leave lasts twelve weeks. See [a]."
    assert "".join(heard.text) == generated.text
    assert generated.refusal is None and generated.answerable_probability > 0.5


@pytest.mark.parametrize("raw", ["I don't know.", "I don’t know", "  i don't know, sorry", ""])
def test_a_reply_that_declines_is_a_refusal_of_which_nobody_hears(raw: str) -> None:
    heard = Heard()
    reply = Reply(heard)
    for letter in raw:
        reply.add(letter)
    assert reply.finish(PASSAGES).refusal == REFUSAL
    assert heard.text == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("When?", "LATIN"),
        ("Когда?", "CYRILLIC"),
        ("Πότε ήρθε ο Bob;", "GREEK"),
        ("何时", "CJK"),
        ("12 + 3", None),
    ],
)
def test_the_script_of_a_text(text: str, script: str | None) -> None:
    assert main_script(text) == script


def test_a_question_in_another_script_than_its_passages_cannot_be_read(reader: Reader) -> None:
    assert unreadable_because(reader.read("Сколько дней отпуска?", PASSAGES)) == OTHER_SCRIPT
    assert unreadable_because(reader.read("Сколько дней?", [Passage("Тридцать дней.")])) is None
    assert unreadable_because(reader.read("How many days?", PASSAGES)) is None
    assert unreadable_because(reader.read("🦊🦊", PASSAGES)) == NO_KNOWN_WORD
