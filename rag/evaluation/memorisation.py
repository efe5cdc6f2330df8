"""Does an answer say what stood in the training data rather than in the evidence?

An answer is counted as memorised when N of its words in a row stand in a text that was trained on, and
nowhere in the question, the titles or the passages that it was given.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rag.generator.passages import Passage
from rag.training.data import Example, read_examples

N = 3
WORD = re.compile(r"\w+")


def ngrams(text: str, n: int = N) -> set[str]:
    """Every n words in a row, lower-cased, with a space between them."""
    words = WORD.findall(text.lower())
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


def novel_ngrams(answer: str, question: str, passages: Sequence[Passage]) -> frozenset[str]:
    """Those of an answer that its evidence lacks."""
    found = ngrams(answer)
    for text in (question, *(p.title for p in passages), *(p.text for p in passages)):
        if not found:
            break
        found -= ngrams(text)
    return frozenset(found)


def trained_on(wanted: Iterable[str], files: Sequence[Path]) -> frozenset[str]:
    """Those of the wanted n-grams that stand in the examples of training files.

    Raises:
        DataError: a file cannot be read.
    """
    missing = set(wanted)
    found: set[str] = set()
    for text in _texts(files) if missing else ():
        seen = missing & ngrams(text)
        found |= seen
        missing -= seen
    return frozenset(found)


def _texts(files: Sequence[Path]) -> Iterator[str]:
    """Each different text of the examples, one after the other."""
    last = ""  # examples on the same passage mostly stand together
    for path in files:
        for example in read_examples(path):
            for text in _texts_of(example):
                if text != last:
                    yield text
            last = example.passages[-1].text


def _texts_of(example: Example) -> Iterator[str]:
    yield example.question
    yield from (answer.text for answer in example.answers)
    yield example.full_answer or ""
    yield from (passage.text for passage in example.passages)
