import json
from pathlib import Path

import pytest

from rag.evaluation.memorisation import novel_ngrams, trained_on
from rag.evaluation.question_types import type_of
from rag.generator.passages import Passage
from rag.sequences import missing, ngrams, sequences
from tests.rag.test_data import line


def test_ngrams_are_words_in_a_row() -> None:
    assert ngrams("One, two THREE four.") == {"one two three", "two three four"}
    assert ngrams("one two") == set()


def test_a_text_of_few_words_is_one_sequence() -> None:
    assert sequences("New York!") == {"new york"}
    assert sequences("New York City hall") == {"new york city", "york city hall"}
    assert sequences("…") == set()


def test_sequences_are_found_as_whole_words_only() -> None:
    assert missing({"a ship", "her ship"}, ["A shipment.", "Her\nSHIP sank."]) == {"a ship"}


def test_what_evidence_has_is_not_novel() -> None:
    evidence = [Passage("The ship sailed to Oslo.", "Anna of Bergen")]
    novel = novel_ngrams("Anna of Bergen sailed to Oslo", "Where did it sail?", evidence)
    assert novel == {"of bergen sailed", "bergen sailed to"}


def test_only_what_training_files_hold_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(line(1)) + "\n")
    assert trained_on({"sailed to port", "sailed to oslo"}, [path]) == {"sailed to port"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Whose ship sank?", "who"),
        ("Whos the captain?", "who"),
        ("In which year was it built?", "which"),
        ("How many sailors were there?", "how many"),
        ("How was it built?", "how"),
        ("Can ships fly?", "yesno"),
        ("Name the captain.", "other"),
    ],
)
def test_types_of_questions(question: str, expected: str) -> None:
    assert type_of(question) == expected
