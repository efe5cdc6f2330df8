"""Words and sentences of answers and passages, as citations compare them."""

import re
from collections.abc import Iterable
from itertools import pairwise

WORD = re.compile(r"\w+")
SENTENCE_END = re.compile(r"[.!?][\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")
_FUNCTION_WORDS = """
a an the this that these those it its he she they them his her their we you i me my our your who whom whose
which what when where why how is are was were be been being am do does did done doing have has had having
will would shall should can could may might must and or but so yet for of in on at by to from with
into onto over under about as than then there here if because while also such some any all both each more
most other very s t
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that claim nothing by themselves."""


def sentence_spans(text: str, uncut: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Start and end of each sentence, without the spaces after it.

    Args:
        text: what to cut.
        uncut: stretches inside which no sentence ends.
    """
    whole = list(uncut)
    ends = [m.end() for m in SENTENCE_END.finditer(text)]
    cuts = [end for end in ends if not any(a < end < b for a, b in whole)]
    spans = [(a, a + len(text[a:b].rstrip())) for a, b in pairwise([0, *cuts, len(text)])]
    return [(a, b) for a, b in spans if b > a]


def sentence_around(text: str, position: int) -> tuple[int, int]:
    """Start and end of the sentence that holds a character."""
    begins = [0, *(m.end() for m in SENTENCE_END.finditer(text))]
    start = max(b for b in begins if b <= position)
    later = [b for b in begins if b > start]
    end = later[0] if later else len(text)
    return start, start + len(text[start:end].rstrip())
