"""Texts that a dry run has come past."""

import numpy as np

from ingest.deduplicate import BANDS, Text
from ingest.earlier import EarlierTexts


def bands(*keys: int) -> list[int]:
    return [*keys, *range(1_000 + 100 * keys[0], 1_000 + 100 * keys[0] + BANDS - len(keys))]


def text(number: int) -> Text:
    return Text(f"file:///{number}", f"text {number}", str(number))


def test_texts_are_found_by_each_key_whenever_they_were_added() -> None:
    earlier = EarlierTexts()
    rng = np.random.default_rng(7)
    added: list[list[int]] = []
    for size in (3, 1, 1, 5, 2, 8, 1):
        for _ in range(size):
            keys = rng.integers(-40, 40, BANDS).tolist()
            earlier.add(text(len(added)), keys)
            added.append(keys)
        wanted = [rng.integers(-40, 40, BANDS).tolist() for _ in range(4)]
        found = [(one.number, one.source) for one in earlier.find(wanted)]
        assert found == [
            (number, f"file:///{place}")
            for number, keys in enumerate(wanted)
            for place, others in enumerate(added)
            if set(keys) & set(others)
        ]


def test_nothing_is_found_where_nothing_was_added() -> None:
    assert EarlierTexts().find([bands(1)]) == []


def test_no_more_is_kept_than_the_limit() -> None:
    earlier = EarlierTexts(kept_characters=len("text 0text 1"))
    for number in range(3):
        earlier.add(text(number), bands(number))
    assert [one.sha256 for one in earlier.find([bands(number) for number in range(3)])] == ["0", "1"]
