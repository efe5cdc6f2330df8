"""Lists around a stretch of text."""

from rag.generator.series import series_around

STEPS = (
    "Calibrate once a year. To calibrate it:\n\n1. Heat it.\n2. Press CAL for\n   five seconds.\n\n"
    "3. Wait.\n\nThen put it back.\n\n- a dot"
)


def around(words: str) -> list[str]:
    start = STEPS.index(words)
    series = series_around(STEPS, start, start + len(words))
    return [STEPS[series.start : end] for end in series.ends] if series else []


def test_an_item_brings_the_whole_list_with_the_sentence_that_leads_to_it() -> None:
    assert around("Press CAL") == [
        "To calibrate it:\n\n1. Heat it.",
        "To calibrate it:\n\n1. Heat it.\n2. Press CAL for\n   five seconds.",
        "To calibrate it:\n\n1. Heat it.\n2. Press CAL for\n   five seconds.\n\n3. Wait.",
    ]


def test_a_sentence_that_leads_to_a_list_brings_it_too() -> None:
    assert len(around("To calibrate it:")) == 3


def test_a_sentence_beside_a_list_and_a_single_item_bring_none() -> None:
    assert around("Then put it back.") == []
    assert around("Calibrate once a year.") == []
    assert around("a dot") == []
