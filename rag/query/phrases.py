"""What a question is about, found by its words alone: names, noun phrases, question words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


def listed(words: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(words.split())


WH = listed("who whom whose what which when where why how")
BE = listed("is are was were am be been being")
DO = listed("do does did")
MODAL = listed("can could will would shall should may might must")
HAVE = listed("has have had")
AUXILIARY = BE | DO | MODAL | HAVE
REQUEST = listed("tell give show list explain describe find say know name please define compare")
"""Verbs that ask for something: no subject of the question."""
PREPOSITIONS = listed(
    "in on at by for from to with of about during after before since until till under over between into "
    "through per within without against near around"
)
ARTICLES = listed("the a an my our your this that these those his her its their")
_OTHERS = (
    "and or but so also then not no yes if than as there here it they them he she him hers we us you i me "
    "one ones much many more most long old tall big large far often soon early late high deep fast just "
    "still ever only some any all both each every same other another such very too s"
)
FUNCTION_WORDS = WH | AUXILIARY | REQUEST | PREPOSITIONS | ARTICLES | listed(_OTHERS)

SUBJECTS = listed("i you we they he she it to")
"""What a verb follows at once."""

TOKEN = re.compile(r"\w+(?:[-'’.&]\w+)*")
_CAPITAL = r"(?:[A-Z]\.(?:[A-Z]\.)*|[A-ZÀ-ÖØ-Þ][\w'’&-]*(?:\.\w+)*)"
_JOINED = r"(?:of the|of|the|and the|and|de la|de|da|di|du|la|von|van|der|den|el|al|bin|&|[0-9]+)"
NAME = re.compile(rf"{_CAPITAL}(?:\s+(?:{_JOINED}\s+)?(?:{_CAPITAL}|[0-9]+\b))*")
YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2})\b")
PARTICIPLE = re.compile(
    r"\w+ed|built|made|found|held|born|known|written|given|taken|sold|bought|paid|sent|kept|led|lost|won|"
    r"begun|broken|chosen|done|driven|fought|grown|hidden|laid|left|meant|put|read|said|seen|shown|set|"
    r"spent|spoken|stolen|taught|told|thrown|understood|worn|used",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Phrase:
    """A part of a question: its text and where it stands."""

    text: str
    start: int
    end: int


def names(text: str) -> list[Phrase]:
    """Names, in order: runs of capitalised words, with a "the" that stands before them."""
    found = []
    for match in NAME.finditer(text):
        start, name = match.start(), match.group()
        while first := re.match(r"(\w+)\s*", name):
            if first.group(1).lower() not in FUNCTION_WORDS:
                break
            start, name = start + first.end(), name[first.end() :]
        name = re.sub(r"['’]s?$", "", name).strip()
        if not name or (start == 0 and name.lower() in FUNCTION_WORDS):
            continue
        article = re.search(r"\b[Tt]he\s+$", text[:start])
        shown = f"the {name}" if article else name
        found.append(Phrase(shown, article.start() if article else start, start + len(name)))
    return found


def noun_phrases(question: str) -> list[Phrase]:
    """What else a question could be about: runs of words that are not function words, with their articles.

    Behind "does" or "can" the verb that follows the subject is left off, behind "was" the participle.
    """
    tokens = [Phrase(m.group(), m.start(), m.end()) for m in TOKEN.finditer(question)]
    found: list[Phrase] = []
    i = 0
    while i < len(tokens):
        if tokens[i].text.lower() in FUNCTION_WORDS:
            i += 1
            continue
        end = i
        while (
            end < len(tokens)
            and (tokens[end].text.lower() not in FUNCTION_WORDS or (tokens[end].text == "A" and end > i))
            and (end == i or question[tokens[end - 1].end : tokens[end].start].isspace())
        ):
            end += 1
        span = _without_verb(tokens, i, end)
        if span is not None:
            first, last = span
            while first > 0 and tokens[first - 1].text.lower() in ARTICLES:
                first -= 1
            start, stop = tokens[first].start, tokens[last - 1].end
            found.append(Phrase(question[start:stop], start, stop))
        i = end
    return found


def _without_verb(tokens: Sequence[Phrase], first: int, last: int) -> tuple[int, int] | None:
    """Leave the verb off a run of words; None where nothing else is left."""
    before = [t.text.lower() for t in tokens[:first]]
    at = first - 1
    while at >= 0 and before[at] in ARTICLES:
        at -= 1
    helper = before[at] if at >= 0 else ""
    subject_missing = len(before) <= 2 and bool(before) and before[0] in {"who", "what", "which"}
    if subject_missing and (len(before) == 1 or helper in MODAL | HAVE):
        first += 1  # "who approves flights", "who can approve flights": the verb comes first
    elif last < len(tokens) and tokens[last].text.lower() in AUXILIARY:
        pass  # "does the office have": the verb is not among them
    elif (helper in DO | MODAL and last - first > 1) or (
        helper in BE | HAVE and last - first > 1 and PARTICIPLE.fullmatch(tokens[last - 1].text)
    ):
        last -= 1
    elif before and before[-1] in SUBJECTS:
        first = last  # "when did they settle": a verb alone
    return (first, last) if first < last else None


def topic(question: str) -> str | None:
    """What a question is about: its first name, else its first noun phrase with an article, else its last."""
    found = names(question)
    phrases = noun_phrases(question)
    if found:
        name = found[0]
        around = [p.text for p in phrases if p.start <= name.start and name.end < p.end]
        return around[0] if around else name.text  # "the Apollo program"
    if not phrases:
        return None
    definite = [i for i, p in enumerate(phrases) if p.text.split()[0].lower() in ARTICLES]
    first = last = definite[0] if definite else len(phrases) - 1
    if not definite and first > 0 and _are_joined(question, phrases[first - 1], phrases[first]):
        first -= 1
    while last + 1 < len(phrases) and _are_joined(question, phrases[last], phrases[last + 1]):
        last += 1
    return question[phrases[first].start : phrases[last].end]


def _are_joined(question: str, one: Phrase, next_one: Phrase) -> bool:
    return question[one.end : next_one.start].strip().lower() == "of"


def is_name(text: str) -> bool:
    """Tell whether a text is a single name."""
    bare = re.sub(r"^[Tt]he\s+", "", text.strip().rstrip(".?!"))
    found = names(bare)
    return len(found) == 1 and found[0].start == 0 and found[0].end == len(bare)
