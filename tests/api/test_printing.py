import pytest

from api.cli.printing import told_place


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({}, ""),
        ({"page": 3}, "page 3"),
        ({"page": 3, "last_page": 4}, "page 3–4"),
        ({"sheet": "Sales", "last_row": 6}, "sheet Sales, to row 6"),
        ({"sheet": "Sales", "row": 2, "last_row": 9}, "sheet Sales, row 2–9"),
    ],
)
def test_place_is_told_in_words(place: dict[str, str | int], words: str) -> None:
    assert told_place(place) == words
