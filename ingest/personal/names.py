"""Names of persons, through a token-classification model from a local folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.errors import NamesModelError
from ingest.personal.finding import Finding, Kind, Recogniser

_PERSON = frozenset({"PER", "PERSON", "NAME"})
_WINDOW_CHARACTERS = 1_000
"""How much text the model reads at a time: fewer tokens than any of them takes at once."""
MIN_SCORE = 0.5


def name_recogniser(folder: Path) -> Recogniser:
    """Returns what finds names with the model in a folder; loading it takes seconds.

    Raises:
        NamesModelError: The folder holds no model for token classification, or one that knows no persons.
    """
    from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

    if not folder.is_dir():
        raise NamesModelError(folder, "it is no folder")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForTokenClassification.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise NamesModelError(folder, f"it cannot be loaded ({type(error).__name__})") from error
    labels = {_plain(label) for label in model.config.id2label.values()}
    if not labels & _PERSON:
        raise NamesModelError(folder, f"its labels are {', '.join(sorted(labels))}, none of them for persons")
    classify: Any = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple"
    )

    def find_names(text: str) -> Iterator[Finding]:
        windows = list(_windows(text))
        found = classify([text[start:end] for start, end in windows]) if windows else []
        for (start, _), entities in zip(windows, found, strict=True):
            for entity in entities:
                if _plain(entity["entity_group"]) in _PERSON and entity["score"] >= MIN_SCORE:
                    first, last = start + entity["start"], start + entity["end"]
                    value = " ".join(text[first:last].split()).casefold()
                    if any(map(str.isalpha, value)):
                        yield Finding(Kind.NAME, first, last, value)

    return find_names


def _plain(label: str) -> str:
    """Returns a label without the mark of where in a name it stands."""
    return label.upper().removeprefix("B-").removeprefix("I-")


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Cuts a text between lines where it can, else between words."""
    start = 0
    while start < len(text):
        end = min(start + _WINDOW_CHARACTERS, len(text))
        if end < len(text):
            cut = max(text.rfind("\n", start, end), text.rfind(". ", start, end))
            cut = cut if cut > start else text.rfind(" ", start, end)
            end = cut + 1 if cut > start else end
        if text[start:end].strip():
            yield start, end
        start = end
