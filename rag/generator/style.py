"""Which questions ask for a sentence rather than a few words."""

import re
from collections.abc import Iterable

from rag.generator.settings import Style

_REASON = r"why|how come|for what reasons?|what (?:\w+ ){0,4}(?:reasons?|causes?|caused|purpose)\b"
_WAY = (
    r"how (?:do|does|did|can|could|should|would|will|is|are|was|were|has|have|to|am|might|may|must|exactly)\b"
)
_TASK = (
    r"(?:please )?(?:describe|explain|list|name|enumerate|summari[sz]e|compare|outline|define|discuss|"
    r"elaborate|tell (?:me|us)|give (?:me|us)?|write|show)\b"
)
_KINDS = (
    r"(?:what|which) (?:are|were)\b|(?:what|which) (?:\w+ ){0,3}\w+s (?:are|were)\b|"
    r"what (?:happen(?:s|ed)?|is the (?:difference|meaning|relationship|role))\b|"
    r"what do(?:es)? .{1,80}\b(?:do|mean|stand for)\W*$|what (?:is|are|was|were) .{1,80} about\W*$"
)
_NOUN = r"(?!(?:of|for|in|on|at|to|with|from|by)\b)"
_DEFINITION = (
    r"what (?:is|are) (?!(?:the|its|his|her|their|your|my|our|this|that|these|those)\b)(?:"
    rf"an? (?P<one>[\w.'()-]+(?: {_NOUN}[\w.'()-]+){{0,4}})|"
    r"(?P<some>[\w.'()-]+(?: [\w.'()-]+)?)|"
    rf"(?P<named>[a-z-]+(?: {_NOUN}[a-z-]+){{2,3}})"
    r")\W*$"
)
"""`what is a decorator?`, `what is dark matter?`: of a thing with an article there are many, and it is asked
what they are."""
_VERDICT = (
    r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|had)"
    r"(?:n['’]t)?\b(?! (?:which|what|who|whom|whose|when|where)\b)"
)
_OPENING = re.compile(f"(?:{_REASON}|{_WAY}|{_TASK}|{_KINDS}|{_DEFINITION}|{_VERDICT})", re.IGNORECASE)
_SUBJECT = re.compile(_DEFINITION, re.IGNORECASE)
_SUBJECT_OF_TITLE = re.compile(r"what (?:is|are) the (?P<subject>.+?)\W*$", re.IGNORECASE)
_SIDES = re.compile(
    r"(?:compare|.*\bdifferences? between)\s+(?P<one>.+?)\s+(?:and|with|to|vs\.?)\s+(?P<other>.+?)\W*$",
    re.IGNORECASE,
)
_SERIES = re.compile(f"(?:{_WAY}|{_TASK}|{_KINDS})", re.IGNORECASE)
_EXPLANATION = re.compile(f"(?:{_REASON}|{_WAY})", re.IGNORECASE)
_ASKS_VERDICT = re.compile(_VERDICT, re.IGNORECASE)
_ASKED_LATER = re.compile(
    r"[,;:] *(?:and |but |so )?(?:why|how (?:do|does|did|can|is|are|was|were))\b", re.IGNORECASE
)
_LEADING = re.compile(r"^(?:[^\w]+|(?:and|but|so|then|ok|okay|well|hello|hi)\b[,\s]*)+", re.IGNORECASE)


def wants_sentence(question: str) -> bool:
    """Whether a question asks for reasons, a way, a description, a definition, a list, or yes or no.

    Such a question begins with the words that say so, or asks `, why …` after telling what it is about.
    """
    asked = _asked(question)
    return bool(_OPENING.match(asked) or _ASKED_LATER.search(asked))


def wants_explanation(question: str) -> bool:
    """Whether a question asks for reasons or for a way."""
    return bool(_EXPLANATION.match(_asked(question)))


def wants_series(question: str) -> bool:
    """Whether a question may be answered by all items of a list: the steps of a way, or several things."""
    return bool(_SERIES.match(_asked(question)))


def defined(question: str, titles: Iterable[str] = ()) -> str | None:
    """What a question asks the nature of, such as `dark matter`; None where it asks for something else.

    `What is the Abbe number?` does so where a text has that title: else it may ask which number it is.
    """
    asked = _asked(question)
    match = _SUBJECT.match(asked)
    if match:
        return match["one"] or match["some"] or match["named"]
    match = _SUBJECT_OF_TITLE.match(asked)
    return match["subject"] if match and match["subject"].casefold() in map(str.casefold, titles) else None


def sides(question: str) -> tuple[str, str] | None:
    """The two things that a question compares; None where it does not."""
    match = _SIDES.match(_asked(question))
    return (match["one"], match["other"]) if match else None


def wants_verdict(question: str) -> bool:
    """Whether a question asks for yes or no."""
    return bool(_ASKS_VERDICT.match(_asked(question)))


def _asked(question: str) -> str:
    """The last sentence, without words that lead to it."""
    return _LEADING.sub("", re.split(r"(?<=[.!?])\s+", question.strip())[-1])


def resolve_style(
    style: Style, question: str, titles: Iterable[str] = (), *, speaks_sentences: bool
) -> Style:
    """The form that an answer is written in, `span` or `sentence`, from texts with these titles."""
    if style is not Style.AUTO:
        return style
    explained = wants_sentence(question) or defined(question, titles) is not None
    return Style.SENTENCE if speaks_sentences and explained else Style.SPAN
