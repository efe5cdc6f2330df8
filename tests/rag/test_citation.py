from uuid import uuid4

import pytest

from rag.citation import Citation, cite, sentences_of
from rag.generator.compose import Segment
from rag.generator.generate import Generated
from rag.generator.passages import QUESTION
from rag.generator.words import sentence_around
from rag.retriever.retriever import Hit
from store import corpora, documents
from store.places import Place
from store.postgres import Database
from store.types import NewChunk, NewDocument
from tests.fake_encoder import FakeEncoder

TEXT = "# Wine\n\nRed wine is made from dark grapes. White wine is not."
CHUNK = "Red wine is made from dark grapes. White wine is not."

PLACES = (Place(0, {"page": 1}), Place(TEXT.index("White"), {"page": 2}))


@pytest.fixture
def hit(database: Database) -> Hit:
    """The one chunk of a stored document, as a search finds it."""
    encoder = FakeEncoder()
    with database.transaction() as session:
        corpus = corpora.create(session, "wine", encoder.name, encoder.revision, encoder.dimension)
        vector = encoder.encode([CHUNK])[0].astype("float16")
        start = TEXT.index(CHUNK)
        document = documents.put(
            session,
            corpus.id,
            NewDocument("file:///wine.md", "Wine", TEXT, "0" * 64, "text/markdown"),
            [NewChunk(start, start + len(CHUNK), CHUNK, ("Wine",), vector, PLACES)],
        )
        chunk = documents.chunks_of(session, document.id, 1)[0]
    return Hit(chunk, 1.0, 1.0, 1.0)


def generated(text: str, *segments: Segment, focus: tuple[int, int] | None = (0, 0)) -> Generated:
    return Generated(text, segments, 0.9, -1.0, (0.9,), focus)


def test_a_copied_piece_becomes_characters_of_the_document(database: Database, hit: Hit) -> None:
    at = CHUNK.index("dark grapes")
    (citation,) = cite(database, generated("dark grapes", Segment(0, 11, 0, at, at + 11)), [hit])
    assert TEXT[citation.start : citation.end] == citation.quote == "dark grapes"
    assert (citation.answer_start, citation.answer_end) == (0, 11)
    assert citation.place == {"page": 1}


def test_a_quote_that_the_document_does_not_hold_is_no_citation(database: Database, hit: Hit) -> None:
    from dataclasses import replace

    forged = replace(hit, chunk=replace(hit.chunk, text=CHUNK.replace("dark", "blue")))
    at = CHUNK.index("dark")
    assert cite(database, generated("blue", Segment(0, 4, 0, at, at + 4)), [forged]) == ()


def test_an_answer_without_copies_cites_the_sentence_it_looked_at(database: Database, hit: Hit) -> None:
    (citation,) = cite(database, generated("No", Segment(0, 2), focus=(0, CHUNK.index("White") + 3)), [hit])
    assert citation.quote == "White wine is not."
    assert citation.place == {"page": 2}


def cited(start: int, end: int) -> Citation:
    return Citation(1, uuid4(), 1, 7, "s", 0, end - start, "", start, end)


def test_a_copied_sentence_is_supported() -> None:
    answer = generated("dark grapes", Segment(0, 11, 0, 0, 11))
    (sentence,) = sentences_of(answer, [cited(0, 11)], {7: CHUNK})
    assert sentence.supported and sentence.citation_ids == (1,)


def test_a_written_word_that_the_cited_chunk_lacks_is_unsupported() -> None:
    answer = generated("dark grapes from France", Segment(0, 11, 0, 0, 11), Segment(12, 23))
    (sentence,) = sentences_of(answer, [cited(0, 11)], {7: CHUNK})
    assert not sentence.supported


def test_a_written_word_that_the_cited_chunk_has_is_supported() -> None:
    answer = generated("It is made from dark grapes", Segment(0, 15), Segment(16, 27, 0, 0, 11))
    (sentence,) = sentences_of(answer, [cited(16, 27)], {7: CHUNK})
    assert sentence.supported


@pytest.mark.parametrize("word", ["Yes", "No"])
def test_a_yes_or_no_is_a_claim_that_nothing_verifies(word: str) -> None:
    chunk = "There is no charge. Yes, it is free."
    answer = generated(word, Segment(0, len(word)))
    (sentence,) = sentences_of(answer, [cited(0, len(word))], {7: chunk})
    assert not sentence.supported and sentence.citation_ids == (1,)


def test_a_written_negation_is_a_claim_of_its_own() -> None:
    answer = generated("not dark grapes", Segment(0, 3), Segment(4, 15, 0, 0, 11))
    (sentence,) = sentences_of(answer, [cited(4, 15)], {7: CHUNK})
    assert not sentence.supported


def test_words_of_the_question_are_no_evidence() -> None:
    answer = generated("Ada Lovelace", Segment(0, 12, QUESTION, 0, 12))
    (sentence,) = sentences_of(answer, [cited(0, 12)], {7: "He was born in 1912."})
    assert not sentence.supported


def test_sentences_end_outside_of_copies_only() -> None:
    text = "By St. Anne. Then more."
    answer = generated(text, Segment(0, 3), Segment(3, 12, 0, 0, 9), Segment(12, len(text)))
    assert [s.text for s in sentences_of(answer, [], {})] == ["By St. Anne.", "Then more."]


@pytest.mark.parametrize(
    ("position", "sentence"), [(0, "One here."), (9, "One here."), (10, "Two."), (18, "Three")]
)
def test_sentence_around_a_character(position: int, sentence: str) -> None:
    text = "One here. Two. Three"
    start, end = sentence_around(text, position)
    assert text[start:end] == sentence


def test_written_words_that_no_quote_has_are_named() -> None:
    answer = generated(
        "Red dark grapes from France", Segment(0, 4), Segment(4, 15, 0, 0, 11), Segment(16, 27)
    )
    (sentence,) = sentences_of(answer, [cited(4, 15)], {7: CHUNK})
    assert sentence.unsupported_words == ("Red", "France")  # the chunk has the first, the quote has not


def test_a_copied_sentence_has_no_unsupported_words() -> None:
    answer = generated("the dark grapes", Segment(0, 3), Segment(4, 15, 0, 0, 11))
    (sentence,) = sentences_of(answer, [cited(4, 15)], {7: CHUNK})
    assert sentence.unsupported_words == ()
