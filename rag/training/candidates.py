"""What could be asked about: spans of a paragraph like those that people chose as answers.

Four kinds, found by rules: names; numbers and dates; phrases between function words; and what follows a word
that introduces a reason, a purpose or a means. They are taken about as often as people
took them for SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, table 2).
"""

import random
import re
from collections.abc import Sequence

from rag.generator.words import FUNCTION_WORDS, sentence_spans
from rag.training.data import Answer

NAME, NUMBER, PHRASE, CLAUSE = "name", "number", "phrase", "clause"
SHARES = {NAME: 0.36, NUMBER: 0.26, PHRASE: 0.30, CLAUSE: 0.08}
LONGEST_WORDS = 12
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_UNIT = (
    r"(?:percent|per cent|%|million|billion|trillion|thousand|hundred|years?|months?|weeks?|days?|"
    r"hours?|minutes?|kilometers?|kilometres?|km|miles?|meters?|metres?|m|feet|ft|acres|hectares|ha|kg|tons?|tonnes|people|"
    r"inhabitants|residents|members|students|dollars|euros|pounds|times|seats|votes|points|games)"
)
_NUMBER = re.compile(
    rf"\b\d{{1,2}} {_MONTH}(?: \d{{4}})?\b|\b{_MONTH} \d{{1,2}}(?:, \d{{4}})?\b|\b{_MONTH},? \d{{4}}\b|"
    rf"(?:[$£€]|\b)\d[\d,]*(?:\.\d+)?(?:(?: ?%)| (?:million |billion )?{_UNIT}\b|s\b|\b)|"
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|fifty)\b"
    rf"(?: (?:million |hundred |thousand )?{_UNIT}\b)?"
)
_CAPITAL = r"[A-Z][\w.'’&-]*\w"
_NAME = re.compile(
    rf"{_CAPITAL}(?: (?:(?:of|the|de|la|von|van|der|and|for|du|da) ){{0,2}}(?:{_CAPITAL}|[IVX]+\b))*"
)
_DETERMINED = re.compile(
    r"\b(?:the|a|an|its|his|her|their|of|for|with|by|in|as|from|into|called|including|some|many|several)\s+"
)
_PHRASE = re.compile(r"[a-z][\w'’-]*(?: [\w'’-]+){0,4}")
_CLAUSE = re.compile(
    r"\b(?:because(?: of)?|due to|in order to|so that|to(?= [a-z]+ (?:the|a|an|its|their|his|her)\b)|"
    r"(?:by|for|after)(?= [a-z]+ing\b))\s+(?:[\w'’-]+ ){1,9}[\w'’-]+(?=[.,;:)])"
)
_INTRODUCES = re.compile(r"^(?:because|so that)\s+")
_VERB_LIKE = re.compile(r"(?:ed|ly|ing)$")


def propose(text: str, number: int, rng: random.Random) -> list[Answer]:
    """Return up to so many answers of a paragraph, of different sentences where that is possible."""
    spans = sentence_spans(text)
    by_kind = {kind: found for kind in SHARES if (found := find(kind, text, spans))}
    chosen: list[Answer] = []
    for _ in range(4 * number):
        if len(chosen) == number or not by_kind:
            break
        (kind,) = rng.choices(list(by_kind), [SHARES[k] for k in by_kind])
        answer = rng.choice(by_kind[kind])
        asked = {_sentence_of(a, spans) for a in chosen}
        if _sentence_of(answer, spans) not in asked:
            chosen.append(answer)
    return chosen


def find(kind: str, text: str, sentences: Sequence[tuple[int, int]]) -> list[Answer]:
    """All spans of a kind."""
    finders = {NAME: _names, NUMBER: _numbers, PHRASE: _phrases, CLAUSE: _clauses}
    found = []
    for start, end in sentences:
        for first, last in finders[kind](text[start:end]):
            answer = text[start + first : start + last]
            if len(answer.split()) <= LONGEST_WORDS:
                found.append(Answer(answer, start + first))
    return found


def _names(sentence: str) -> list[tuple[int, int]]:
    """Capitalised words in a row; one alone at the beginning of a sentence may be any word."""
    return [
        m.span()
        for m in _NAME.finditer(sentence)
        if (m.start() > 0 or " " in m[0]) and m[0].split()[0].lower() not in FUNCTION_WORDS
    ]


def _numbers(sentence: str) -> list[tuple[int, int]]:
    return [m.span() for m in _NUMBER.finditer(sentence)]


def _phrases(sentence: str) -> list[tuple[int, int]]:
    """Content words in a row after a word that often stands before a noun, up to the next function word."""
    found = []
    for before in _DETERMINED.finditer(sentence):
        phrase = _PHRASE.match(sentence, before.end())
        if phrase is None:
            continue
        words: list[str] = []
        for word in phrase[0].split():
            if word.lower() in FUNCTION_WORDS:
                break
            words.append(word)
        if words and len(words) <= 4 and not _VERB_LIKE.search(words[-1]) and len(" ".join(words)) > 3:
            found.append((before.end(), before.end() + len(" ".join(words))))
    return found


def _clauses(sentence: str) -> list[tuple[int, int]]:
    found = []
    for match in _CLAUSE.finditer(sentence):
        introduces = _INTRODUCES.match(match[0])
        found.append((match.start() + (introduces.end() if introduces else 0), match.end()))
    return found


def _sentence_of(answer: Answer, sentences: Sequence[tuple[int, int]]) -> int:
    return next(i for i, (_, end) in enumerate(sentences) if answer.start < end)
