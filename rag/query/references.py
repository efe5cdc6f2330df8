"""Pronouns that stand for something said before: who "he" is, what "it" is, where "there" is."""

import re
from collections.abc import Callable, Sequence

from rag.query.exchange import Exchange
from rag.query.phrases import (
    ARTICLES,
    AUXILIARY,
    FUNCTION_WORDS,
    PREPOSITIONS,
    SUBJECTS,
    TOKEN,
    YEAR,
    is_name,
    listed,
    names,
    topic,
)

PERSONS = listed("he him his she her hers")
THINGS = listed("it its")
MANY = listed("they them their theirs")
POSSESSIVE = listed("his her hers its their theirs")
TIMES = listed("year day month time century period decade")

EXPLETIVE = re.compile(
    r"\bit\s+(?:rain|snow)\w*|\bwhat\s+time\s+is\s+it\b|\bit\s+(?:takes?|costs?|means?)\b.*\bto\s+(?!the\b|a\b|an\b)|"
    r"\b(?:is|was|was|would|be)\s+it\s+(?:\w+\s+)?(?:to|that|if)\b|\bit\s+(?:is|was)\s+\w+\s+(?:to|that|if)\b",
    re.IGNORECASE,
)
"""An "it" that stands for nothing."""
EXISTENTIAL = re.compile(
    r"\b(?:is|are|was|were|be|been)\s+there\b|\bthere\s+(?:is|are|was|were|be|been)\b", re.IGNORECASE
)
DEMONSTRATIVE = re.compile(
    r"\b(?:(?P<preposition>in|of|at|for|during)\s+(?:this|that|these|those)|(?:this|these|those))"
    r"\s+(?P<noun>[a-z]\w+)",
    re.IGNORECASE,
)
KIND_ASKED = re.compile(
    r"(?:which|what)\s+(?:(?:is|was|are|were)\s+the\s+\w+(?:\s+\w+)?\s+(?:of|in)\b|(\w+))", re.IGNORECASE
)

Find = Callable[[Sequence[Exchange]], str | None]


def resolve(question: str, before: Sequence[Exchange]) -> str:
    """Replace the first pronoun that points back, and the others of its kind, by what it stands for.

    The question comes back as it was where it holds none, or says itself what the pronoun stands for.
    """
    if EXPLETIVE.search(question):
        return question
    for match in TOKEN.finditer(question):
        find = _what(match, question)
        if find is None:
            continue
        if _has_own_antecedent(question[: match.start()]):
            return question
        meant = find(before)
        return _replace(question, match, meant) if meant else question
    return _resolve_demonstrative(question, before)


def _what(match: re.Match[str], question: str) -> Find | None:
    """What finds the thing that a word stands for; None for a word that points at nothing."""
    word = match.group().lower()
    if word in PERSONS:
        return _person
    if word in THINGS:
        return _thing
    if word in MANY:
        return _several
    if word == "there" and not EXISTENTIAL.search(question):
        return _place
    if word == "then" and match.end() == len(question.rstrip(" ?")):
        return _year
    return None


def _has_own_antecedent(front: str) -> bool:
    """Whether the words before a pronoun hold a name, or a noun behind the verb or with an article."""
    if names(front):
        return True
    words = [word.lower() for word in TOKEN.findall(front)]
    verb = next((i for i, word in enumerate(words) if word in AUXILIARY), len(words))
    return any(
        i > 0
        and word not in FUNCTION_WORDS
        and words[i - 1] not in SUBJECTS  # "how can I reach her": a verb
        and (i > verb or words[i - 1] in ARTICLES | PREPOSITIONS)
        for i, word in enumerate(words)
    )


def _replace(question: str, match: re.Match[str], meant: str) -> str:
    """Put what is meant in the place of a pronoun and of those behind it that stand for the same."""
    word = match.group().lower()
    kind = next((kind for kind in (PERSONS, THINGS, MANY) if word in kind), frozenset({word}))

    def swap(found: re.Match[str]) -> str:
        pronoun = found.group().lower()
        if found.start() < match.start() or pronoun not in kind:
            return found.group()
        if pronoun in {"there", "then"}:
            return f"in {meant}"
        behind = TOKEN.match(question, found.end() + 1)
        is_object = pronoun == "her" and (behind is None or behind.group().lower() in FUNCTION_WORDS)
        return _possessive(meant) if pronoun in POSSESSIVE and not is_object else meant

    return TOKEN.sub(swap, question)


def _possessive(text: str) -> str:
    return f"{text}'" if text.endswith("s") else f"{text}'s"


def _resolve_demonstrative(question: str, before: Sequence[Exchange]) -> str:
    """Replace "that year" by the year and "this museum" by the museum that was spoken of."""
    match = DEMONSTRATIVE.search(question)
    if match is None or names(question) or match.group("noun").lower() in FUNCTION_WORDS:
        return question
    preposition = match.group("preposition") or ""
    if match.group("noun").lower() in TIMES:
        meant = _year(before)
        preposition = preposition if preposition.lower() in {"of", "for"} else "in"
    else:
        meant = _thing(before)
    if meant is None:
        return question
    return question[: match.start()] + f"{preposition} {meant}".strip() + question[match.end() :]


def _person(before: Sequence[Exchange]) -> str | None:
    for exchange in reversed(before):
        if exchange.question.lower().startswith("who") and _named_answer(exchange):
            return _named_answer(exchange)
        found = names(exchange.question)
        persons = [name.text for name in found if not name.text.startswith("the ")]
        about = persons[0] if persons else topic(exchange.question)
        if about:
            return about
    return None


def _thing(before: Sequence[Exchange]) -> str | None:
    """The answer where one of its kind was asked for, else what the question was about."""
    for exchange in reversed(before):
        if _asked_for_kind(exchange.question) and _named_answer(exchange):
            return _named_answer(exchange)
        about = topic(exchange.question)
        if about:
            return about
    return None


def _several(before: Sequence[Exchange]) -> str | None:
    for exchange in reversed(before):
        answer = (exchange.answer or "").rstrip(".")
        is_plural = " and " in answer or (is_name(answer) and answer.endswith("s"))
        if is_plural and exchange.question.lower().startswith(("who", "which", "what")):
            return answer
        found = [name.text for name in names(exchange.question)]
        plural = [name for name in found if name.endswith("s")]
        about = (plural or found)[0] if found else topic(exchange.question)
        if about:
            return about
    return None


def _place(before: Sequence[Exchange]) -> str | None:
    for exchange in reversed(before):
        question = exchange.question
        asked = question.lower().startswith("where") or _asked_for_kind(question)
        if asked and exchange.answer:
            return re.sub(r"^(?:in|at)\s+", "", exchange.answer.rstrip("."))
        found = names(question)
        inside = [n for n in found if re.search(r"\b(?:in|at|from|to|of)\s+$", question[: n.start])]
        if found:
            return (inside or found)[-1].text
    return None


def _year(before: Sequence[Exchange]) -> str | None:
    for exchange in reversed(before):
        years = YEAR.findall(exchange.answer or "") or YEAR.findall(exchange.question)
        if years:
            return str(years[-1])
    return None


def _asked_for_kind(question: str) -> bool:
    """Whether a question asks for one of a kind: "which river …", "what is the capital of …"."""
    match = KIND_ASKED.match(question)
    return match is not None and (match.group(1) is None or match.group(1).lower() not in FUNCTION_WORDS)


def _named_answer(exchange: Exchange) -> str | None:
    answer = (exchange.answer or "").rstrip(".")
    return answer if answer and is_name(answer) else None
