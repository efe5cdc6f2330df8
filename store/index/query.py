"""What a query says besides its words: phrases, and what must or must not be in a text."""

import re
from dataclasses import dataclass

PHRASE = re.compile(r"(?<![^\s(])([+-]?)(?:\"([^\"]*)\"|[“„]([^“”„]*)[”“])(?!\w)")
"""Words in double quotes, straight or curved, that begin and end where words do."""
SIGNED = re.compile(r"(?<![^\s(])([+-])([^\W\d]\S*)")
"""A word right behind its sign. A digit behind a sign makes it a number: -40, +49."""
ENDINGS = ".,;:!?)"


@dataclass(frozen=True)
class KeywordQuery:
    """A query and its conditions.

    `text` is what is looked for, without what is excluded; the words and phrases of `required` stand in
    every text that may be found, those of `excluded` in none.
    """

    text: str
    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def has_conditions(self) -> bool:
        """Whether there is anything that must or must not be in a text."""
        return bool(self.required or self.excluded)


def parse(query: str) -> KeywordQuery:
    """Read the syntax of a query: `"exact phrase"`, `+required`, `-excluded`, `-"excluded phrase"`.

    Every text is a query. What is not written like one of these, such as a lone quote or a sign with a space
    behind it, is text like any other.
    """
    required: list[str] = []
    excluded: list[str] = []

    def take(sign: str, words: str, shown: str) -> str:
        if not re.search(r"\w", words):
            return shown
        (excluded if sign == "-" else required).append(words)
        return " " if sign == "-" else f" {words} "

    def take_phrase(match: re.Match[str]) -> str:
        return take(match[1], (match[2] or match[3] or "").strip(), match[0])

    def take_word(match: re.Match[str]) -> str:
        return take(match[1], match[2].rstrip(ENDINGS), match[0])

    # Between phrases only: a sign inside of quotes is part of the phrase.
    pieces = []
    end = 0
    for match in PHRASE.finditer(query):
        pieces += [SIGNED.sub(take_word, query[end : match.start()]), take_phrase(match)]
        end = match.end()
    text = "".join([*pieces, SIGNED.sub(take_word, query[end:])])
    if not required and not excluded:
        return KeywordQuery(query)
    return KeywordQuery(
        " ".join(text.split()), tuple(dict.fromkeys(required)), tuple(dict.fromkeys(excluded))
    )
