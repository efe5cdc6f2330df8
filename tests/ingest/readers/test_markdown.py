import time

import pytest

from ingest.readers.markdown import find_headings, plain_title
from tests.ingest.readers.conftest import Read, only_document


def headings(text: str) -> list[tuple[int, str, str]]:
    return [
        (heading.level, heading.title, text[heading.start : heading.end]) for heading in find_headings(text)
    ]


def test_both_kinds_of_headings_are_found() -> None:
    text = "Top\n===\n\ntext\n\n## Sub ##\n\nOther\n-----\ntext\n####### seven"
    assert headings(text) == [(1, "Top", "Top\n==="), (2, "Sub", "## Sub ##"), (2, "Other", "Other\n-----")]


def test_code_and_lists_hold_no_headings() -> None:
    text = "```sh\n# comment\n```\n\n~~~~\n# no\n```\n# no\n~~~~\n- item\n---\n\n#hashtag\n\n# Yes"
    assert headings(text) == [(1, "Yes", "# Yes")]


def test_front_matter_gives_the_title(read_bytes: Read) -> None:
    text = "---\ntitle: 'The guide'\n# comment\n---\n\n# Start\n\nText"
    document = only_document(read_bytes("a.md", text))
    assert (document.title, document.text) == ("The guide", text)
    assert [heading.title for heading in document.headings] == ["Start"]


def test_heading_offsets_hold_in_the_normalised_text(read_bytes: Read) -> None:
    document = only_document(
        read_bytes("a.md", "\ufeff\r\nIntro  \r\n\r\n\r\n\r\n\r\n# Cafe\u0301 *au* lait\r\n\r\nText")
    )
    [heading] = document.headings
    assert document.text[heading.start : heading.end] == "# Café *au* lait"
    assert heading.title == "Café au lait"


def test_plain_title_drops_marks() -> None:
    assert plain_title("The `read_all` [function](x.md) *now*  {#id}") == "The read_all function now"


@pytest.mark.parametrize(
    "line",
    ["a" + " " * 200_000 + "b", "[" * 200_000, "[a](" * 100_000, "{#" * 100_000, "[a](()" * 50_000],
    ids=["blanks", "brackets", "targets", "marks", "pairs"],
)
def test_long_heading_takes_no_time(line: str) -> None:
    started = time.process_time()
    assert len(list(find_headings(f"# {line}"))) == 1
    assert time.process_time() - started < 2  # a quadratic search takes minutes


@pytest.mark.parametrize(
    ("line", "title"),
    [("# a #", "a"), ("# a#", "a#"), ("# a \t ##", "a"), ("#", ""), ("## ##", ""), ("# [a](b_(c)) d", "a d")],
)
def test_heading_marks_are_cut(line: str, title: str) -> None:
    assert [heading.title for heading in find_headings(line)] == [title]


@pytest.mark.parametrize("start", ['---\ntitle: ""\n---\n\n', "#\n\n"])
def test_empty_title_falls_back_to_the_name(read_bytes: Read, start: str) -> None:
    assert only_document(read_bytes("notes.md", start + "Text")).title == "notes"
