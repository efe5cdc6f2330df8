import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clean import normalise, normalise_line, sha256

ANY_TEXT = st.text(st.characters(), max_size=60)  # half surrogates included


@settings(deadline=None)
@given(ANY_TEXT)
def test_normalise_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_normalised_text_can_be_stored(text: str) -> None:
    stored = normalise(text)
    stored.encode()
    assert not any(ord(character) < 32 and character not in "\t\n" for character in stored)


def test_normalise_composes_characters() -> None:
    assert normalise("Cafe\u0301") == "Café"


def test_normalise_ends_lines_with_newline() -> None:
    assert normalise("a\r\nb\rc\fd\u2028e") == "a\nb\nc\nd\ne"


def test_normalise_removes_controls_but_keeps_tabs() -> None:
    assert normalise("a\0b\x1bc\td") == "abc\td"


def test_normalise_cuts_line_ends_and_empty_lines() -> None:
    assert normalise("  a  \n\n \n\n\nb \n") == "a\n\n\nb"


def test_normalise_replaces_half_surrogates() -> None:
    assert normalise("a\ud800b") == "a\ufffdb"


def test_normalise_line_shortens() -> None:
    assert normalise_line("one\ntwo  three", 8) == "one two…"


def test_sha256_is_that_of_utf8() -> None:
    assert sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


BLANKS = st.text(st.sampled_from("a \t\n\r\x1c\x85\xa0\u2003\u200b\u2028\u3000"), max_size=30)


@settings(deadline=None)
@given(BLANKS)
def test_normalise_cuts_the_blanks_that_a_regex_would(text: str) -> None:
    lines = re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", text).replace("\x1c", "")
    expected = re.sub(r"\n{4,}", "\n\n\n", re.sub(r"[^\S\n]+(?=\n)", "", lines)).strip()
    assert normalise(text) == expected


def test_long_runs_of_blanks_take_no_time() -> None:
    started = time.process_time()
    assert len(normalise("a" + " " * 1_000_000 + "b")) == 1_000_002
    assert time.process_time() - started < 2  # a quadratic search takes hours
