"""Follow-up questions of a conversation made to stand alone, by rules for English.

    Who founded Apple? Steve Jobs.      When was he born?      When was Steve Jobs born?
    How tall is the Eiffel Tower?       When was it built?     When was the Eiffel Tower built?
    How many visitors came in 2018?     And in 2019?           How many visitors came in 2019?
    What is the capital of France?      And Germany?           What is the capital of Germany?
    Where did the Normans settle?       When?                  When did the Normans settle?

A follow-up that no rule can rewrite is put behind the question before it, which finds the same documents.
"""

import re
from collections.abc import Sequence

from rag.query.exchange import Exchange, Rule, Standalone, as_question, in_context
from rag.query.fragments import complete, is_fragment
from rag.query.phrases import names
from rag.query.references import resolve

OPENING = re.compile(
    r"\s*(?:(?:and|but|or|so|also|then|ok|okay|well)\b[\s,]*)*(?:(?:what|how)\s+about\s+|what\s+of\s+)?",
    re.IGNORECASE,
)
POINTING = re.compile(
    r"\b(?:is|was|did|does|do|are|were|would|will|can)\s+(?:that|this|those|these)(?:\s+\w+)?\s*\??$|"
    r"\b(?:about|of|for|with|by|after|before|from|like|than)\s+(?:that|this)\s*\??$|"
    r"\bthe\s+(?:former|latter|other|first|second|third|last|next)(?:\s+one)?\s*\??$|"
    r"\b(?:which|that|this|other|first|second|third|last|next)\s+one\b",
    re.IGNORECASE,
)
"""Points at what was said before as a whole, or at one of several things."""

ASKS = re.compile(
    r"(?:what|who|when|where|which|how (?:much|many|long|old|high|large)) (?:is|are|was|were)\b"
    r"(?=.*\w['’]s?\s)",
    re.IGNORECASE,
)
OWNED = re.compile(r"(?:his|her|its|their)\s+(?:\w+\s*){1,4}\?*$", re.IGNORECASE)
"""Asks the same of something else that belongs to it: "What is her budget?" "And her headcount?"."""


def make_standalone(question: str, before: Sequence[Exchange]) -> Standalone | None:
    """Rewrite a follow-up; None where the question stands alone already, or nothing came before it.

    Args:
        question: as it was asked.
        before: the turns before, the last one last.
    """
    if not before:
        return None
    last = before[-1]
    opening = OPENING.match(question)
    assert opening is not None  # it matches the empty text
    rest = question[opening.end() :].strip()
    connected = bool(opening.group().strip())
    asks = ASKS.match(last.question)
    if asks and OWNED.match(rest) and is_fragment(rest):
        return Standalone(as_question(resolve(f"{asks.group()} {rest}", before)), Rule.ELLIPSIS)
    completed = complete(rest, connected, last)
    if completed is not None:
        return completed
    if (connected and is_fragment(rest)) or (POINTING.search(rest) and not names(rest)):
        return in_context(last.question, question)
    resolved = resolve(rest, before)
    return Standalone(as_question(resolved), Rule.REFERENCE) if resolved != rest else None
