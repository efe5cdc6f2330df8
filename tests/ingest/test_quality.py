import pytest

from ingest.corpus_settings import QualitySettings
from ingest.quality import Quality, measure, reason_to_refuse


def test_signals_of_a_text_by_hand() -> None:
    # 8 words, 20 visible characters with 2 symbols; 6 runs of three words, "a b c" twice.
    assert measure("a b c a b c dd, ee!") == Quality(19, 8, 2 / 12, 1 / 6)


def test_empty_text_has_no_shares() -> None:
    assert measure("") == Quality(0, 0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("chosen", "text", "reason"),
    [
        ({"min_characters": 10}, "short", "it has 5 characters, fewer than 10"),
        ({"min_words": 3}, "two words", "it has 2 words, fewer than 3"),
        ({"max_symbol_share": 0.3}, "a +++ b", "60% of it are symbols, more than 30%"),
        ({"max_repetition": 0.5}, "buy it now " * 9, "88% of it repeats itself, more than 50%"),
        ({"max_repetition": 0.5, "min_words": 3}, "All is well with this text.", None),
        ({}, "", None),
    ],
)
def test_text_is_refused_for_a_reason(chosen: dict[str, float], text: str, reason: str | None) -> None:
    assert reason_to_refuse(text, QualitySettings(**chosen)) == reason  # type: ignore[arg-type]
