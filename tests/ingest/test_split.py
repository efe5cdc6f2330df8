import re
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clean import normalise
from ingest.cuts import ChunkSize
from ingest.readers.document import Heading
from ingest.readers.markdown import find_headings
from ingest.split import Outline, Span, Tokens, split, split_all
from tests.ingest.conftest import word_tokens

UNHURRIED = settings(deadline=None)  # the machine may be busy
WORDS = st.sampled_from(
    ["alpha", "Beta.", "gamma,", "Delta!\n", "e.g.", "\n\n", "# Head\n", "日本。", "🙂", "- x\n", "~~~"]
)
TEXTS = st.one_of(
    st.text(max_size=400),
    st.lists(WORDS, max_size=120).map(" ".join),
    st.lists(WORDS, max_size=60).map("".join),
).map(normalise)


def chunks(text: str, spans: Sequence[Span]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def check(text: str, spans: Sequence[Span], tokens: Tokens, size: ChunkSize) -> None:
    """What holds for every text: all of it is covered, in order, and no chunk is too long."""
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert re.sub(r"\s", "", "".join(chunks(text, spans))) == re.sub(r"\s", "", text)
    for span, chunk in zip(spans, chunks(text, spans), strict=True):
        assert chunk == chunk.strip()
        assert chunk
        counts = [len(offsets) for offsets in tokens([chunk, *span.heading_path])]
        assert sum(counts) + len(span.heading_path) <= size.max_tokens


@UNHURRIED
@given(TEXTS, st.integers(8, 40))
def test_chunks_cover_the_text_by_words(text: str, target: int) -> None:
    size = ChunkSize(target, target + target // 3)
    check(text, split(text, tuple(find_headings(text)), word_tokens, size), word_tokens, size)


@UNHURRIED
@given(TEXTS)
def test_chunks_cover_the_text_by_minilm_tokens(minilm_tokens: Tokens, text: str) -> None:
    size = ChunkSize(12, 20)
    check(text, split(text, tuple(find_headings(text)), minilm_tokens, size), minilm_tokens, size)


@UNHURRIED
@given(TEXTS)
def test_no_token_is_divided(minilm_tokens: Tokens, text: str) -> None:
    spans = split(text, (), minilm_tokens, ChunkSize(8, 8))
    edges = {edge for span in spans for edge in (span.start, span.end)}
    for start, end in minilm_tokens([text])[0]:
        assert not any(start < edge < end for edge in edges) or end - start > 100


@UNHURRIED
@given(st.lists(TEXTS, max_size=5))
def test_batch_equals_singles(texts: list[str]) -> None:
    together = split_all([Outline(text) for text in texts], word_tokens)
    assert together == [split(text, (), word_tokens) for text in texts]


@UNHURRIED
@given(TEXTS, st.integers(8, 40))
def test_a_look_at_a_short_text_tells_what_the_search_finds(text: str, target: int) -> None:
    size = ChunkSize(target, target + target // 3)
    headings = (Heading(0, 0, 0, "A title"), *find_headings(text))
    for some in (headings, headings[:1], ()):
        quick = split(text, some, word_tokens, size)
        with patch("ingest.split._is_one_chunk", return_value=False):
            assert split(text, some, word_tokens, size) == quick


def test_short_text_is_one_chunk() -> None:
    assert split("One. Two.", (), word_tokens) == [Span(0, 9, ())]


def test_empty_text_has_no_chunks() -> None:
    assert split("", (), word_tokens) == []


def test_cuts_stand_at_sentence_ends() -> None:
    text = " ".join(
        f"This is sentence number {word}." for word in ["one", "two", "three", "four", "five", "six"]
    )
    spans = split(text, (), word_tokens, ChunkSize(10, 14))
    assert [chunk.count("sentence") for chunk in chunks(text, spans)] == [2, 2, 2]
    assert all(chunk.endswith(".") for chunk in chunks(text, spans))


def test_cuts_prefer_paragraph_ends() -> None:
    text = "A b c d. E f g h.\n\nI j k l. M n o p."
    assert chunks(text, split(text, (), word_tokens, ChunkSize(8, 12))) == [
        "A b c d. E f g h.",
        "I j k l. M n o p.",
    ]


def test_abbreviations_end_no_sentence() -> None:
    text = "We met Dr. Brown there today at noon. Then we all went home with Mr. Green again."
    first, second = chunks(text, split(text, (), word_tokens, ChunkSize(8, 12)))
    assert first.endswith("noon.")
    assert second.startswith("Then")


def test_long_sentence_is_cut_between_words() -> None:
    text = " ".join(f"w{number}" for number in range(100))
    parts = chunks(text, split(text, (), word_tokens, ChunkSize(20, 25)))
    assert [len(part.split()) for part in parts] == [20, 20, 20, 20, 20]


def test_word_without_tokens_inside_is_cut_by_characters() -> None:
    text = "x" * 5_000
    parts = chunks(text, split(text, (), word_tokens, ChunkSize(10, 12)))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= 1_200


def test_very_long_text_is_cut_in_windows() -> None:
    text = "\n\n".join(f"Paragraph {number} has a few words." for number in range(12_000))
    size = ChunkSize(60, 80)
    spans = split(text, (), word_tokens, size)
    check(text, spans, word_tokens, size)
    assert all(chunk.startswith("Paragraph") for chunk in chunks(text, spans))


MARKDOWN = """# Guide

Read this first, all of it.

## Install

Run the installer and wait for it to end.

## Use

Open the program and then press the big button."""


def test_chunks_carry_their_heading_path() -> None:
    spans = split(MARKDOWN, tuple(find_headings(MARKDOWN)), word_tokens, ChunkSize(10, 16))
    assert [span.heading_path for span in spans] == [("Guide",), ("Guide", "Install"), ("Guide", "Use")]


def test_chunk_over_headings_has_the_shared_path() -> None:
    spans = split(MARKDOWN, tuple(find_headings(MARKDOWN)), word_tokens, ChunkSize(40, 60))
    assert [span.heading_path for span in spans] == [("Guide",)]


def test_heading_stays_with_its_text() -> None:
    text = "Some words come before it here.\n\n## Title\n\nBody of eight words stands under the title."
    spans = split(text, tuple(find_headings(text)), word_tokens, ChunkSize(8, 12))
    assert chunks(text, spans)[1].startswith("## Title\n\nBody")


def test_title_that_is_not_in_the_text_heads_every_path() -> None:
    text = "One two three four five six seven eight. Nine ten eleven twelve."
    spans = split(text, (Heading(0, 0, 0, "Numbers"),), word_tokens, ChunkSize(8, 9))
    assert [span.heading_path for span in spans] == [("Numbers",), ("Numbers",)]


def test_over_long_path_loses_its_outer_titles() -> None:
    headings = (Heading(0, 0, 0, "a b c d e f"), Heading(0, 0, 1, "g h"))
    spans = split("One two three.", headings, word_tokens, ChunkSize(8, 10))
    assert [span.heading_path for span in spans] == [("g h",)]


@pytest.mark.parametrize(("target", "maximum"), [(4, 10), (20, 10)])
def test_impossible_sizes_are_refused(target: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="cannot be made"):
        ChunkSize(target, maximum)


@pytest.mark.parametrize(("window", "size"), [(256, (180, 254)), (512, (180, 510)), (128, (126, 126))])
def test_chunk_size_fits_the_window(window: int, size: tuple[int, int]) -> None:
    chosen = ChunkSize.for_window(window)
    assert (chosen.target_tokens, chosen.max_tokens) == size


def test_window_that_holds_no_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be made"):
        ChunkSize.for_window(9)
