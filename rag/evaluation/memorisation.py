"""Does an answer say what stood in the training data rather than in the evidence?

An answer is counted as memorised when N of its words in a row stand in a text that was trained on, and
nowhere in the question, the titles or the passages that it was given.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rag.generator.passages import Passage
from rag.sequences import missing, ngrams
from rag.training.record import texts_of_files


def novel_ngrams(answer: str, question: str, passages: Sequence[Passage]) -> frozenset[str]:
    """Those of an answer that its evidence lacks."""
    given = (question, *(p.title for p in passages), *(p.text for p in passages))
    return frozenset(missing(ngrams(answer), given))


def trained_on(wanted: Iterable[str], files: Sequence[Path]) -> frozenset[str]:
    """Those of the wanted n-grams that stand in the examples of training files.

    Raises:
        DataError: a file cannot be read.
    """
    looked_for = set(wanted)
    found: set[str] = set()
    for text in texts_of_files(files) if looked_for else ():
        seen = looked_for & ngrams(text)
        found |= seen
        looked_for -= seen
    return frozenset(found)
