"""What question understanding works on and what it gives."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Exchange:
    """A question of the conversation, already made to stand alone, and its answer; None where withheld."""

    question: str
    answer: str | None


class Rule(StrEnum):
    """How a question was changed before it was sent."""

    REFERENCE = "reference"
    """A pronoun was replaced by what it stands for."""
    ELLIPSIS = "ellipsis"
    """What was left out was taken from the question before."""
    CONTEXT = "context"
    """The question before was put in front."""
    GENERATOR = "generator"
    """A language model wrote it anew."""
    SPELLING = "spelling"
    """A word that the corpus does not have was spelt as the corpus spells one."""


@dataclass(frozen=True)
class Standalone:
    """A question that can be understood by itself, and how it came about."""

    question: str
    rule: Rule


def in_context(previous: str, question: str) -> Standalone:
    """Put the question before in front: what no rule can rewrite still finds the right documents."""
    return Standalone(f"{previous} {question}", Rule.CONTEXT)


def as_question(text: str) -> str:
    """A text with a capital at its front and a question mark, unless it ends otherwise."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", ".", "!")) else text + "?"
