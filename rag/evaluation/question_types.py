"""What kind of answer a question asks for: as its source says, else by its question word."""

import re

from rag.training.data import Example

YES_NO = "yesno"
OTHER = "other"
_QUESTION_WORD = re.compile(
    r"\b(how (?:many|much|long|old|far|often)|who[ms]?e?|what|which|when|where|why|how)\b"
)
_AUXILIARY = re.compile(
    r"^\W*(is|are|was|were|do|does|did|can|could|will|would|shall|should|has|have|had|may|might|must)\b"
)
_SAME = {"whom": "who", "whose": "who", "whos": "who"}


def question_type(example: Example) -> str:
    """What the source calls it, or what `type_of` does."""
    return example.question_type or type_of(example.question)


def type_of(question: str) -> str:
    """One of yesno, who, what, which, when, where, why, how, how many, other."""
    asked = question.lower()
    if _AUXILIARY.match(asked):
        return YES_NO
    found = _QUESTION_WORD.search(asked)
    if not found:
        return OTHER
    word = found[1]
    return "how many" if word.startswith("how ") else _SAME.get(word, word)
