"""Questions of which most is left out: "When?", "And in 2019?", "What about Germany?"."""

import re

from rag.query.exchange import Exchange, Rule, Standalone, as_question, in_context
from rag.query.phrases import (
    ARTICLES,
    AUXILIARY,
    BE,
    PREPOSITIONS,
    REQUEST,
    TOKEN,
    WH,
    YEAR,
    Phrase,
    is_name,
    names,
    noun_phrases,
)

MAX_WORDS = 6
UNCONNECTED_WORDS = 4
"""A phrase of more words, without "and" before it, is a query of its own."""
POSSESSIVE = frozenset({"his", "her", "its", "their"})
ADVERBS = frozenset({"when", "where", "why", "how"})
DATED = re.compile(rf"\b(?:(?:in|since|after|before|during|until|by)\s+)?{YEAR.pattern}", re.IGNORECASE)


def is_fragment(text: str) -> bool:
    """Whether a text cannot be a question by itself: no question word and no verb at its front."""
    words = _words(text)
    return bool(words) and words[0] not in WH | AUXILIARY | REQUEST


def complete(text: str, connected: bool, last: Exchange) -> Standalone | None:
    """Fill in what a fragment leaves out from the question before; None where it is no fragment.

    Args:
        text: the question, without "and" or "what about" at its front.
        connected: whether it had one.
        last: the turn before.
    """
    bare = text.rstrip(" ?.!")
    words = _words(bare)
    if not words or len(words) > MAX_WORDS:
        return None
    if all(word in WH | {"many", "much", "long", "often", "so", "not", "exactly"} for word in words):
        return _ask_otherwise(bare, words, last)
    if YEAR.fullmatch(bare):
        return _elliptic(_dated(f"in {bare}", last.question))
    if words[0] in PREPOSITIONS and (connected or len(words) <= UNCONNECTED_WORDS):
        if any(word in WH for word in words):
            return in_context(last.question, text)
        return _elliptic(_with_phrase(bare, words[0], last.question))
    if connected and is_fragment(bare) and not any(word in AUXILIARY for word in words):
        changed = _with_noun(bare, last.question)
        return _elliptic(changed) if changed else None
    return None


def _words(text: str) -> list[str]:
    return [word.lower() for word in TOKEN.findall(text)]


def _elliptic(question: str) -> Standalone:
    return Standalone(as_question(question), Rule.ELLIPSIS)


def _ask_otherwise(bare: str, words: list[str], last: Exchange) -> Standalone:
    """Put another question word before the last question: "Where did …?" "When?" makes "When did …?"."""
    asked = _words(last.question)
    if len(words) > 1 or words[0] not in ADVERBS or len(asked) < 3:
        return in_context(last.question, as_question(bare))
    first = TOKEN.search(last.question)
    assert first is not None
    rest = last.question[first.end() :].strip()
    if asked[0] in AUXILIARY:
        return _elliptic(f"{bare} {asked[0]} {rest}")
    swappable = asked[0] in ADVERBS or asked[1] not in BE
    if asked[0] in WH and asked[1] in AUXILIARY and swappable:
        return _elliptic(f"{bare} {rest}")
    if asked[0] in {"who", "what"} and asked[1] not in AUXILIARY and last.answer:
        return _elliptic(f"{bare} was it that {last.answer.rstrip('.')} {rest}")
    return in_context(last.question, as_question(bare))


def _dated(phrase: str, question: str) -> str:
    """The question with another year; one without a year gets it at its end."""
    dates = list(DATED.finditer(question))
    return _put(phrase, question, dates[-1].start(), dates[-1].end()) if dates else _append(phrase, question)


def _with_phrase(phrase: str, preposition: str, question: str) -> str:
    """The question with a phrase in place of the last like it: the same preposition, a name for a name."""
    if YEAR.search(phrase):
        return _dated(phrase, question)
    wants_name = is_name(phrase[len(preposition) :])
    candidates = names(question) if wants_name else noun_phrases(question)
    for candidate in reversed(candidates):
        before = re.search(rf"\b{preposition}\s+$", question[: candidate.start], re.IGNORECASE)
        if before and (wants_name or not is_name(candidate.text)):
            return _put(phrase, question, before.start(), candidate.end)
    return _append(phrase, question)


def _with_noun(noun: str, question: str) -> str | None:
    """The question about something else: a name for the last name, a noun for the noun most like it."""
    if is_name(noun):
        found: list[Phrase] = names(question)
        if found:
            return _put(noun, question, found[-1].start, found[-1].end)
    of_names = {p.end for p in names(question)}
    phrases = [p for p in noun_phrases(question) if p.end not in of_names]
    if noun.split(maxsplit=1)[0].lower() in POSSESSIVE:
        return None
    head = noun.rsplit(maxsplit=1)[-1].lower()
    same_head = [p for p in phrases if p.text.split()[-1].lower() == head]
    alike = [p for p in phrases if _has_article(p.text) == _has_article(noun)]
    if not (same_head or alike):
        return None
    # "the revenue of the company": what is asked for comes first; "days of sick leave": it comes last
    chosen = same_head[-1] if same_head else alike[0 if _has_article(noun) else -1]
    return _put(noun, question, chosen.start, chosen.end)


def _has_article(text: str) -> bool:
    return text.split(maxsplit=1)[0].lower() in ARTICLES


def _put(text: str, question: str, start: int, end: int) -> str:
    return question[:start] + text + question[end:]


def _append(phrase: str, question: str) -> str:
    return f"{question.rstrip(' ?.!')} {phrase}?"
