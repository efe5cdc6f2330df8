import numpy as np

from rag.generator.passages import QUESTION, Passage, Reader, collate


def test_characters_give_back_the_source_spelling(reader: Reader) -> None:
    text = "The crew of Apollo 11 landed on the Moon in July 1969."
    reading = reader.read("Who landed?", [Passage(text, "Apollo")])
    window = reading.windows[0]
    words = [reader.word(i) for i in window.ids]
    passage, start, end = reading.characters(0, words.index("apollo", window.text_at), words.index("11"))
    assert (passage, text[start:end]) == (0, "Apollo 11")


def test_a_span_of_the_question_is_told_from_the_passage(reader: Reader) -> None:
    reading = reader.read("Who landed first?", [Passage("Neil Armstrong did.")])
    passage, start, end = reading.characters(0, 2, 3)
    assert (passage, "Who landed first?"[start:end]) == (QUESTION, "landed first")


def test_windows_of_a_long_passage_cover_every_piece(reader: Reader) -> None:
    reading = reader.read("Which number?", [Passage(" ".join(str(n) for n in range(200)))])
    covered = {
        piece for w in reading.windows for piece in range(w.first_piece, w.first_piece + w.text_length)
    }
    assert covered == set(range(len(reading.pieces[0].ids)))
    assert all(len(w.ids) <= reader.config.window for w in reading.windows)


def test_a_copy_starts_at_words_only_and_in_the_question_once(reader: Reader) -> None:
    readings = [reader.read("Why so?", [Passage("Unbelievably tetchy."), Passage("Because.")])]
    inputs = collate(readings)
    first, second = readings[0].windows
    starts = np.flatnonzero(inputs.copyable[0, 0])
    assert all(not reader.continues(first.ids[i]) for i in starts)
    assert {1, 2}.issubset(starts.tolist())
    assert np.flatnonzero(inputs.copyable[0, 1]).min() == second.text_at


def test_of_a_long_question_the_end_is_read(reader: Reader) -> None:
    question = "Some context. " * 40 + "When is the deadline?"
    reading = reader.read(question, [Passage("The deadline is Monday.")])
    window = reading.windows[0]
    assert window.question_length == reader.config.question_tokens
    passage, start, end = reading.characters(0, window.question_length - 1, window.question_length)
    assert (passage, question[start:end]) == (QUESTION, "deadline?")
