import pytest

from store.index.spelling import edit_distance


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("owl", "owl", 0),
        ("captial", "capital", 1),
        ("teh", "the", 1),
        ("color", "colour", 1),
        ("fox", "fax", 1),
        ("kitten", "sitting", 3),
        ("ca", "abc", 3),  # no part is edited twice: ca, ac, abc does not count
        ("", "ab", 2),
    ],
)
def test_edits_are_counted(a: str, b: str, expected: int):
    assert edit_distance(a, b, 5) == edit_distance(b, a, 5) == expected


def test_counting_stops_above_the_most():
    assert edit_distance("kitten", "sitting", 1) == 2
    assert edit_distance("a" * 10_000, "b", 2) == 3
