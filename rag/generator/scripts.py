"""Whether the generator can read a question at all."""

import unicodedata
from collections import Counter

from rag.generator.passages import UNKNOWN, Reading
from rag.generator.stems import ContentStems

OTHER_SCRIPT = "the question is written in another script than the passages that were found"
NO_KNOWN_WORD = "the question has no word that the generator can read"
NO_SUBJECT = "the question does not say what it is about"
NOWHERE = "no passage that was found has the word of the question"
GREETINGS = (
    "hello hi hey good morning afternoon evening thank thanks you please bye goodbye ok okay yes no test"
)
"""A message of these alone asks for nothing."""
MOSTLY = 0.5
CHARACTERS_READ = 1_000


def unreadable_because(reading: Reading) -> str | None:
    """Why a question cannot be answered from its passages; None when it can be tried.

    The generator copies, and compares words: it finds nothing for a question in another alphabet than the
    passages, or one whose word pieces it does not know.
    """
    ids = reading.question_pieces.ids
    if all(i == UNKNOWN for i in ids):
        return NO_KNOWN_WORD
    asked = main_script(reading.question)
    if asked is None:
        return None
    offered = {main_script(p.text) for p in reading.passages} - {None}
    return OTHER_SCRIPT if offered and asked not in offered else None


def pointless_because(reading: Reading, stems: ContentStems) -> str | None:
    """Why a question gives nothing to go by: `What?`, `hello`; None when it does.

    A question with several words may be meant by a passage that has none of them; one word may not.
    """
    asked = stems.of(reading.question)
    if not asked - stems.of(GREETINGS):
        return NO_SUBJECT
    offered = " ".join(f"{p.title} {p.text}" for p in reading.passages) if len(asked) == 1 else ""
    return NOWHERE if len(asked) == 1 and stems.share_missing(reading.question, offered) else None


def main_script(text: str) -> str | None:
    """The script that most letters of a text are in, such as `LATIN`; None where no script does.

    A text without letters has none; a Latin name in a Greek sentence does not make it Latin.
    """
    letters = [c for c in text[:CHARACTERS_READ] if c.isalpha()]
    scripts = Counter("LATIN" if c.isascii() else unicodedata.name(c, "?").split(" ")[0] for c in letters)
    for script, count in scripts.most_common(1):
        if count > MOSTLY * len(letters):
            return "LATIN" if script == "FULLWIDTH" else script
    return None
